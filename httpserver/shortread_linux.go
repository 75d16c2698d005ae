// shortread_linux.go is a connection on the short road up to the moment its request is handed to the source.

package httpserver

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

type connState uint8

const (
	open      connState = iota
	lingering           // our side is shut; waits for the client to have read everything
	closed
)

// conn is a connection on the short road. While it is idle it has no buffer and no exchange.
type conn struct {
	l     *loop
	fd    int
	mark  int32
	state connState

	readable  bool // there may be bytes to read
	hup       bool // the client has closed its side
	blocked   bool // the kernel takes no more bytes for now
	watching  bool // the handler wants to know when the client hangs up
	isDirty   bool
	isResumed bool
	asked     bool // the client wants the connection closed
	turned    bool // it speaks another protocol
	pulled    bool // whose handler asked for bytes
	fate      fate // what becomes of it when the current answer is out

	// The request that is being read. in[off:] was not parsed yet, or is a head of which the body is incomplete: then it ends
	// with the content so far.
	in   []byte
	off  int
	scan scan
	half *Exchange // what scan has made of an incomplete head
	head int       // length of that head
	body body

	h2 *h2 // the connection speaks HTTP/2

	// The request that is being answered.
	x      *Exchange
	out    outbox
	credit int   // body bytes to tell the handler about
	broken error // why the connection must be cut

	timer         timer
	served        int
	remote, local netip.AddrPort
}

// event takes an event of epoll.
func (c *conn) event(events uint32) {
	if events&unix.EPOLLERR != 0 && (c.x != nil || c.h2 != nil || !c.out.empty()) {
		c.fail(errGone)
		return
	}
	if events&unix.EPOLLOUT != 0 && c.blocked {
		c.blocked = false
		c.makeDirty()
	}
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return
	}
	c.readable = true
	c.hup = c.hup || events&(unix.EPOLLRDHUP|unix.EPOLLHUP) != 0
	if c.hup && c.watching {
		c.makeDirty()
	}
	c.read()
}

// quiet reports whether the connection is between requests.
func (c *conn) quiet() bool {
	return c.state == open && c.h2 == nil && c.x == nil && c.out.empty() && c.off == len(c.in)
}

// read reads until there is a request or nothing more to read.
func (c *conn) read() {
	if c.state == lingering {
		c.linger()
		return
	}
	if c.h2 != nil {
		c.readH2()
		return
	}
	if c.turned {
		c.readTurned()
		return
	}
	// What was read already comes first, in its turn.
	for c.readable && c.state == open && c.h2 == nil && c.x == nil && c.out.empty() && !c.isResumed {
		fresh := c.off == len(c.in)
		b := c.l.scratch
		if !fresh {
			b = c.room()
		}
		n, ok := c.receive(b)
		switch {
		case !ok:
			return
		case n == 0:
			c.end()
			return
		}
		if fresh {
			c.parse(b[:n], false)
		} else {
			old := len(c.in)
			c.in = c.in[:old+n]
			c.more(old)
		}
	}
}

// receive reads into b what there is. False: there is nothing, or the connection has failed; 0 and true: the client sends no
// more.
func (c *conn) receive(b []byte) (n int, ok bool) {
	for {
		n, errno := read(c.fd, b)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			c.readable = false
			return 0, false
		case errno != 0:
			c.fail(errno)
			return 0, false
		}
		if n > 0 {
			// A short read has emptied the socket, and the next bytes come with an event. Only the end does not.
			c.readable = n == len(b) || c.hup
		}
		return n, true
	}
}

// room returns where to read more of a request that is incomplete.
func (c *conn) room() []byte {
	if c.off > 0 {
		c.in = c.in[:copy(c.in, c.in[c.off:])]
		c.off = 0
	}
	want := 2048
	if c.head > 0 && !c.body.chunked {
		want = max(want, int(c.body.left)+1)
	}
	c.in = c.l.buffers.grow(c.in, want)
	return c.in[len(c.in):cap(c.in)]
}

// more goes on with an incomplete request, of which the bytes from old are new.
func (c *conn) more(old int) {
	if c.head == 0 {
		c.parse(c.in[c.off:], true)
		return
	}
	raw := c.in[old:]
	content, used, r := c.body.take(raw, c.l.c)
	if r != nil {
		c.refuse(r)
		return
	}
	// What is left of raw belongs to the next request and moves up to the end of this one.
	c.in = append(c.in[:old+content], raw[used:]...)
	switch {
	case c.body.total > int64(c.l.c.ShortBody):
		c.leave()
	case c.body.done():
		// The head is parsed a second time, which costs less than to keep what it said.
		x, message := c.l.exchange(), c.in[c.off:]
		var again scan
		again.head(message, c.l.c, x)
		end := c.head + int(c.body.total)
		c.off += end
		c.deliver(x, message[c.head:end])
	}
}

