// Package py is the border: the one place where Go and Python meet.
//
// The two share memory, not stacks. A lane is a thread of Python (or an event
// loop) with an inbox; an office is where Go reads what Python sends. Both are
// rings in C memory, so neither side ever runs on the other's stack, waits for
// the other's locks, or holds the other's pointers: Go names objects of Python
// by [Handle] and callers by ticket.
//
//	rt, err := py.Open(nil, nil)                     // in a process that Python began
//	rt.Handle("shout", func(ctx context.Context, args []any) (any, error) {
//		return strings.ToUpper(args[0].(string)), nil
//	})
//	out, err := rt.Lane(0).Call(ctx, handle, "argument")
//
// A value crosses whole, encoded once: see [Append] and [Decode]. What a value
// means is not known here.
package py

/*
#cgo CFLAGS: -std=gnu11 -O2 -Wall
#cgo LDFLAGS: -ldl -lpthread
#include "py.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Mode says who began the process.
type Mode int

// The three ways a process begins.
const (
	GoFirst  Mode = iota // as Go; Python runs on a thread if at all
	AsPython             // as python, with its own command line; Go came when first needed
	AsPuff               // as Python, to run a program of ours
)

// Hosted returns who began this process.
func Hosted() Mode { return Mode(C.py_hosted()) }

// Carried returns the value that the variable PUFF_WORKER had when Python began this
// process as a program of ours, which Python and its children do not see; else "".
func Carried() string {
	if note := C.py_carried(); note != nil {
		return C.GoString(note)
	}
	return ""
}

// Func is a Go function that Python calls by name. Its context ends when nobody
// waits for the answer any more, or the runtime is closed.
type Func func(ctx context.Context, args []any) (any, error)

// Runtime is the Go half of the one interpreter of this process.
type Runtime struct {
	log    *slog.Logger
	office *Office
	ctx    context.Context
	stop   context.CancelFunc
	run    sync.WaitGroup // the dispatcher and the crew
	crew   crew           // who runs each Func
	clock  clock

	// What answers are encoded in before they are copied out of Go: without it those of a
	// large result are most of the garbage there is.
	buffers sync.Pool

	closing sync.Once

	funcs atomic.Pointer[map[string]*entry] // replaced, never changed
	due   []*entry                          // those that have gathered calls; the dispatcher's
	lanes [C.PY_MAX_LANES]atomic.Pointer[Lane]
	rouse chan *Lane // those that have answers, each once: it has room for all

	mu      sync.Mutex
	closed  bool                          // run has somebody who waits for it
	running map[uint64]context.CancelFunc // calls from Python, by their ticket
	asked   map[uint64]chan answer        // calls to Python, by ours
	last    uint64

	batched atomic.Int64 // calls from Python that run together with others

	ballast []byte // see Open
}

// ballastSize is by how much more the heap may grow before it is collected, bytes. It is
// memory that is reserved and never touched, so the system gives none for it.
const ballastSize = 8 << 20

// Direct is the beginning of a Func on the thread of Python that asks. It must not
// wait. Nil means that it can not be done now, or not so: the Func is called instead.
type Direct func(args []any) Pending

// Pending is what a [Direct] began. One method is called at a time; once Poll says done,
// or Wait was called, no other.
type Pending interface {
	// FD returns a descriptor that is readable when Poll may get further.
	FD() int
	// Poll goes on as far as it can without waiting.
	Poll() (out any, err error, done bool)
	// Wait goes on to the end. When ctx ends it returns soon.
	Wait(ctx context.Context) (any, error)
}

// entry is a function that Python may call. Only gathered changes, and only on the
// dispatcher.
type entry struct {
	f        Func
	inline   bool   // runs on the dispatcher: it does not block
	together *Batch // nil: each call runs by itself
	direct   Direct // nil: no call is begun on the thread that asks
	gathered gathered
}

type answer struct {
	value any
	err   error
}

// opened is the one mutable package variable: CPython is one per process.
var opened atomic.Pointer[Runtime]

// ErrOpen is returned by [Open] when the runtime of this process is open already.
var ErrOpen = errors.New("open Python: this process has its runtime already")

// Open begins to serve Python in this process, with funcs to begin with. A Python that
// came first and waits for Go goes on. The zero logger is silent.
func Open(log *slog.Logger, funcs map[string]Func) (*Runtime, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	rt := &Runtime{
		log:     log,
		clock:   newClock(),
		running: map[uint64]context.CancelFunc{},
		asked:   map[uint64]chan answer{},
		// The heap of a process that is mostly Python is so small that garbage would be
		// collected every few thousand calls, and costs a tenth of each (one call of the
		// HTTP client leaves 20 KB).
		rouse:   make(chan *Lane, C.PY_MAX_LANES),
		ballast: make([]byte, ballastSize),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
	all := map[string]*entry{}
	for name, f := range funcs {
		all[name] = &entry{f: f}
	}
	rt.funcs.Store(&all)
	if !opened.CompareAndSwap(nil, rt) {
		return nil, ErrOpen
	}
	office, err := openOffice(1 << 20)
	if err != nil {
		return nil, err
	}
	rt.office = office
	rt.crew.run = &rt.run
	rt.ctx, rt.stop = context.WithCancel(context.Background())
	clock, err := openLate()
	if err != nil {
		return nil, err
	}
	rt.run.Go(func() { rt.watchLate(clock) })
	rt.run.Go(rt.rousing)
	rt.run.Go(rt.dispatch)
	C.py_go_ready() // Python may call from here on
	return rt, nil
}

// Close ends every call that runs and returns when all are over. Python gets an
// error for whatever it asks from then on.
func (rt *Runtime) Close() {
	rt.stop()
	rt.office.wake()
	rt.crew.close()
	rt.mu.Lock()
	rt.closed = true
	rt.mu.Unlock()
	rt.run.Wait()
	rt.closing.Do(func() {
		// First no more can be written, then what was is refused: nobody waits for ever.
		rt.office.shut()
		rt.office.drain(func(m *Message) {
			if lane := rt.Lane(int(m.Lane)); m.Kind == KindCall && lane != nil {
				lane.finish(m.Ticket, nil, NewError("RuntimeError", "call Go: it has ended"), true)
			}
		})
		rt.office.close()
	})
}

// Handle has Python's calls of name answered by f, each on a goroutine of its own.
func (rt *Runtime) Handle(name string, f Func) {
	rt.change(name, func(e *entry) { *e = entry{f: f} })
}

// HandleInline is Handle for an f that never blocks: it runs where it is read.
func (rt *Runtime) HandleInline(name string, f Func) {
	rt.change(name, func(e *entry) { *e = entry{f: f, inline: true} })
}

// change replaces the entry of name by a changed copy.
func (rt *Runtime) change(name string, change func(*entry)) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	all := maps.Clone(*rt.funcs.Load())
	e := &entry{}
	if old := all[name]; old != nil {
		*e = entry{f: old.f, inline: old.inline, together: old.together, direct: old.direct}
	}
	change(e)
	all[name] = e
	rt.funcs.Store(&all)
}

// Direct has d begin the calls of name, which is handled already, on the thread that asks.
func (rt *Runtime) Direct(name string, d Direct) {
	rt.change(name, func(e *entry) { e.direct = d })
}

// Lane returns lane number id, as Python reported it.
func (rt *Runtime) Lane(id int) *Lane {
	if l := rt.lanes[id].Load(); l != nil {
		return l
	}
	c := C.py_lane_at(C.uint32_t(id))
	if c == nil {
		return nil
	}
	rt.lanes[id].CompareAndSwap(nil, &Lane{rt: rt, c: c, general: newRing(&c.ports[0].ring), ID: id})
	return rt.lanes[id].Load()
}

// dispatch reads the general office until the runtime is closed.
func (rt *Runtime) dispatch() {
	rt.office.serve(rt.ctx, rt.receive, rt.startGathered)
	rt.mu.Lock()
	running := slices.Collect(maps.Values(rt.running))
	rt.mu.Unlock()
	for _, cancel := range running {
		cancel()
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	for ticket, c := range maps.All(rt.asked) {
		delete(rt.asked, ticket)
		c <- answer{err: ErrClosed}
	}
}

func (rt *Runtime) receive(m *Message) {
	switch m.Kind {
	case KindCall:
		rt.called(m)
	case KindCancel:
		rt.mu.Lock()
		cancel := rt.running[m.Ticket]
		rt.mu.Unlock()
		if cancel == nil {
			rt.goneBefore(m.Ticket)
			return
		}
		cancel()
	case KindResult, KindError:
		rt.mu.Lock()
		c := rt.asked[m.Ticket]
		delete(rt.asked, m.Ticket)
		rt.mu.Unlock()
		if c == nil {
			return
		}
		v, err := DecodeAll(m.Value)
		if err == nil && m.Kind == KindError {
			err = ErrorFrom(v)
			v = nil
		}
		c <- answer{v, err}
	}
}

// called runs what Python asked for: a tuple of the name and the arguments.
func (rt *Runtime) called(m *Message) {
	lane, ticket := rt.Lane(int(m.Lane)), m.Ticket
	if lane == nil {
		return
	}
	r := NewReader(m.Value)
	var name []byte
	if r.Peek() == TagTuple && r.Seq() > 0 {
		name = r.Text()
	}
	e := (*rt.funcs.Load())[string(name)]
	if e != nil && e.together != nil && !r.Bad && e.together.Joins(r.b) {
		rt.gather(e, lane, ticket, r.b)
		return
	}
	_, args, err := readRequest(m.Value)
	if err == nil && name == nil {
		err = errRequest
	}
	if err != nil {
		lane.finish(ticket, nil, fmt.Errorf("call Go: read the request: %w", err), true)
		return
	}
	if e == nil {
		lane.finish(ticket, nil, NewError("LookupError", fmt.Sprintf("call Go: there is no function %q", name)), true)
		return
	}
	if e.inline {
		out, err := protect(rt.ctx, e.f, args)
		lane.finish(ticket, out, err, false)
		return
	}
	rt.work(lane, ticket, func(ctx context.Context) (any, error) { return protect(ctx, e.f, args) })
}

// work runs f on a goroutine and answers the ticket.
func (rt *Runtime) work(lane *Lane, ticket uint64, f func(context.Context) (any, error)) {
	ctx, cancel := context.WithCancel(rt.ctx)
	rt.mu.Lock()
	rt.running[ticket] = cancel
	rt.mu.Unlock()
	rt.crew.start(func() {
		defer cancel()
		out, err := f(ctx)
		rt.mu.Lock()
		delete(rt.running, ticket)
		alone := len(rt.running) == 0
		rt.mu.Unlock()
		lane.finish(ticket, out, err, alone)
	})
}

// protect turns a panic into an error that carries the stack of Go.
func protect(ctx context.Context, f Func, args []any) (out any, err error) {
	if e := recovered(func() error { out, err = f(ctx, args); return nil }); e != nil {
		return nil, e
	}
	return out, err
}

// Counts tells how many calls run in either direction: for those who look for leaks.
func (rt *Runtime) Counts() (fromPython, toPython int) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return len(rt.running) + int(rt.batched.Load()), len(rt.asked)
}
