// h2loop_linux.go drives a connection of HTTP/2 from an event loop: its requests join the batch of all others, and all answers
// of a batch leave with one write.

package httpserver

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	h2Reads  = 4       // reads before other connections get their turn
	h2Writes = 1 << 20 // bytes, likewise

	// keptStreams bounds how many streams of a loop wait to be used again, keptText what each may keep.
	keptStreams = 1024
	keptText    = 16 << 10
)

// h2Short is the carrier of a connection on the short road.
type h2Short struct{ c *conn }

func (s h2Short) thread() poster { return s.c.l }

var _ h2Carrier = h2Short{}

func (s h2Short) hand(x *Exchange) {
	l := s.c.l
	l.handed = true
	l.flying++
	x.Began = l.woke
	l.src.Handle(x)
}

func (s h2Short) take() *h2Stream {
	l := s.c.l
	if n := len(l.streams); n > 0 {
		st := l.streams[n-1]
		l.streams = l.streams[:n-1]
		return st
	}
	return &h2Stream{}
}

func (s h2Short) give(st *h2Stream) {
	l, x := s.c.l, &st.x
	x.Peer, x.Data, x.Tag, x.road, x.front, x.Body = nil, nil, 0, spent{}, nil, nil
	// One that still stands in a list must not be found there in another role.
	if st.queued || st.telling || cap(st.text) > keptText || len(l.streams) == keptStreams {
		return
	}
	st.text = st.text[:0]
	l.streams = append(l.streams, st)
}

func (s h2Short) counted() {
	s.c.l.done++
	s.c.l.flying--
}

func (s h2Short) wake()                       { s.c.makeDirty() }
func (s h2Short) now() int64                  { return s.c.l.now }
func (s h2Short) clock() *stamp               { return s.c.l.stamp }
func (s h2Short) grow(b []byte, n int) []byte { return s.c.l.buffers.grow(b, n) }
func (s h2Short) giveBuffer(b []byte)         { s.c.l.buffers.give(b) }

// greet looks at the first bytes of a connection, and reports whether they are not for the parser of HTTP/1, or not yet.
func (c *conn) greet(data []byte, own bool) bool {
	l := c.l
	switch greetingOf(data, l.c) {
	case greetsH1:
		return false
	case greetsH2, greetsWrong:
		c.h2 = c.newH2("")
		c.feedH2(data, own)
		c.makeDirty()
	case greetsMore:
		c.keep(data, own)
		if !l.timers.armed(c, headTimer) {
			l.timers.arm(c, headTimer, l.now)
		}
	case greetsOld:
		c.refuse(refuseOld)
	}
	return true
}

func (c *conn) newH2(before string) *h2 {
	h := newH2(c.l.s, h2Short{c}, false, before)
	h.remote, h.local = c.remote, c.local
	if c.l.draining {
		h.drain()
	}
	return h
}

// upgrade goes on in HTTP/2 if the request x asks for that, and reports whether it did.
func (c *conn) upgrade(x *Exchange, body []byte) bool {
	settings, ok := x.upgradeSettings(c.l.c)
	if !ok {
		return false
	}
	h := c.newH2(switching)
	c.h2 = h
	h.upgraded(x, body, settings)
	c.l.recycle(x)
	if c.off < len(c.in) {
		c.feedH2(c.in[c.off:], true)
	}
	if c.off == len(c.in) {
		c.release()
	}
	c.makeDirty()
	return true
}

// readH2 reads and has frames taken until there is nothing more to read, or too much to write.
func (c *conn) readH2() {
	h := c.h2
	c.makeDirty()
	for turns := 0; c.readable && c.state == open && h.pending() < h2OutStop; turns++ {
		if turns == h2Reads {
			c.makeResumed()
			return
		}
		fresh := c.off == len(c.in)
		b := c.l.scratch
		if !fresh {
			c.in = c.in[:copy(c.in, c.in[c.off:])]
			c.off = 0
			c.in = c.l.buffers.grow(c.in, h2ReadAhead)
			b = c.in[len(c.in):cap(c.in)]
		}
		n, ok := c.receive(b)
		switch {
		case !ok:
			return
		case n == 0:
			c.fail(errGone)
			return
		}
		if fresh {
			c.feedH2(b[:n], false)
		} else {
			c.in = c.in[:len(c.in)+n]
			c.feedH2(c.in[c.off:], true)
		}
	}
}

// feedH2 has frames taken from data, and keeps what is no whole one.
func (c *conn) feedH2(data []byte, own bool) {
	used := c.h2.feed(data)
	switch {
	case own:
		if c.off += used; c.off == len(c.in) {
			c.release()
		}
	case used < len(data):
		c.keep(data[used:], false)
	}
}

// flushH2 sends what is ready, tells the handlers, and sees to what is late.
func (c *conn) flushH2() {
	h, l := c.h2, c.l
	c.isDirty = true // what is done below needs no second flush unless it says so
	err := c.sendH2()
	h.guard.stuck(l.now, false, c.blocked)
	if err == nil {
		err = h.tick(l.now)
	}
	if err != nil {
		c.isDirty = false
		c.fail(err)
		return
	}
	h.tell()
	c.isDirty = false
	if h.over() {
		c.lingerH2()
		return
	}
	if len(h.tells) > 0 || !c.blocked && h.pending() > 0 || !c.blocked && h.sendable() {
		c.makeDirty()
	}
	if c.readable && h.pending() < h2OutStop {
		c.makeResumed()
	}
	c.rearm()
}

// sendH2 writes until everything is out or the kernel takes no more.
func (c *conn) sendH2() error {
	h := c.h2
	for budget := h2Writes; budget > 0 && !c.blocked; {
		h.pump()
		if h.pending() == 0 {
			break
		}
		n, errno := write(c.fd, h.out[h.outOff:])
		switch errno {
		case 0:
			h.sent(n)
			h.guard.stuckAt = 0
			budget -= n
		case unix.EINTR:
		case unix.EAGAIN:
			c.blocked = true
		default:
			return error(syscall.Errno(errno))
		}
	}
	if h.pending() == 0 && cap(h.out) > 0 {
		c.l.buffers.give(h.out)
		h.out = nil
	}
	return nil
}

// rearm sets the timer by what the connection waits for.
func (c *conn) rearm() {
	l := c.l
	kind := idleTimer
	switch c.h2.wait() {
	case bodyPatience:
		kind = bodyTimer
	case l.c.IdleTimeout:
	default:
		kind = h2Timer
	}
	if !l.timers.armed(c, kind) {
		l.timers.arm(c, kind, l.now)
	}
}

// lingerH2 lets the client read the last frames.
func (c *conn) lingerH2() {
	c.state = lingering
	c.release()
	unix.Shutdown(c.fd, unix.SHUT_WR)
	c.l.timers.arm(c, lingerTimer, c.l.now)
	c.makeResumed()
}

// failH2 tells every handler that nobody waits any more.
func (c *conn) failH2(err error) {
	h := c.h2
	h.fail(err)
	h.tell()
}
