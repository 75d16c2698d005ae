// Package supervisor is the parent of processes that serve: it holds their sockets, starts
// them, replaces those that crash, hang, grow or are old, and ends them. It knows nothing
// of what they serve.
//
//	s := supervisor.New(supervisor.Config{Sockets: sockets, Workers: 4})
//	err := s.Run(ctx) // until a signal has ended all of them
//
// A worker is the same program again, with [Variable] in its environment:
//
//	child, err := supervisor.Attach(os.Getenv(supervisor.Variable))
//	go child.Run(ctx, supervisor.Orders{Drain: drain})
//	files, err := child.Ready(ctx, supervisor.Ready{}) // the sockets to listen on
//
// Workers stand in slots. A slot has sockets of its own, which stay open while its worker
// is replaced: what connects meanwhile waits in the kernel. A replacement gets ready
// first, then the old worker drains.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Sockets is what the slots listen on.
type Sockets interface {
	// Slot returns the descriptors of the sockets of slot n, which it opens where they
	// are not. They stay the owner's.
	Slot(n int) ([]int, error)
	// Close closes those of slot n.
	Close(n int) error
	// Deal has new connections come to these slots only. False: that can not be done, they
	// come to every slot that is open.
	Deal(slots []int) bool
}

// Config says what a parent does.
type Config struct {
	// Sockets is what the slots listen on. Required.
	Sockets Sockets
	// Workers is how many slots there are at first. Default: 1.
	Workers int
	// Command is how a worker is run. Default: as this process was.
	Command Command
	// GracefulTimeout is how long a worker may drain before it is killed. Default: 30 s.
	GracefulTimeout time.Duration
	// WorkerTimeout is how long a worker that is ready may be silent. Default: no limit.
	WorkerTimeout time.Duration
	// MaxAge is when a worker is replaced. Default: never.
	MaxAge time.Duration
	// MaxRSS is how many bytes a worker may hold before it is replaced. Default: no limit.
	MaxRSS int64
	// PIDFile is to name this process. Default: none.
	PIDFile string
	// Heritage is what another parent has handed over to this one, for Sockets to use.
	// Default: this is the first.
	Heritage *Heritage
	// Note returns JSON that a parent which replaces this one gets. Default: none.
	Note func() []byte
	// HeirEnv is added to the environment of such a parent. Default: none.
	HeirEnv []string
	// Reloading is called when the workers are being replaced because of SIGHUP, and with
	// over when that has come to an end. Default: nobody is told.
	Reloading func(over bool)
	// Succeeded is called when another parent has taken over, with its number; this one
	// ends then. Default: nobody is told.
	Succeeded func(pid int)
	// Draining is called once, when the workers are told to end because this parent is to.
	// Default: nobody is told.
	Draining func()
	// Started is called once, when the workers of the first slots are ready, with what
	// each said. Default: nobody is told.
	Started func([]Ready)
	// Logger hears what happens to workers. Default: silence.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Sockets == nil {
		return c, errors.New("run workers: Config.Sockets is nil; set it to what they listen on")
	}
	c.Workers = max(c.Workers, 1)
	if c.GracefulTimeout <= 0 {
		c.GracefulTimeout = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var err error
	c.Command, err = c.Command.withDefaults()
	return c, err
}

// ExitError says that the parent ends with the status of a worker, which has told its
// reason itself.
type ExitError struct{ Code int }

// Error implements error.
func (e *ExitError) Error() string { return fmt.Sprintf("a worker ended with status %d", e.Code) }

// Supervisor is a parent. It is made by New and runs once.
type Supervisor struct {
	c       Config
	log     *slog.Logger
	events  chan func() // run on the goroutine of Run, which has all that follows
	done    chan struct{}
	nursery *nursery
	readers sync.WaitGroup // what was started for workers

	began    time.Time
	slots    []*slot
	workers  map[*worker]struct{} // whose processes have not ended
	queue    []turn               // replacements to make, one after the other
	restarts map[string]int
	lastID   uint64
	heir     *heir
	lost     []int // numbers of new parents that failed
	takers   []int // the slots that new connections come to
	dealt    bool  // and to no others
	adopts   bool
	buried   time.Time
	zombies  map[int]bool // orphans that have ended
	started  bool         // Config.Started has been called
	reloads  bool         // Config.Reloading is to hear of the end of it
	stopping bool         // no worker is started any more
	err      error        // what Run returns
}

// The pace of the parent: how often it looks at its workers.
const pace = 250 * time.Millisecond

