package httpserver

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
func onLoop(s *site, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.loops) > 0 {
		s.loops[0].post(f)
		return
	}
	f()
}