// parse takes data, all that is there of the next request. own says that data is in[off:] and not the scratch buffer.
func (c *conn) parse(data []byte, own bool) {
	l := c.l
	if c.served == 0 && c.greet(data, own) {
		return
	}
	x := c.half
	if x == nil {
		x = l.exchange()
	}
	n, r := c.scan.head(data, l.c, x)
	c.half = nil
	if r != nil {
		l.recycle(x)
		c.refuse(r)
		return
	}
	if n == 0 {
		c.half = x
		c.keep(data, own)
		if !l.timers.armed(c, headTimer) {
			l.timers.arm(c, headTimer, l.now)
		}
		return
	}
	c.scan = scan{}
	c.body = newBody(x)
	content, used, r := c.body.take(data[n:], l.c)
	if r != nil {
		l.recycle(x)
		c.refuse(r)
		return
	}
	if long := c.body.left+int64(content) > int64(l.c.ShortBody) || x.framing.expect; long || !c.body.done() {
		l.recycle(x)
		c.head = n
		c.keep(data[:n+content], own)
		c.in = append(c.in, data[n+used:]...)
		if long {
			c.leave()
			return
		}
		l.timers.arm(c, bodyTimer, l.now)
		return
	}
	if own {
		c.off += n + used
	} else if rest := data[n+used:]; len(rest) > 0 {
		c.keep(rest, false)
	}
	c.deliver(x, data[n:n+content])
}

// keep puts data into the buffer of the connection, unless it is there.
func (c *conn) keep(data []byte, own bool) {
	if own {
		c.in = c.in[:c.off+len(data)]
		return
	}
	c.in, c.off = append(c.l.buffers.take(len(data)), data...), 0
}

// deliver hands a complete request to the source.
func (c *conn) deliver(x *Exchange, body []byte) {
	l := c.l
	x.Trailers = c.body.trailers()
	if x.framing.h2c && c.upgrade(x, body) {
		return
	}
	c.served++
	c.head = 0
	x.Body, x.Complete = body, true
	x.Remote, x.Local, x.Scheme = c.remote, c.local, "http" // a filter may have changed the last one's
	x.Began = l.woke
	x.road, x.front = c, nil
	x.answer = newAnswer(x, !l.draining && c.served < l.c.MaxRequestsPerConn)
	c.asked = !x.lasting()
	c.x = x
	c.credit, c.out.frame = 0, 0
	l.timers.disarm(c)
	l.handed = true
	l.flying++
	l.src.Handle(x)
	if c.off == len(c.in) && !c.turned {
		c.release()
	}
}

// leave moves the connection to the long road, with the request of which in[off:] is the head and the content so far.
func (c *conn) leave() {
	c.detach()
	c.state = closed
	unix.EpollCtl(c.l.epfd, unix.EPOLL_CTL_DEL, c.fd, nil)
	c.l.s.goLong(c)
	c.release()
}

// release gives the read buffer back.
func (c *conn) release() {
	c.l.buffers.give(c.in)
	c.in, c.off = nil, 0
}

// resume goes on with what the client sent while its last request was being answered.
func (c *conn) resume() {
	if c.state == open && c.h2 == nil && c.x == nil && c.out.empty() && c.off < len(c.in) {
		c.parse(c.in[c.off:], true)
	}
	c.read()
}

// end is called when the client has closed its side and everything it sent was read.
func (c *conn) end() {
	if c.off < len(c.in) {
		c.refuse(refuseEarlyEnd)
		return
	}
	c.close()
}

// refuse answers a request that is not served. Nothing after it is read as a request.
func (c *conn) refuse(r *refusal) {
	c.release()
	c.out.buf = appendRefusal(c.l.buffers.take(512), r, c.l.stamp)
	c.fate = fateLinger
	c.flush()
}

// expired is called when a deadline passes.
func (c *conn) expired(kind timerKind) {
	if c.h2 != nil && c.state == open {
		c.flushH2()
		return
	}
	switch kind {
	case headTimer:
		if c.off < len(c.in) {
			c.refuse(refuseSlowHead)
			return
		}
	case bodyTimer:
		c.leave()
		return
	case writeTimer:
		c.fail(errSlowClient)
		return
	case tickTimer:
		c.tick()
		return
	case idleTimer:
		// A request that came in at the last moment is served.
		c.readable = true
		if c.read(); !c.quiet() {
			return
		}
	}
	c.close()
}

// linger reads and forgets what the client still sends. Closing a socket that has unread bytes resets the connection, and
// the client could lose the answer before it has read it.
func (c *conn) linger() {
	for range lingerReads {
		n, errno := read(c.fd, c.l.scratch)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
		case errno != 0 || n == 0:
			c.close()
			return
		}
	}
	c.close()
}

// fail closes the connection at once, and tells the handler that waits on it.
func (c *conn) fail(err error) {
	if c.h2 != nil && c.state == open {
		c.close()
		c.failH2(err)
		return
	}
	if x := c.x; x != nil {
		c.x = nil
		x.road = &c.l.gone
		c.close()
		if x.Peer != nil {
			x.Peer.Closed(x, err)
		}
		return
	}
	c.close()
}

// close closes the socket, unless it is closed.
func (c *conn) close() {
	if c.state == closed {
		return
	}
	l := c.l
	c.state = closed
	c.detach()
	syscall.Close(c.fd)
	c.release()
	if c.half != nil {
		l.recycle(c.half)
		c.half = nil
	}
	l.buffers.give(c.out.drop())
	if c.h2 != nil {
		l.buffers.give(c.h2.out)
		c.h2.out, c.h2.outOff = nil, 0
	}
	l.s.gate.leave()
}

// detach takes the connection out of the loop.
func (c *conn) detach() {
	c.l.timers.disarm(c)
	c.l.conns[c.fd] = nil
	c.l.open--
}
