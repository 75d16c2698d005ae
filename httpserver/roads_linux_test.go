package httpserver

import "testing"

// scripted is a source that plays a script.
type scripted struct {
	*adaptedSource
	h script
}

func (s scripted) Handle(x *Exchange) { s.h(x, s.post) }

// shortOpen returns a Config.Open for a script.
func shortOpen(h script) func() (Source, error) {
	return func() (Source, error) {
		s, err := AdaptSource(nil)()
		if err != nil {
			return nil, err
		}
		return scripted{s.(*adaptedSource), h}, nil
	}
}

// onLoop has f called on the thread of the loop, or here if there is none: on the long road any goroutine will do.
func onLoop(t *testing.T, s *site, f func()) {
	t.Helper()
	if s.c.Open == nil {
		f()
		return
	}
	until(t, "the loop to be known", func() bool { // which serves already
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.loops) > 0
	})
	s.loops[0].post(f)
}
