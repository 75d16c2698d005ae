package supervisor

// The other end: what a worker says to its parent, and hears from it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Variable is what a worker finds its place in; the value is for [Attach].
const Variable = "PUFF_WORKER"

// place is the value of Variable.
type place struct {
	Slot int
	FD   int
}

// Ready is what a worker says of itself when it can serve.
type Ready struct {
	Python    string // its version
	Interface string // what the application speaks
}

// Orders is what a parent may want of its worker. Each is called on one goroutine, in
// turn, and returns soon. A nil one is ignored.
type Orders struct {
	// Drain ends what is under way, and the process. sig is the signal that the parent
	// got, 0 for none; orphaned says that there is no parent any more.
	Drain func(sig syscall.Signal, orphaned bool)
	// Reopen opens the files of the log again.
	Reopen func()
	// Dump writes down what every thread is doing.
	Dump func()
	// Answer answers a question; it runs on a goroutine of its own, one at a time.
	Answer func(ctx context.Context, question []byte) ([]byte, error)
}

// Child is a worker's way to its parent.
type Child struct {
	// Slot is the number of the place that the worker has, from 0.
	Slot int

	wire  *wire
	serve chan []int
	leave chan struct{} // closed by the first order to drain
	gone  chan struct{}
}

// ErrLeave is what Ready returns to a worker that is told to end before it serves.
var ErrLeave = errors.New("wait for sockets: the parent wants none of this worker any more")

// Attach opens the way to the parent, which text, the value of [Variable], describes.
func Attach(text string) (*Child, error) {
	var p place
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("read %s: %w; it is for workers that puff starts", Variable, err)
	}
	w, err := newWire(p.FD)
	if err != nil {
		return nil, err
	}
	return &Child{Slot: p.Slot, wire: w, serve: make(chan []int, 1), leave: make(chan struct{}), gone: make(chan struct{})}, nil
}

// Run hears the parent's orders until ctx ends or the parent has gone, which is an order
// to drain.
func (c *Child) Run(ctx context.Context, o Orders) {
	release := context.AfterFunc(ctx, func() { c.wire.conn.Close() })
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	questions, answered := make(chan message, 16), make(chan struct{})
	go func() {
		defer close(answered)
		for m := range questions {
			c.answer(ctx, o, m)
		}
	}()
	defer func() {
		cancel()
		close(questions)
		<-answered
		c.wire.close()
		close(c.gone)
	}()
	leave := sync.OnceFunc(func() { close(c.leave) })
	for {
		m, files, err := c.wire.receive()
		if err != nil {
			if ctx.Err() == nil && o.Drain != nil {
				o.Drain(0, true)
			}
			return
		}
		if m.Kind == kindDrain {
			leave()
		}
		c.obey(o, m, files, questions)
	}
}

func (c *Child) obey(o Orders, m message, files []int, questions chan<- message) {
	switch {
	case m.Kind == kindServe:
		select {
		case c.serve <- files:
			return
		default: // twice: what came is closed below
		}
	case m.Kind == kindDrain && o.Drain != nil:
		o.Drain(syscall.Signal(m.Signal), false)
	case m.Kind == kindReopen && o.Reopen != nil:
		o.Reopen()
	case m.Kind == kindDump && o.Dump != nil:
		o.Dump()
		_ = c.wire.send(message{Kind: kindAnswer, ID: m.ID}) // a parent that has gone needs none
	case m.Kind == kindAsk:
		select {
		case questions <- m:
		default:
			_ = c.wire.send(message{Kind: kindAnswer, ID: m.ID, Error: "answer: too many questions"})
		}
	}
	for _, fd := range files {
		unix.Close(fd)
	}
}

func (c *Child) answer(ctx context.Context, o Orders, m message) {
	out := message{Kind: kindAnswer, ID: m.ID}
	if o.Answer == nil {
		out.Error = "answer: this worker answers nothing"
	} else if body, err := o.Answer(ctx, m.Body); err != nil {
		out.Error = err.Error()
	} else {
		out.Body = body
	}
	if err := c.wire.send(out); err != nil && len(out.Body) > 0 {
		// No JSON, or too long: who asked is told that.
		_ = c.wire.send(message{Kind: kindAnswer, ID: m.ID, Error: err.Error()})
	}
}

// Ready says that the worker can serve and returns the sockets to listen on, which the
// caller owns. Run must be running.
func (c *Child) Ready(ctx context.Context, r Ready) ([]*os.File, error) {
	if err := c.wire.send(message{Kind: kindReady, Ready: &r}); err != nil {
		return nil, err
	}
	select {
	case fds := <-c.serve:
		files := make([]*os.File, len(fds))
		for i, fd := range fds {
			files[i] = os.NewFile(uintptr(fd), "socket")
		}
		return files, nil
	case <-c.leave:
		return nil, ErrLeave
	case <-c.gone:
		return nil, errors.New("wait for sockets: the parent has gone")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Beat says that the lane has answered.
func (c *Child) Beat() error { return c.wire.send(message{Kind: kindBeat}) }

// Full asks to be replaced for a reason; the worker serves until it is.
func (c *Child) Full(reason string) error {
	return c.wire.send(message{Kind: kindFull, Reason: reason})
}

// Leaving says that the worker drains for a reason of its own.
func (c *Child) Leaving(reason string) error {
	return c.wire.send(message{Kind: kindLeaving, Reason: reason})
}
