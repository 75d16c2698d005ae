package limits

// call.go is one request from when it came until its handler has ended it. It stands in front of the exchange: what the
// handler does goes through here, so that it is known when that is over, and can be kept from a client that was taken away.

import (
	"errors"
	"os"
	"sync"

	"github.com/puffstack/puff/httpserver"
)

// call is one request. Its thread is that of the exchange; the handler may call from anywhere on the long road.
type call struct {
	h      *handler
	x      *httpserver.Exchange
	thread httpserver.Thread
	next   httpserver.Answerer // before Intercept
	inner  httpserver.Peer     // the handler's, of a call that has waited; the thread's

	place place // guarded by the gate

	gateLink  link // guarded by the gate
	clockLink link // guarded by the clock, as is the deadline
	deadline  int64

	mu sync.Mutex

	started bool
	over    bool
	rest    httpserver.Answerer // where calls go once the client was taken away; nil: it was not
}

var (
	_ httpserver.Answerer = (*call)(nil)
	_ httpserver.Peer     = (*call)(nil)
)

// start has the call stand in front of its exchange, and its time run.
func (c *call) start() {
	c.next = c.x.Intercept(c)
	if c.h.clock != nil {
		c.h.clock.add(c)
	}
}

// granted is called on the thread when a call that waited may go on.
func (c *call) granted() {
	if !c.h.l.gate.begin(c) {
		return // it did not wait so long
	}
	x := c.x
	x.Watch(false)
	// Whoever stands in front may have put a peer of its own before c. It stays, and c tells the handler's.
	outer := x.Peer
	x.Peer = nil
	c.h.next.Handle(x)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.inner, x.Peer = x.Peer, outer
	}
}

// expire is called on the thread when the time is up.
func (c *call) expire() {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	if c.h.l.gate.quit(c) {
		c.over = true
		respondBusy(c.next, c.x)
		c.mu.Unlock()
		return
	}
	client, rest := c.x.Detach()
	if client != nil {
		c.rest = rest
		if c.started {
			c.next.Abort(client)
		} else {
			respondBusy(c.next, client)
		}
	}
	c.mu.Unlock()
	// Also when the client is gone: the handler goes on without it, and is to stop.
	if peer := c.x.Peer; peer != nil {
		peer.Closed(c.x, httpserver.ErrTimeout)
	}
}

// Closed implements httpserver.Peer: the client went away. A call that waits leaves the queue.
func (c *call) Closed(x *httpserver.Exchange, err error) {
	if c.inner != nil {
		c.inner.Closed(x, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || !c.h.l.gate.quit(c) {
		return
	}
	c.end()
	c.next.Abort(x)
}

// Written implements httpserver.Peer.
func (c *call) Written(x *httpserver.Exchange, n int) {
	if c.inner != nil {
		c.inner.Written(x, n)
	}
}

// Body implements httpserver.Peer.
func (c *call) Body(x *httpserver.Exchange, p []byte, last bool) {
	if c.inner != nil {
		c.inner.Body(x, p, last)
	}
}

// end is called with the lock held when the handler has ended the exchange, or never got it.
func (c *call) end() {
	c.over = true
	if c.h.clock != nil {
		c.h.clock.remove(c)
	}
	c.h.l.gate.leave(c)
}

// to returns where calls go. It is called with the lock held, which is kept during such a call: between two of them a client
// is taken away, never within one.
func (c *call) to() httpserver.Answerer {
	if c.rest != nil {
		return c.rest
	}
	return c.next
}

// ended ends the call unless err says that the exchange is not over.
func (c *call) ended(err error) error {
	if err != nil {
		if _, bad := errors.AsType[*httpserver.HeadError](err); bad || err == httpserver.ErrMisuse {
			return err
		}
	}
	if !c.over {
		c.end()
	}
	return err
}

// Respond implements httpserver.Answerer.
func (c *call) Respond(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended(c.to().Respond(x, h, body))
}

// Start implements httpserver.Answerer.
func (c *call) Start(x *httpserver.Exchange, h *httpserver.Head) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.to().Start(x, h)
	c.started = c.started || err == nil
	if err == nil && h.Status == 101 && !c.over {
		c.end() // it is no request any more, and may last as long as it likes
	}
	return err
}

// Write implements httpserver.Answerer.
func (c *call) Write(x *httpserver.Exchange, p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to().Write(x, p)
}

// SendFile implements httpserver.Answerer.
func (c *call) SendFile(x *httpserver.Exchange, f *os.File, off, n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to().SendFile(x, f, off, n)
}

// Finish implements httpserver.Answerer.
func (c *call) Finish(x *httpserver.Exchange, trailers []httpserver.Field) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended(c.to().Finish(x, trailers))
}

// Inform implements httpserver.Answerer.
func (c *call) Inform(x *httpserver.Exchange, status int, fields []httpserver.Field) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to().Inform(x, status, fields)
}

// Abort implements httpserver.Answerer.
func (c *call) Abort(x *httpserver.Exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to().Abort(x)
	_ = c.ended(nil)
}

// Pull implements httpserver.Answerer.
func (c *call) Pull(x *httpserver.Exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to().Pull(x)
}
