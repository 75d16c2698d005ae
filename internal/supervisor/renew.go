package supervisor

// New workers for a program that is being written: nobody wants another answer of the old
// ones, and what they hold, as a port of a debugger, has to be free for the next.

import "time"

// Renew has every worker drain, and starts another in its place once it has ended. What
// connects meanwhile waits in the kernel for that one. A worker that was still starting is
// killed: it may have read what has changed since.
func (s *Supervisor) Renew() { s.do(s.renew) }

func (s *Supervisor) renew() {
	if s.stopping {
		return
	}
	s.queue = nil
	for _, at := range s.slots {
		at.failures, at.retryAt, at.renews = 0, time.Time{}, true
		if at.next != nil {
			s.killWorker(at.next)
			s.drop(at.next)
		}
	}
	for w := range s.workers {
		if w.state == Serving {
			s.drain(w, reasonReload, 0)
		}
	}
	for _, at := range s.slots {
		s.renewSlot(at)
	}
}

// renewSlot starts a worker in a slot whose old ones have ended.
func (s *Supervisor) renewSlot(at *slot) {
	for w := range s.workers {
		if w.slot == at {
			return // its end has this asked again
		}
	}
	at.renews = false
	s.restart(at, reasonReload)
}
