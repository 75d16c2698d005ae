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
