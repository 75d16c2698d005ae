package postgres

// What comes by itself: notices, notifications, and that the server went away; and what
// tells that some of it is there.

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"
)

// Socket returns the descriptor of the connection, to be watched and not used, and -1 when
// there is none. It stays the same until the connection is closed.
func (c *Conn) Socket() int {
	socket := -1
	if raw, err := control(c.pg.Conn()); err == nil {
		_ = raw.Control(func(fd uintptr) { socket = int(fd) }) // it is closed: there is none
	}
	return socket
}

// control returns what knows the descriptor of a connection, also of one through TLS.
func control(nc net.Conn) (syscall.RawConn, error) {
	sc, ok := bare(nc).(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}

// bare returns the socket, of a connection through TLS what it goes through.
func bare(nc net.Conn) net.Conn {
	if s, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return s.NetConn()
	}
	return nc
}

// Sending has report be called from now on when something is sent: with true before each
// wait for room in the socket, with false when all was sent. It must not wait.
func (c *Conn) Sending(report func(waits bool)) {
	if l, ok := bare(c.pg.Conn()).(*line); ok {
		l.mu.Lock()
		l.report = report
		l.mu.Unlock()
	}
}

// Unread reports whether something of the server's may be there that was taken from the
// socket and not read yet: the socket says nothing of that. It is for Poll to read.
func (c *Conn) Unread() bool {
	select {
	case c.turn <- struct{}{}:
	default:
		return false // whoever has the turn reads it
	}
	defer func() { <-c.turn }()
	return c.broken == nil && (c.line == nil || c.unread() > 0)
}

// Poll reads what has come by itself: notices, notifications, and that the server went
// away. It does not wait.
func (c *Conn) Poll(ctx context.Context) error {
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return c.look(time.Now())
}

// look reads until the deadline, or until a notification has come. The frontend keeps
// what it read of a message.
func (c *Conn) look(deadline time.Time) error {
	if !deadline.IsZero() && !deadline.After(time.Now()) {
		if c.unread() == 0 && !readable(c.pg.Conn()) {
			if c.line != nil {
				return nil
			}
			deadline = time.Unix(1, 0) // TLS gives what it has of what it took from the socket
		} else {
			deadline = time.Now().Add(5 * time.Millisecond) // one that is over reads nothing at all
		}
	}
	if !deadline.IsZero() { // else it is the caller's
		_ = c.pg.Conn().SetReadDeadline(deadline)
		defer func() { _ = c.pg.Conn().SetReadDeadline(time.Time{}) }()
	}
	for {
		m, err := c.fe.Receive()
		if err != nil {
			if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
				return nil
			}
			return c.fail(err)
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok {
			return c.failed(e)
		}
		if c.aside(m) && c.unread() == 0 {
			c.mu.Lock()
			some := len(c.notifications) > 0
			c.mu.Unlock()
			if some && (c.line != nil || deadline.IsZero()) {
				return nil
			}
		}
	}
}

// readable reports whether there is something to read: data, or the end of it.
func readable(nc net.Conn) bool {
	raw, err := control(nc)
	if err != nil {
		return !errors.Is(err, errors.ErrUnsupported)
	}
	some := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		some = n > 0 || err == nil || err != unix.EAGAIN && err != unix.EINTR
	})
	return some || err != nil
}
