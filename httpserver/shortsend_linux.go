// shortsend_linux.go is how answers on the short road reach the socket, and what becomes of the connection then.

package httpserver

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileTurn is how much of a file is sent before other connections get their turn.
const fileTurn = 1 << 20

// push writes a whole answer, or behind what waits to be written.
func (c *conn) push(head, body []byte) error {
	if !c.out.empty() {
		c.append(head)
		c.append(body)
		c.makeDirty()
		return nil
	}
	var n int
	var errno syscall.Errno
	if len(body) < directSize {
		head = append(head, body...)
		body = nil
		n, errno = write(c.fd, head)
	} else {
		n, errno = writev(c.fd, head, body)
	}
	if errno == unix.EAGAIN || errno == unix.EINTR {
		n, errno = 0, 0
	}
	if errno != 0 {
		return errno
	}
	sent := min(n, len(head))
	if rest := head[sent:]; len(rest) > 0 {
		c.append(rest)
	}
	if rest := body[n-sent:]; len(rest) > 0 {
		c.append(rest)
	}
	if !c.out.empty() {
		c.makeDirty()
	}
	return nil
}

// makeDirty has flush called before the loop sleeps.
func (c *conn) makeDirty() {
	if !c.isDirty {
		c.isDirty = true
		c.l.dirty = append(c.l.dirty, c)
	}
}

// flush sends what waits and tells the handler about it. This is where streamed answers reach the socket, and the only
// place besides events and timers where a handler is told anything: never from within its own call.
func (c *conn) flush() {
	if c.state != open {
		return
	}
	if c.h2 != nil {
		c.flushH2()
		return
	}
	if c.broken == nil && !c.blocked {
		c.broken = c.send()
	}
	if c.broken != nil {
		c.fail(c.broken)
		return
	}
	if c.watching && c.hup && c.off == len(c.in) && atEnd(c.fd) {
		c.fail(errGone)
		return
	}
	if n := c.credit; n > 0 && c.x != nil {
		c.credit = 0
		if c.x.Peer != nil {
			c.x.Peer.Written(c.x, n)
		}
	}
	if c.fate != fateNone && c.out.empty() {
		c.answered()
	}
}

// send writes until everything is out or the kernel takes no more.
func (c *conn) send() error {
	budget := int64(fileTurn)
	for !c.out.empty() {
		var n int
		var errno error
		if b := c.out.ready(); len(b) > 0 {
			var e syscall.Errno
			if n, e = write(c.fd, b); e != 0 {
				errno = e
			} else {
				c.credit += c.out.sent(n)
			}
		} else if budget > 0 {
			n, errno = c.sendPart()
			budget -= int64(n)
		} else {
			c.makeDirty()
			return nil
		}
		switch {
		case errno == unix.EAGAIN:
			c.blocked = true
			if !c.l.timers.armed(c, writeTimer) {
				c.l.timers.arm(c, writeTimer, c.l.now)
			}
			return nil
		case errno != nil && errno != unix.EINTR:
			return errno
		}
		if n > 0 && c.timer.list != nil {
			c.unblocked()
		}
	}
	if cap(c.out.buf) > 0 {
		c.l.buffers.give(c.out.buf)
		c.out.buf, c.out.off = nil, 0
	}
	return nil
}

// sendPart sends some of the first file.
func (c *conn) sendPart() (int, error) {
	p := &c.out.files[0]
	n, err := unix.Sendfile(c.fd, int(p.file.Fd()), &p.off, int(min(p.n, fileTurn/4)))
	if err == unix.EINVAL || err == unix.ENOSYS {
		// Not every file system can do that.
		n, err = c.copyPart(p)
	}
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errShortFile
	}
	c.credit += n
	if p.n -= int64(n); p.n == 0 {
		c.out.detach()
	}
	return n, nil
}

// copyPart does the work of sendfile by hand.
func (c *conn) copyPart(p *part) (int, error) {
	n, err := p.file.ReadAt(c.l.scratch[:min(p.n, scratchSize)], p.off)
	if n == 0 {
		if err == io.EOF {
			err = nil
		}
		return 0, err
	}
	n, errno := write(c.fd, c.l.scratch[:n])
	if errno != 0 {
		return 0, errno
	}
	p.off += int64(n)
	return n, nil
}

// answered is called when the last byte of an answer was given to the kernel.
func (c *conn) answered() {
	fate := c.fate
	c.fate = fateNone
	unread := c.readable || c.off < len(c.in)
	switch {
	case fate == fateKeep:
		c.l.timers.arm(c, idleTimer, c.l.now)
		if unread {
			c.makeResumed()
		}
	case fate == fateCut:
		c.cut(false)
	case fate == fateClose && !unread:
		c.close()
	default:
		c.state = lingering
		c.release()
		unix.Shutdown(c.fd, unix.SHUT_WR)
		c.l.timers.arm(c, lingerTimer, c.l.now)
		c.makeResumed()
	}
}

func (c *conn) makeResumed() {
	if !c.isResumed {
		c.isResumed = true
		c.l.resumed = append(c.l.resumed, c)
	}
}

// cut closes the connection without ado. reset: the client would take an orderly end for the end of the answer.
func (c *conn) cut(reset bool) {
	if reset {
		unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	c.close()
}
