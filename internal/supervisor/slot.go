package supervisor

// Places for workers, and whose turn it is to be replaced.

import (
	"log/slog"
	"slices"
	"time"
)

// slot is a place for a worker, with sockets of its own.
type slot struct {
	n             int
	current, next *worker // who serves, and who is to; nil: nobody
	served        bool    // some worker of it has been ready
	tried         bool    // some worker of it has been ready, or failed
	going         bool    // it goes away: nobody is started any more
	renews        bool    // a worker is started when the last has ended

	failures int       // since the last worker that lasted
	failedAt time.Time // when the last of them was
	retryAt  time.Time // when to start one again; zero: not by itself
	reason   string    // why that is
	restarts map[string]int
	lastExit string
}

// turn is a replacement to be made.
type turn struct {
	slot   *slot
	reason string
}

// A worker that ends sooner than stable counts as a failure; the pause after one doubles
// from the shortest to the longest. One that has served can do so again: some request, or
// somebody, ends it, and the others need its help soon.
const (
	stable        = time.Second
	shortest      = 100 * time.Millisecond
	longestServed = 2 * time.Second
	longest       = 30 * time.Second
)

// pause notes a failure and returns how long to wait after it, no longer than most.
func (at *slot) pause(most time.Duration) time.Duration {
	d := most
	if at.failures < 9 { // 0.1 s doubled nine times is more than longest
		d = min(shortest<<at.failures, most)
	}
	at.failures++
	at.failedAt = time.Now()
	return d
}

// forgive forgets failures once a worker has lasted that became ready after them.
func (at *slot) forgive(w *worker, now time.Time) {
	if now.Sub(w.served) >= stable && w.served.After(at.failedAt) {
		at.failures = 0
	}
}

// counts notes a restart.
func (s *Supervisor) counts(at *slot, reason string) {
	if at.restarts == nil {
		at.restarts = map[string]int{}
	}
	at.restarts[reason]++
	s.restarts[reason]++
}

// restart starts a worker for a slot that has none, or plans to.
func (s *Supervisor) restart(at *slot, reason string) {
	at.retryAt = time.Time{}
	if at.going || s.stopping || at.next != nil {
		return
	}
	if err := s.start(at, reason); err != nil {
		d := at.pause(longest)
		s.log.Error("worker can not be started", "slot", at.n, "error", err, "again", d)
		at.retryAt, at.reason = time.Now().Add(d), reason
		return
	}
	s.counts(at, reason)
}

// crashed replaces a worker that was to go on, after a pause.
func (s *Supervisor) crashed(w *worker, log *slog.Logger) {
	reason := reasonCrash
	if w.why != "" {
		reason = w.why
	}
	w.slot.forgive(w, time.Now())
	if w.slot.next != nil {
		log.Error("worker is gone", "reason", reason) // its replacement is under way
		return
	}
	d := w.slot.pause(longestServed)
	log.Error("worker is gone", "reason", reason, "pause", d)
	w.slot.retryAt, w.slot.reason = time.Now().Add(d), reason
}

// failedToStart decides what follows when a worker could not start.
func (s *Supervisor) failedToStart(at *slot, log *slog.Logger) {
	at.tried = true
	d := at.pause(longest)
	switch {
	case at.current == nil:
		log.Error("worker did not start", "pause", d)
		at.retryAt = time.Now().Add(d)
		if at.reason == "" {
			at.reason = reasonCrash
		}
	case at.current.why == reasonReload:
		log.Error("reload failed: the workers go on as they were")
		s.queue = slices.DeleteFunc(s.queue, func(t turn) bool { return t.reason == reasonReload })
	default:
		log.Error("replacement did not start", "reason", at.current.why, "pause", d)
		at.retryAt = time.Now().Add(d) // until then nobody asks again
	}
	if at.current != nil {
		at.current.why = ""
	}
	s.spread()
	s.next()
}

// spread starts workers in the slots that have never had one, once the first is ready,
// and tells when all of them are.
func (s *Supervisor) spread() {
	var all []Ready
	for _, at := range s.slots {
		if at.current != nil {
			at.served, at.tried = true, true
			all = append(all, at.current.ready)
		}
		if at.current == nil && at.next == nil && !at.tried && at.retryAt.IsZero() && !s.stopping && !at.going {
			if err := s.start(at, ""); err != nil {
				s.log.Error("worker can not be started", "slot", at.n, "error", err)
				at.tried, at.retryAt, at.reason = true, time.Now().Add(at.pause(longest)), reasonCrash
			}
		}
	}
	waits := slices.ContainsFunc(s.slots, func(at *slot) bool { return !at.tried })
	if !waits && !s.started {
		s.started = true
		if s.c.Started != nil {
			s.c.Started(all)
		}
		s.succeed()
	}
}

// reload replaces every worker, one after the other.
func (s *Supervisor) reload() {
	s.log.Info("reloading", "workers", len(s.slots))
	s.reloads = true
	if s.c.Reloading != nil {
		s.c.Reloading(false)
	}
	s.queue = nil
	for _, at := range s.slots {
		at.failures, at.retryAt = 0, time.Time{}
		if at.next != nil && s.everReady() {
			// It may have read what has changed since. Its end has the slot's turn come again.
			s.killWorker(at.next)
			s.drop(at.next)
		}
		s.queue = append(s.queue, turn{at, reasonReload})
	}
	s.next()
}

// drop takes a worker that was killed while it started out of its slot.
func (s *Supervisor) drop(w *worker) {
	w.state, w.why = Draining, reasonReload
	if w.slot.next == w {
		w.slot.next = nil
	}
	if w.slot.current != nil {
		w.slot.current.why = ""
	}
}

// enqueue has a slot's worker replaced when its turn comes.
func (s *Supervisor) enqueue(at *slot, reason string) {
	if !slices.ContainsFunc(s.queue, func(t turn) bool { return t.slot == at }) {
		s.queue = append(s.queue, turn{at, reason})
		s.next()
	}
}

// next makes the first replacement of the queue, unless one is being made.
func (s *Supervisor) next() {
	for len(s.queue) > 0 && !s.stopping {
		for _, at := range s.slots {
			if at.next != nil {
				return // when it is ready, or failed, this is asked again
			}
		}
		t := s.queue[0]
		s.queue = s.queue[1:]
		if t.slot.going {
			continue
		}
		if t.slot.current != nil {
			t.slot.current.why = t.reason
			s.log.Info("replacing worker", "slot", t.slot.n, "pid", t.slot.current.pid, "reason", t.reason)
		}
		s.restart(t.slot, t.reason)
	}
	s.reloaded()
}

// reloaded tells when the last replacement of a reload is made, or has failed.
func (s *Supervisor) reloaded() {
	under := slices.ContainsFunc(s.slots, func(at *slot) bool { return at.next != nil })
	if !s.reloads || under || len(s.queue) > 0 || s.stopping {
		return
	}
	s.reloads = false
	if s.c.Reloading != nil {
		s.c.Reloading(true)
	}
}

// turnOver goes on with the queue after a slot's worker is ready.
func (s *Supervisor) turnOver(at *slot) {
	at.served, at.retryAt = true, time.Time{}
	at.reason = ""
	s.next()
}
