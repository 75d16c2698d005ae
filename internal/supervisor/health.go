package supervisor

// What the parent looks at from time to time.

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// look does what is due.
func (s *Supervisor) look(now time.Time) {
	s.bury(now)
	s.buryHeirs()
	for w := range s.workers {
		if !w.drainAt.IsZero() && now.After(w.drainAt) {
			s.drain(w, reasonScale, 0)
		}
		if !w.killAt.IsZero() && now.After(w.killAt) {
			s.log.Warn("worker is killed", "slot", w.slot.n, "pid", w.pid, "reason", w.why)
			s.killWorker(w)
		}
		if w.state == Serving && w.killAt.IsZero() && !w.killed {
			s.lookAt(w, now)
		}
	}
	for _, at := range s.slots {
		if !at.retryAt.IsZero() && now.After(at.retryAt) {
			at.retryAt = time.Time{}
			if at.current == nil || at.current.state == Draining {
				s.restart(at, at.reason)
			}
		}
		if at.current != nil {
			at.forgive(at.current, now)
		}
	}
}

// lookAt sees whether a worker that serves hangs, or is to be replaced.
func (s *Supervisor) lookAt(w *worker, now time.Time) {
	if silent := now.Sub(w.heard); s.c.WorkerTimeout > 0 && silent > s.c.WorkerTimeout {
		s.hangs(w, silent)
		return
	}
	reason := s.overdue(w, now)
	if reason != "" && w.why == "" && w.slot.next == nil && w.slot.retryAt.IsZero() {
		s.enqueue(w.slot, reason)
	}
}

// hangs has a worker whose lane is silent write down what it does, then kills it.
func (s *Supervisor) hangs(w *worker, silent time.Duration) {
	const dumpTime = 3 * time.Second
	s.log.Error("worker hangs: its lane is silent", "slot", w.slot.n, "pid", w.pid, "silent", silent.Round(time.Millisecond))
	w.why = reasonHang
	w.killAt = time.Now().Add(dumpTime)
	s.lastID++
	w.dump = s.lastID
	if err := w.wire.send(message{Kind: kindDump, ID: w.dump}); err != nil {
		s.killWorker(w)
	}
}

// overdue says why a worker is to be replaced, "" when it is not.
func (s *Supervisor) overdue(w *worker, now time.Time) string {
	switch {
	case w.full != "":
		return w.full
	case s.c.MaxAge > 0 && now.Sub(w.served) > s.c.MaxAge:
		return reasonAge
	case s.c.MaxRSS > 0 && residentBytes(w.pid) > s.c.MaxRSS:
		return reasonRSS
	}
	return ""
}

// residentBytes is what a process holds in memory, 0 where that is not known.
func residentBytes(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
