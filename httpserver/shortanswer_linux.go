// shortanswer_linux.go is a connection on the short road from the moment its handler answers. Whole answers are written at
// once, streamed ones when everything that is ready was collected, with one write per connection and batch either way. Next:
// shortsend_linux.go, which does the writing.

package httpserver

import (
	"os"

	"golang.org/x/sys/unix"
)

// directSize is the size from which a whole body is not copied behind its head but written from where it is.
const directSize = 16 << 10

// earlySize is how much of a streamed answer is collected before it is written without waiting for the end of the batch:
// more would leave the caches before the kernel copies it. Less costs more calls of the kernel than copying does; somewhat
// below the 64 KB that TCP segments at a time, so that the piece which goes beyond does not make a packet of crumbs.
const earlySize = 56 << 10

var _ road = (*conn)(nil)

func (c *conn) server() *Server { return c.l.s }

func (c *conn) respond(x *Exchange, h *Head, body []byte) error {
	if x.answer.stage != fresh {
		return ErrMisuse
	}
	c.checkDrain(x)
	head, n, err := x.answer.whole(c.l.head[:0], h, len(body), c.l.stamp)
	if err != nil {
		return err
	}
	c.l.head = head[:0]
	c.over(x)
	if err := c.push(head, body[:n]); err != nil {
		c.close()
		return ErrClosed
	}
	if c.out.empty() {
		c.answered()
	}
	return nil
}

// append puts p behind what waits to be written.
func (c *conn) append(p []byte) {
	c.space(len(p))
	c.out.buf = append(c.out.buf, p...)
}

// space makes room for n more bytes of output.
func (c *conn) space(n int) {
	if cap(c.out.buf)-len(c.out.buf) >= n {
		return
	}
	if c.out.off > len(c.out.buf)/2 {
		c.out.compact()
	}
	c.out.buf = c.l.buffers.grow(c.out.buf, n)
}

// frame puts framing behind what waits to be written; b is the whole buffer with it.
func (c *conn) frame(b []byte) {
	c.out.frame += len(b) - len(c.out.buf)
	c.out.buf = b
	c.makeDirty()
}

func (c *conn) start(x *Exchange, h *Head) error {
	if x.answer.stage != fresh {
		return ErrMisuse
	}
	c.checkDrain(x)
	c.space(1024)
	b, err := x.answer.start(c.out.buf, h, c.l.stamp)
	if err != nil {
		return err
	}
	c.frame(b)
	if x.answer.turned {
		c.turn()
	}
	return nil
}

func (c *conn) write(x *Exchange, p []byte) error {
	a := &x.answer
	if a.stage != streaming {
		return ErrMisuse
	}
	n := int(a.allow(int64(len(p))))
	c.credit += len(p) - n
	c.makeDirty()
	if p = p[:n]; n == 0 {
		return nil
	}
	if len(c.out.ready())+n >= earlySize && !c.blocked && len(c.out.files) == 0 && c.broken == nil {
		return c.writeThrough(a, p)
	}
	c.space(n + 20)
	c.frame(a.before(c.out.buf, int64(n)))
	c.out.buf = append(c.out.buf, p...)
	c.frame(a.after(c.out.buf))
	return nil
}

// writeThrough sends what waits and p behind it, and keeps only what the kernel does not take.
func (c *conn) writeThrough(a *answer, p []byte) error {
	before := a.before(c.l.head[:0], int64(len(p)))
	after := a.after(before[len(before):])
	n, errno := writev(c.fd, c.out.ready(), before, p, after)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		n, errno = 0, 0
	}
	if errno != 0 {
		c.broken = errno
		return ErrClosed
	}
	waiting := min(n, len(c.out.ready()))
	c.credit += c.out.sent(waiting)
	n -= waiting
	if c.out.empty() {
		c.out.buf, c.out.off = c.out.buf[:0], 0
	}
	c.space(len(before) + len(p) + len(after) - n)
	for i, part := range [...][]byte{before, p, after} {
		sent := min(n, len(part))
		n -= sent
		rest := part[sent:]
		c.out.buf = append(c.out.buf, rest...)
		if i == 1 {
			c.credit += sent
		} else {
			c.out.frame += len(rest)
		}
	}
	return nil
}

