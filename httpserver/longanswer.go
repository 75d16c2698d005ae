// longanswer.go is what a handler does to an exchange on the long road, from any goroutine: each call leaves bytes for the
// goroutine of the connection and wakes it.

package httpserver

import (
	"os"
	"time"
)

var _ road = (*longConn)(nil)

func (c *longConn) server() *Server { return c.s }

// take locks the connection for a call on x, which must be in stage. After a nil error the caller unlocks.
func (c *longConn) take(x *Exchange, want stage) error {
	c.mu.Lock()
	switch {
	case c.x != x || c.cut:
		c.mu.Unlock()
		return ErrClosed
	case x.answer.stage != want:
		c.mu.Unlock()
		return ErrMisuse
	}
	return nil
}

// release wakes the goroutine and unlocks.
func (c *longConn) release() {
	if c.reading && !c.poked {
		c.poked = true
		c.nc.SetReadDeadline(past)
	}
	c.wake.Signal()
	c.mu.Unlock()
}

// ended counts an exchange the handler ended, and passes err on.
func (c *longConn) ended(x *Exchange, err error) error {
	if err != ErrMisuse {
		x.road = spent{}
		c.s.flying.Add(-1)
		c.s.over.Add(1)
	}
	return err
}

func (c *longConn) respond(x *Exchange, h *Head, body []byte) error {
	if err := c.take(x, fresh); err != nil {
		return c.ended(x, err)
	}
	c.prepare(x)
	b, n, err := x.answer.whole(c.out.buf, h, len(body), &c.stamp)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	c.out.buf = append(b, body[:n]...)
	c.over(x)
	c.release()
	return c.ended(x, nil)
}

func (c *longConn) start(x *Exchange, h *Head) error {
	if err := c.take(x, fresh); err != nil {
		return err
	}
	c.prepare(x)
	b, err := x.answer.start(c.out.buf, h, &c.stamp)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	a := &x.answer
	if a.turned {
		c.turned, c.watching, c.pulled = true, false, false
	}
	c.untilEnd = !a.declared && !a.chunked && !a.bodyless
	c.frame(b)
	c.release()
	return nil
}

// frame puts framing behind what waits to be written; b is the whole buffer with it.
func (c *longConn) frame(b []byte) {
	c.out.frame += len(b) - len(c.out.buf)
	c.out.buf = b
}

func (c *longConn) write(x *Exchange, p []byte) error {
	if err := c.take(x, streaming); err != nil {
		return err
	}
	a := &x.answer
	n := a.allow(int64(len(p)))
	c.credit += len(p) - int(n)
	if n > 0 {
		c.frame(a.before(c.out.buf, n))
		c.out.buf = append(c.out.buf, p[:n]...)
		c.frame(a.after(c.out.buf))
	}
	c.release()
	return nil
}

func (c *longConn) sendFile(x *Exchange, f *os.File, off, n int64) error {
	if err := c.take(x, streaming); err != nil {
		f.Close()
		return err
	}
	a := &x.answer
	allowed := a.allow(n)
	c.credit += int(n - allowed)
	if allowed > 0 {
		c.frame(a.before(c.out.buf, allowed))
		c.out.attach(f, off, allowed)
		c.frame(a.after(c.out.buf))
	} else {
		f.Close()
	}
	c.release()
	return nil
}

func (c *longConn) finish(x *Exchange, trailers []Field) error {
	if err := c.take(x, streaming); err != nil {
		return c.ended(x, err)
	}
	b, err := x.answer.finish(c.out.buf, trailers)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	c.frame(b)
	c.over(x)
	c.release()
	return c.ended(x, nil)
}

func (c *longConn) inform(x *Exchange, status int, fields []Field) error {
	if err := c.take(x, fresh); err != nil {
		return err
	}
	if x.Minor == 0 {
		c.mu.Unlock()
		return nil
	}
	b, err := appendInterim(c.out.buf, status, fields)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	c.frame(b)
	c.release()
	return nil
}

func (c *longConn) abort(x *Exchange) {
	c.mu.Lock()
	if c.x == x {
		c.x = nil
		c.fate, c.aborted = fateCut, true
	}
	c.release()
	c.ended(x, nil)
}

func (c *longConn) thread() poster { return c }

// post implements poster.
func (c *longConn) post(f func()) bool {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return false
	}
	c.posted = append(c.posted, f)
	c.release()
	return true
}

func (c *longConn) watch(x *Exchange, on bool) {
	c.mu.Lock()
	if c.x == x && x.Complete {
		c.watching = on
	}
	c.release()
}

func (c *longConn) part(x *Exchange) *Exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.x != x || c.cut {
		return nil
	}
	// Two exchanges are ended for one request: the second one counts.
	c.s.flying.Add(1)
	c.s.over.Add(-1)
	c.x = x.twin(&Exchange{}, c)
	return c.x
}

func (c *longConn) pull(x *Exchange) {
	c.mu.Lock()
	switch {
	case c.x != x:
	case c.turned:
		c.pulled, c.watching = true, false
	default:
		c.watching = x.Complete || c.told
		c.pulled, c.drawn = true, true
		if c.expecting && x.answer.stage == fresh {
			c.frame(append(c.out.buf, "HTTP/1.1 100 Continue\r\n\r\n"...))
		}
		c.expecting = false
	}
	c.release()
}

// prepare is called before the head of an answer is written: it decides whether the connection can be kept. What the handler
// leaves of the body must be read all the same, or nothing after it is found. If it has not begun to read and there is too
// much to drop, or if the client may still decide not to send it, closing is better.
func (c *longConn) prepare(x *Exchange) {
	c.stamp.at(time.Now())
	if c.draining || c.expecting || c.unread > maxDrop && !c.drawn {
		x.answer.keep = false
	}
}

// over ends the exchange for the handler. Its answer may still wait to be written.
func (c *longConn) over(x *Exchange) {
	c.x = nil
	c.fate = x.answer.fate(c.asked, c.s.c.Logger)
}