// New returns a Supervisor. It starts nothing.
func New(c Config) *Supervisor {
	return &Supervisor{
		c: c, events: make(chan func()), done: make(chan struct{}),
		workers: map[*worker]struct{}{}, restarts: map[string]int{},
	}
}

// Run starts the workers and looks after them until a signal, or the end of ctx, has
// ended them all. An error means that the first start failed.
func (s *Supervisor) Run(ctx context.Context) error {
	defer s.readers.Wait()
	defer close(s.done)
	var err error
	if s.c, err = s.c.withDefaults(); err != nil {
		return err
	}
	s.log, s.began, s.adopts = s.c.Logger, time.Now(), adopts()
	if err := s.claim(); err != nil {
		return err
	}
	defer s.disclaim()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, signalsHeard()...)
	defer signal.Stop(signals)
	s.nursery = newNursery()
	defer s.nursery.close()
	if err := s.begin(); err != nil {
		return err
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	ended := ctx.Done()
	for !s.over() {
		select {
		case f := <-s.events:
			f()
		case sig := <-signals:
			s.hear(sig.(syscall.Signal))
		case now := <-tick.C:
			s.look(now)
		case <-ended:
			ended = nil
			s.stop(0)
		}
		s.deal()
	}
	return s.err
}

// claim writes the pid file. A parent that takes over does so when it serves.
func (s *Supervisor) claim() error {
	if s.c.PIDFile == "" || s.c.Heritage != nil {
		return nil
	}
	return claimPIDFile(s.c.PIDFile)
}

func (s *Supervisor) disclaim() {
	if h := s.c.Heritage; h != nil {
		h.wire.close()
	}
	if s.heir != nil {
		s.heir.wire.close() // without sockets from here it gives up
	}
	if err := removePIDFile(s.c.PIDFile); err != nil {
		s.log.Warn("pid file stays", "error", err)
	}
}

// succeed tells the parent that this one takes the place of that it serves.
func (s *Supervisor) succeed() {
	if s.c.Heritage == nil {
		return
	}
	if s.c.PIDFile != "" {
		if err := writePIDFile(s.c.PIDFile); err != nil {
			s.log.Error("pid file names the old parent", "error", err)
		}
	}
	if err := s.c.Heritage.wire.send(message{Kind: kindHere}); err != nil {
		s.log.Warn("old parent can not be told to end", "error", err)
	}
}

// do has f run on the goroutine of Run; false: that has ended.
func (s *Supervisor) do(f func()) bool {
	select {
	case s.events <- f:
		return true
	case <-s.done:
		return false
	}
}

// begin starts the first worker. The others follow when it is ready: what stops one from
// starting is then told once.
func (s *Supervisor) begin() error {
	for n := range s.c.Workers {
		s.slots = append(s.slots, &slot{n: n})
	}
	if _, err := s.c.Sockets.Slot(0); err != nil {
		return err
	}
	return s.start(s.slots[0], "")
}

// over reports whether there is nothing left to look after.
func (s *Supervisor) over() bool { return s.stopping && len(s.workers) == 0 }

// stop ends every worker, gently; sig is what the parent got.
func (s *Supervisor) stop(sig syscall.Signal) {
	if !s.stopping && s.c.Draining != nil {
		s.c.Draining()
	}
	s.end(reasonStop, sig)
}

func (s *Supervisor) end(reason string, sig syscall.Signal) {
	if s.stopping {
		return
	}
	s.stopping = true
	s.queue = nil
	// The workers have them still, and take what waits there: their end is then the end of
	// the sockets too.
	for _, at := range s.slots {
		s.close(at.n)
	}
	for w := range s.workers {
		if w.slot.going {
			s.close(w.slot.n)
		}
		s.drain(w, reason, sig)
	}
}

// close closes the sockets of slot n.
func (s *Supervisor) close(n int) {
	if err := s.c.Sockets.Close(n); err != nil {
		s.log.Warn("sockets can not be closed", "slot", n, "error", err)
	}
}

// kill ends every worker, and Run, at once.
func (s *Supervisor) kill() {
	s.stop(0)
	s.err = &ExitError{Code: 1}
	for w := range s.workers {
		s.killWorker(w)
	}
}

// fail ends Run with the status of a worker that could not start.
func (s *Supervisor) fail(code int) {
	s.stop(0)
	s.err = nil
	if code != 0 {
		s.err = &ExitError{Code: code}
	}
}
