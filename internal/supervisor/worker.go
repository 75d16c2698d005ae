package supervisor

// One worker, from its start to its end, as the parent sees it.

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// State is how far a worker has come.
type State string

// The states of a worker, in their order.
const (
	Starting State = "starting" // imports what it serves
	Serving  State = "ready"
	Draining State = "draining" // takes no more, ends what it has
	Dead     State = "dead"
)

// Why a worker was replaced. A worker may name others.
const (
	reasonStop    = "stop"
	reasonReload  = "reload"
	reasonCrash   = "crash"
	reasonHang    = "hang"
	reasonAge     = "age"
	reasonRSS     = "rss"
	reasonScale   = "scale"
	reasonSignal  = "signal"
	reasonReplace = "replace"
)

// worker is a process in a slot.
type worker struct {
	slot    *slot
	command *exec.Cmd
	pid     int
	wire    *wire

	state    State
	ready    Ready
	started  time.Time
	served   time.Time // since when it is ready
	heard    time.Time // when its lane answered last
	why      string    // why it is to end; "": it is not
	full     string    // why it wants to be replaced
	drainAt  time.Time // when it is to drain; zero: not by itself
	killAt   time.Time // when patience ends; zero: never
	killed   bool      // by us
	dump     uint64    // the number of the question for a dump
	waiting  map[uint64]chan Answer
	released chan struct{} // its reader has ended
}

// start starts a worker for a slot. reason is why, "" for the first.
func (s *Supervisor) start(at *slot, reason string) error {
	near, far, err := newPair()
	if err != nil {
		return err
	}
	defer far.Close()
	w := &worker{
		slot: at, wire: near, state: Starting, started: time.Now(), command: s.c.Command.worker(at.n, far),
		waiting: map[uint64]chan Answer{}, released: make(chan struct{}),
	}
	if err := s.nursery.start(w.command); err != nil {
		near.close()
		return fmt.Errorf("start a worker: %w", err)
	}
	w.pid = w.command.Process.Pid
	s.workers[w] = struct{}{}
	at.next = w
	s.log.Debug("worker started", "slot", at.n, "pid", w.pid, "reason", reason)
	s.readers.Go(func() { s.read(w) })
	s.readers.Go(func() { s.wait(w) })
	return nil
}

// read hears what w says until its end.
func (s *Supervisor) read(w *worker) {
	defer close(w.released)
	defer w.wire.close()
	for {
		m, files, err := w.wire.receive()
		for _, fd := range files { // none are expected
			unix.Close(fd)
		}
		if err != nil || !s.do(func() { s.hearWorker(w, m) }) {
			return
		}
	}
}

// wait waits for the process of w, and for its last words.
func (s *Supervisor) wait(w *worker) {
	_ = w.command.Wait() // the state tells more
	// A process that it made may hold its end of the channel.
	_ = w.wire.conn.SetReadDeadline(time.Now())
	<-w.released
	s.do(func() { s.ended(w, w.command.ProcessState) })
}

// hearWorker does what a message asks for.
func (s *Supervisor) hearWorker(w *worker, m message) {
	switch m.Kind {
	case kindBeat:
		w.heard = time.Now()
	case kindReady:
		if m.Ready != nil {
			w.ready = *m.Ready
		}
		s.workerReady(w)
	case kindFull:
		w.full = m.Reason
	case kindLeaving:
		s.leaving(w, m.Reason)
	case kindAnswer:
		s.answered(w, m)
	}
}

// workerReady gives w its sockets and lets the one before it go.
func (s *Supervisor) workerReady(w *worker) {
	if w.state != Starting {
		return
	}
	fds, err := s.c.Sockets.Slot(w.slot.n)
	if err == nil {
		err = w.wire.send(message{Kind: kindServe}, fds...)
	}
	if err != nil {
		s.log.Error("worker gets no sockets", "slot", w.slot.n, "pid", w.pid, "error", err)
		s.killWorker(w)
		return
	}
	w.state, w.served, w.heard = Serving, time.Now(), time.Now()
	old := w.slot.current
	w.slot.current, w.slot.next = w, nil
	if old != nil {
		s.drain(old, old.why, 0)
	}
	s.turnOver(w.slot)
	s.spread()
}

// drain has w end what is under way, and itself.
func (s *Supervisor) drain(w *worker, reason string, sig syscall.Signal) {
	if w.why == "" {
		w.why = reason
	}
	if w.state == Draining {
		return
	}
	w.state, w.drainAt = Draining, time.Time{}
	const patience = 5 * time.Second // beyond what it gives itself
	w.killAt = time.Now().Add(s.c.GracefulTimeout + patience)
	if w.served.IsZero() {
		sig = 0 // for handlers of the application: it has none yet, and Python's would tell of it
	}
	if err := w.wire.send(message{Kind: kindDrain, Reason: reason, Signal: int(sig)}); err != nil {
		s.log.Warn("worker can not be told to end", "pid", w.pid, "error", err)
		s.killWorker(w)
	}
}

// leaving notes that w drains already, and has it replaced.
func (s *Supervisor) leaving(w *worker, reason string) {
	if w.state == Draining {
		return
	}
	s.drain(w, reason, 0)
	s.log.Info("worker leaves", "slot", w.slot.n, "pid", w.pid, "reason", reason)
	// Not at once: a signal to every process of a terminal or service reaches this one too, and
	// whoever starts meanwhile would be interrupted.
	w.slot.retryAt, w.slot.reason = time.Now().Add(shortest), reason
}

// killWorker ends the process of w at once.
func (s *Supervisor) killWorker(w *worker) {
	w.killed = true
	w.killAt = time.Time{}
	_ = w.command.Process.Kill() // one that has ended is what was wanted
}

// ended forgets w, whose process has ended, and has it replaced if it was wanted.
func (s *Supervisor) ended(w *worker, p *os.ProcessState) {
	delete(s.workers, w)
	for id, c := range w.waiting {
		delete(w.waiting, id)
		c <- w.answer(nil, errGone)
	}
	at, was := w.slot, w.state
	w.state = Dead
	if at.current == w {
		at.current = nil
	}
	replaces := at.next == w
	if replaces {
		at.next = nil
	}
	at.lastExit = exitText(p)
	s.free(at.n)
	log := s.log.With(slog.Int("slot", at.n), slog.Int("pid", w.pid), slog.String("exit", at.lastExit))
	switch {
	case at.renews && !s.stopping:
		s.renewSlot(at)
	case s.stopping:
		// One that is interrupted while it starts may say what it likes.
		if s.err == nil && (p.ExitCode() > 0 && !w.served.IsZero() || w.killed) {
			s.err = &ExitError{Code: max(p.ExitCode(), 1)}
		}
	case was == Starting && !s.everReady():
		if p.ExitCode() < 0 {
			log.Error("worker did not start")
		}
		s.fail(statusOf(p))
	case was == Starting && replaces:
		s.failedToStart(at, log)
	case was == Draining:
		log.Debug("worker ended", "reason", w.why)
	default:
		s.crashed(w, log)
	}
}

// statusOf is the status that a parent ends with whose first worker ended so.
func statusOf(p *os.ProcessState) int {
	if p.ExitCode() < 0 {
		return 1
	}
	return p.ExitCode()
}

// everReady reports whether a worker has ever been.
func (s *Supervisor) everReady() bool {
	for _, at := range s.slots {
		if at.served {
			return true
		}
	}
	return false
}
