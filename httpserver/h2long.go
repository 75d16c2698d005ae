// h2long.go drives a connection of HTTP/2 on the long road: one goroutine reads, another writes. Either tells the handlers what
// is new, one of them at a time.

package httpserver

import (
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// h2Long is the carrier of a connection on the long road.
type h2Long struct {
	c     *longConn
	h     *h2
	epoch time.Time
	stamp stamp
	moved sync.Cond // what the writer waits for, or the reader, may have come; its lock is that of h
	wrote chan struct{}
	ended bool // nobody tells peers any more
}

var _ h2Carrier = (*h2Long)(nil)

func (d *h2Long) hand(x *Exchange) {
	d.c.s.flying.Add(1)
	x.Began = time.Now()
	d.c.s.handler.Handle(x)
}

func (d *h2Long) counted() {
	d.c.s.flying.Add(-1)
	d.c.s.over.Add(1)
}

func (d *h2Long) take() *h2Stream     { return &h2Stream{} }
func (d *h2Long) give(st *h2Stream)   { st.x.road = spent{} }
func (d *h2Long) wake()               { d.moved.Broadcast() }
func (d *h2Long) now() int64          { return int64(time.Since(d.epoch)) }
func (d *h2Long) giveBuffer(_ []byte) {}

func (d *h2Long) clock() *stamp {
	d.stamp.at(time.Now())
	return &d.stamp
}

func (d *h2Long) grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, max(2*cap(b), len(b)+n, 1024)), b...)
}

// greet finds out which version the client speaks. ok is false if the connection is to be closed.
func (c *longConn) greet() (isH2, ok bool) {
	if c.tls != nil && c.tls.NegotiatedProtocol == http2.NextProtoTLS {
		return true, true
	}
	if c.served > 0 || c.head > 0 {
		return false, true
	}
	var deadline time.Time
	for {
		switch greetingOf(c.in[c.off:], &c.s.c) {
		case greetsH1:
			return false, true
		case greetsH2, greetsWrong:
			return true, true
		case greetsOld:
			c.refuse(refuseOld)
			return false, false
		}
		begun := len(c.in) > c.off
		if begun && deadline.IsZero() {
			deadline = time.Now().Add(c.s.c.HeadTimeout)
		}
		if !c.readHead(begun, deadline) {
			return false, false
		}
	}
}

// upgradeH2 serves the connection in HTTP/2 if the request x asks for that, and reports whether it did.
func (c *longConn) upgradeH2(x *Exchange) bool {
	if !c.body.done() || c.body.total > int64(c.s.c.ShortBody) {
		return false
	}
	settings, ok := x.upgradeSettings(&c.s.c)
	if !ok {
		return false
	}
	d := c.newH2(switching)
	start := c.off + c.head
	body := c.in[start : start+c.ready]
	c.off, c.head, c.ready = start+c.ready, 0, 0
	d.serve(func() { d.h.upgraded(x, body, settings) })
	return true
}

func (c *longConn) newH2(before string) *h2Long {
	d := &h2Long{c: c, epoch: time.Now(), stamp: *newStamp(&c.s.c), wrote: make(chan struct{})}
	h := newH2(c.s, d, true, before)
	h.remote, h.local, h.scheme, h.tls = c.remote, c.local, c.scheme, c.tls
	d.h, d.moved.L = h, &h.mu
	c.mu.Lock()
	defer c.mu.Unlock()
	c.h2 = d
	switch {
	case c.cut:
		h.fail(ErrServerClosed)
	case c.draining:
		h.drain()
	}
	return d
}

// serve serves until the connection is over. first is called with the lock before anything is read.
func (d *h2Long) serve(first func()) {
	h, c := d.h, d.c
	go d.write()
	h.lock()
	first()
	h.unlock()
	err := d.read()
	h.lock()
	if h.phase != h2Closing {
		h.fail(err)
	}
	d.moved.Broadcast()
	h.unlock()
	<-d.wrote
	h.lock()
	h.tell()
	d.ended = true
	h.runPosts()
	h.unlock()
	if err == nil {
		c.linger()
	}
}

// drain asks the client to leave. The lock of the connection is held.
func (d *h2Long) drain() {
	d.h.lock()
	defer d.h.unlock()
	d.h.drain()
	d.c.setReadDeadline(time.Now()) // the reader looks at the time it may wait again
}

// stop ends everything.
func (d *h2Long) stop() {
	d.h.lock()
	defer d.h.unlock()
	d.h.stop()
}

// read takes what the client sends until the connection closes, with nil if that is by the rules.
func (d *h2Long) read() error {
	c, h := d.c, d.h
	for {
		h.lock()
		c.off += h.feed(c.in[c.off:])
		err := h.tick(d.now())
		h.tell()
		for h.pending() >= h2OutStop && h.phase != h2Closing {
			d.moved.Wait()
		}
		closing := h.phase == h2Closing
		h.unlock()
		if closing || err != nil {
			return err
		}
		if err := d.receive(); err != nil {
			return err
		}
	}
}

// receive reads behind what is there, for as long as nothing else is to be done.
func (d *h2Long) receive() error {
	c, h := d.c, d.h
	c.in = c.in[:copy(c.in, c.in[c.off:])]
	c.off = 0
	if cap(c.in) < h2ReadAhead {
		c.in = append(make([]byte, 0, h2ReadAhead), c.in...)
	}
	c.mu.Lock()
	h.lock()
	wait := h.wait()
	closing := h.phase == h2Closing
	h.unlock()
	if closing {
		c.mu.Unlock()
		return nil
	}
	if wait < endless {
		c.setReadDeadline(time.Now().Add(wait))
	} else {
		c.setReadDeadline(time.Time{})
	}
	c.mu.Unlock()
	n, err := c.nc.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	switch {
	case n > 0 || isTimeout(err):
		return nil
	case isEnd(err):
		return errGone
	}
	return err
}

// write sends what is ready until the connection closes.
func (d *h2Long) write() {
	defer close(d.wrote)
	c, h := d.c, d.h
	var spare []byte
	for {
		h.lock()
		for {
			h.pump()
			if h.pending() > 0 || (len(h.tells) > 0 || len(h.posts) > 0) && !h.telling || h.phase == h2Closing {
				break
			}
			d.moved.Wait()
		}
		out := h.out[h.outOff:]
		h.out, h.outOff = spare[:0], 0
		closing := h.phase == h2Closing
		h.unlock()
		err := d.put(out)
		spare = nil
		if cap(out) <= h2OutStop {
			spare = out
		}
		h.lock()
		if err != nil {
			h.fail(err)
		}
		closing = closing && h.pending() == 0 || err != nil
		d.moved.Broadcast()
		h.tell()
		h.unlock()
		if closing {
			break
		}
	}
	c.mu.Lock()
	c.nc.SetReadDeadline(past)
	c.mu.Unlock()
}

// put writes all of b.
func (d *h2Long) put(b []byte) error {
	for len(b) > 0 {
		n, err := d.c.put(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
