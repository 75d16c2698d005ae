// shortturned_linux.go is a connection on the short road that speaks another protocol than HTTP: bytes both ways, in the
// batches of the loop. shortanswer_linux.go gets it here, with the status 101.

package httpserver

import (
	"golang.org/x/sys/unix"
)

// turn makes the connection one of bytes. It ends with its exchange.
func (c *conn) turn() {
	c.turned, c.pulled, c.watching = true, false, false
	c.l.timers.arm(c, tickTimer, c.l.now)
}

func (c *conn) pullTurned() {
	c.pulled = true
	if c.readable || c.hup || c.off < len(c.in) {
		c.makeResumed()
	}
}

// readTurned gives the handler what there is, if it asked for that: one piece, so that a connection which always has more
// does not keep the others waiting.
func (c *conn) readTurned() {
	if !c.pulled || c.x == nil {
		return
	}
	if c.off < len(c.in) {
		// What came along with the request. The buffer is the handler's to change until it returns.
		p := c.in[c.off:]
		c.in, c.off = nil, 0
		c.tellTurned(p, false)
		c.l.buffers.give(p[:0])
		return
	}
	if !c.readable {
		return
	}
	switch n, ok := c.receive(c.l.scratch); {
	case !ok:
	case n == 0:
		c.readable = false
		c.tellTurned(nil, true)
	default:
		c.tellTurned(c.l.scratch[:n], false)
	}
}

func (c *conn) tellTurned(p []byte, last bool) {
	c.pulled = false
	c.l.handed = true
	if c.x.Peer != nil {
		c.x.Peer.Body(c.x, p, last)
	}
}

// tick is called at regular times.
func (c *conn) tick() {
	if !c.turned {
		return
	}
	c.l.timers.arm(c, tickTimer, c.l.now)
	if t, ok := c.x.Peer.(Ticker); ok {
		c.l.handed = true
		t.Tick(c.x)
	}
}

// unblocked is called when the kernel took bytes: nobody waits for the client to read any more.
func (c *conn) unblocked() {
	switch {
	case !c.turned:
		c.l.timers.disarm(c)
	case c.l.timers.armed(c, writeTimer):
		c.l.timers.arm(c, tickTimer, c.l.now)
	}
}

// farewell sends the last bytes of a connection that is cut, as far as the kernel takes them.
func (c *conn) farewell() {
	if c.h2 != nil && c.state == open {
		c.h2.stop()
		if c.sendH2() == nil {
			unix.Shutdown(c.fd, unix.SHUT_WR)
		}
		return
	}
	if !c.turned || c.x == nil || len(c.x.Farewell) == 0 {
		return
	}
	c.append(c.x.Farewell)
	if c.send() == nil {
		unix.Shutdown(c.fd, unix.SHUT_WR)
	}
}
