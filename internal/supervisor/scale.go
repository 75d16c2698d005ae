package supervisor

// More slots, and fewer, and which of them new connections come to.

import (
	"slices"
	"time"
)

// settle is how long a worker whose slot goes away still accepts, once nothing new is dealt
// to it: the kernel may be shaking hands for its sockets.
const settle = time.Second

// more adds a slot and starts its worker.
func (s *Supervisor) more() {
	at := &slot{n: len(s.slots)}
	s.slots = append(s.slots, at)
	s.log.Info("one worker more", "workers", len(s.slots))
	if s.everReady() {
		s.restart(at, reasonScale)
	}
}

// fewer takes the last slot away. Its sockets get nothing new from then on, and are closed
// when its worker has ended. Where that can not be had they are the worker's alone, who takes
// what waits there before it closes them.
func (s *Supervisor) fewer() {
	last := len(s.slots) - 1
	if last == 0 {
		s.log.Warn("the last worker stays; SIGTERM ends all")
		return
	}
	at := s.slots[last]
	at.going = true
	s.slots = s.slots[:last]
	s.log.Info("one worker fewer", "workers", len(s.slots))
	if s.deal(); !s.dealt {
		s.close(at.n)
	}
	for w := range s.workers {
		switch {
		case w.slot != at:
		case s.dealt && w.state == Serving:
			w.drainAt = time.Now().Add(settle)
		default:
			s.drain(w, reasonScale, 0)
		}
	}
	s.free(at.n)
	s.next()
}

// free closes the sockets of a slot that is no more when nobody uses them. One that has its
// number since goes on with them.
func (s *Supervisor) free(n int) {
	if n < len(s.slots) || s.stopping {
		return
	}
	for w := range s.workers {
		if w.slot.n == n {
			return
		}
	}
	s.close(n)
	s.takers = nil // those that are left may be numbered anew
}

// deal has new connections come only to slots whose worker takes them: what is dealt to one
// that has crashed waits there for the next. While the first workers start, each has its
// sockets only when it is ready, or shares them with those of an old parent.
func (s *Supervisor) deal() {
	if !s.started || s.stopping {
		return
	}
	var takers []int
	for _, at := range s.slots {
		if at.current != nil && at.current.takes() {
			takers = append(takers, at.n)
		}
	}
	if len(takers) == 0 {
		return // when somebody takes them again is not known: they wait wherever they are
	}
	if !slices.Equal(takers, s.takers) {
		s.takers, s.dealt = takers, s.c.Sockets.Deal(takers)
	}
}

// takes reports whether w accepts what comes, as far as is known.
func (w *worker) takes() bool {
	return w.state == Serving && w.killAt.IsZero() && !w.killed
}
