// longturned.go is a connection on the long road that speaks another protocol than HTTP: longturn.go gets here once the
// handler has answered with the status 101.

package httpserver

import "time"

// turnedSize is the buffer that a connection keeps while it waits. One that fills it reads on with a bigger one.
const turnedSize = 4 << 10

// farewellTime bounds how long the last bytes of a connection that is cut may take.
const farewellTime = 100 * time.Millisecond

// turnedConn reads a connection of bytes.
type turnedConn struct {
	*longConn

	buf  []byte
	much bool // the last read filled buf
	tick time.Time
}

// read answers one Pull, unless there is something to write first.
func (c *turnedConn) read(x *Exchange) error {
	if c.off < len(c.in) {
		p := c.in[c.off:]
		c.in, c.off = nil, 0
		c.tell(x, p, false)
		return nil
	}
	if c.buf == nil {
		c.buf = make([]byte, turnedSize)
	}
	b := c.buf
	if c.much {
		piece := c.s.pieces.take()
		defer c.s.pieces.give(piece)
		b = *piece
	}
	n, err := c.longConn.read(b, c.untilTick())
	switch {
	case n > 0:
		c.much = n == len(b)
		c.tell(x, b[:n], false)
	case isTimeout(err):
		c.ticked(x)
	case err != nil && isEnd(err):
		c.tell(x, nil, true)
	default:
		return err
	}
	return nil
}

func (c *turnedConn) untilTick() time.Duration {
	every := c.s.c.TickInterval
	if every >= endless {
		return endless
	}
	now := time.Now()
	if c.tick.IsZero() {
		c.tick = now.Add(every)
	}
	return max(c.tick.Sub(now), 0)
}

func (c *turnedConn) ticked(x *Exchange) {
	c.tick = time.Time{}
	if t, ok := x.Peer.(Ticker); ok && c.current(x) {
		t.Tick(x)
	}
}

func (c *turnedConn) tell(x *Exchange, p []byte, last bool) {
	c.mu.Lock()
	c.pulled = false
	current := c.x == x
	c.mu.Unlock()
	if current && x.Peer != nil {
		x.Peer.Body(x, p, last)
	}
}

// farewell sends the last bytes of a connection that is cut, with what waits before them. It is called with the lock held.
func (c *longConn) farewell(x *Exchange) {
	if len(x.Farewell) == 0 || len(c.out.files) > 0 {
		return
	}
	c.nc.SetWriteDeadline(time.Now().Add(farewellTime))
	_, _ = c.nc.Write(append(c.out.ready(), x.Farewell...)) // whoever does not hear it sees the connection end
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
