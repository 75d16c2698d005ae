// adapt.go lets a net/http handler serve behind this engine: each exchange gets a goroutine, on which the handler may block.
// Next: adaptrequest.go and adaptanswer.go for the two halves it is given.

package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
)

// Adapt returns a Handler for the long road that serves with h.
func Adapt(h http.Handler) Handler { return adapted{h} }

type adapted struct{ h http.Handler }

func (a adapted) Handle(x *Exchange) {
	// On the long road any goroutine may answer.
	serveHTTP(a.h, x, func(f func()) { f() })
}

// call is one exchange in the hands of a net/http handler.
type call struct {
	x    *Exchange
	post func(func()) // calls a function where methods of x may be called; does not wait for it
	ctx  context.Context

	body   callBody
	answer callAnswer

	mu   sync.Mutex
	wake sync.Cond // one of the following changed

	ended   bool // x is not ours any more
	closed  error
	unsent  int    // bytes written, less those that left for the kernel
	piece   []byte // of the body, not read yet
	pulling bool
	last    bool // nothing comes after piece
}

// serveHTTP starts a goroutine on which h answers x.
func serveHTTP(h http.Handler, x *Exchange, post func(func())) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &call{x: x, post: post, ctx: ctx}
	c.wake.L = &c.mu
	c.body.c, c.answer.c = c, c
	c.answer.header = make(http.Header)
	r, err := newRequest(c)
	x.Peer = &callPeer{c, cancel}
	x.road.server().group.Go(func() {
		defer cancel()
		if err != nil {
			c.answer.header.Set("Connection", "close")
			http.Error(&c.answer, "the target cannot be parsed", http.StatusBadRequest)
			c.answer.finish()
			return
		}
		c.run(h, r)
	})
}

// run calls h. A panic cuts the connection, as it does in net/http.
func (c *call) run(h http.Handler, r *http.Request) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			slog.Error("handler panicked", "panic", v, "stack", string(debug.Stack()))
		}
		c.end(c.x.Abort)
	}()
	if c.last {
		c.do(c.x.Pull) // to hear when the client hangs up
	}
	h.ServeHTTP(&c.answer, r)
	c.answer.finish()
}

// isOver reports whether x is over: a handler may have left a goroutine behind that still writes.
func (c *call) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// do has f called, unless x is over.
func (c *call) do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.post(f)
	}
}

// end has f called, which ends x.
func (c *call) end(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		c.post(f)
	}
}

// callPeer is how the engine talks to a call.
type callPeer struct {
	c      *call
	cancel context.CancelFunc
}

var _ Peer = (*callPeer)(nil)

func (p *callPeer) Written(_ *Exchange, n int) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.unsent -= n
	p.c.wake.Broadcast()
}

func (p *callPeer) Body(x *Exchange, b []byte, last bool) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.piece = append(p.c.piece[:0], b...)
	p.c.pulling, p.c.last = false, last
	p.c.wake.Broadcast()
}

func (p *callPeer) Closed(_ *Exchange, err error) {
	p.cancel()
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.closed = err
	p.c.wake.Broadcast()
}