func (c *conn) sendFile(x *Exchange, f *os.File, off, n int64) error {
	a := &x.answer
	if a.stage != streaming {
		f.Close()
		return ErrMisuse
	}
	allowed := a.allow(n)
	c.credit += int(n - allowed)
	c.makeDirty()
	if allowed == 0 {
		return f.Close()
	}
	c.space(32)
	c.frame(a.before(c.out.buf, allowed))
	c.out.attach(f, off, allowed)
	c.frame(a.after(c.out.buf))
	return nil
}

func (c *conn) finish(x *Exchange, trailers []Field) error {
	if x.answer.stage != streaming {
		return ErrMisuse
	}
	c.space(16)
	b, err := x.answer.finish(c.out.buf, trailers)
	if err != nil {
		return err
	}
	c.frame(b)
	c.over(x)
	return nil
}

func (c *conn) inform(x *Exchange, status int, fields []Field) error {
	if x.answer.stage != fresh {
		return ErrMisuse
	}
	if x.Minor == 0 {
		return nil
	}
	c.space(512)
	b, err := appendInterim(c.out.buf, status, fields)
	if err != nil {
		return err
	}
	c.frame(b)
	return nil
}

func (c *conn) abort(x *Exchange) {
	untilClose := x.answer.stage == streaming && !x.answer.declared && !x.answer.chunked
	if !c.blocked && c.broken == nil {
		c.broken = c.send()
	}
	c.x = nil
	c.l.end(x)
	c.cut(untilClose)
}

func (c *conn) pull(*Exchange) {
	if c.turned {
		c.pullTurned()
		return
	}
	c.watching = true
	if c.hup {
		c.makeDirty()
	}
}

func (c *conn) watch(_ *Exchange, on bool) {
	c.watching = on
	if on && c.hup {
		c.makeDirty()
	}
}

func (c *conn) thread() poster { return c.l }

func (c *conn) part(x *Exchange) *Exchange {
	if c.x != x {
		return nil
	}
	// Two exchanges are ended for one request: the second one counts.
	c.l.flying++
	c.l.done--
	y := x.twin(c.l.exchange(), c)
	x.road = &c.l.gone
	c.x = y
	return y
}

// checkDrain makes an answer the last one of its connection if the server is to stop.
func (c *conn) checkDrain(x *Exchange) {
	x.answer.keep = x.answer.keep && !c.l.draining
}

// over ends the exchange, which the handler does not use any more. Part of its answer may still wait to be written.
func (c *conn) over(x *Exchange) {
	c.fate = x.answer.fate(c.asked, c.l.c.Logger)
	c.x, c.watching, c.turned = nil, false, false
	c.l.end(x)
}

// end takes an exchange back that its handler ended.
func (l *loop) end(x *Exchange) {
	l.done++
	l.flying--
	l.recycle(x)
}

// gone is the road of an exchange whose connection is closed.
type gone struct{ l *loop }

var _ road = (*gone)(nil)

func (g *gone) respond(x *Exchange, _ *Head, _ []byte) error {
	g.l.end(x)
	return ErrClosed
}

func (g *gone) finish(x *Exchange, _ []Field) error {
	g.l.end(x)
	return ErrClosed
}

func (g *gone) sendFile(_ *Exchange, f *os.File, _, _ int64) error {
	f.Close()
	return ErrClosed
}

func (g *gone) abort(x *Exchange)                    { g.l.end(x) }
func (g *gone) start(*Exchange, *Head) error         { return ErrClosed }
func (g *gone) write(*Exchange, []byte) error        { return ErrClosed }
func (g *gone) inform(*Exchange, int, []Field) error { return ErrClosed }
func (g *gone) pull(*Exchange)                       {}
func (g *gone) watch(*Exchange, bool)                {}
func (g *gone) part(*Exchange) *Exchange             { return nil }
func (g *gone) thread() poster                       { return g.l }
func (g *gone) server() *Server                      { return g.l.s }
