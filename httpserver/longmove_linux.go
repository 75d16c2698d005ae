// longmove_linux.go moves connections between the roads.

package httpserver

import (
	"net"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// goLong starts a goroutine that serves c on the long road. The caller has taken c out of its loop.
func (s *Server) goLong(c *conn) {
	long := newLongConn(s, nil)
	long.home = c.l
	long.remote, long.local, long.served = c.remote, c.local, c.served
	long.in = slices.Clone(c.in[c.off:])
	long.head, long.body, long.ready = c.head, c.body, int(c.body.total)
	fd := c.fd
	s.group.Go(func() {
		nc, err := netConn(fd)
		if err != nil {
			s.c.Logger.Warn("connection lost between the roads", "error", err)
			s.gate.leave()
			return
		}
		long.nc = nc
		long.serve()
	})
}

// netConn makes a net.Conn of a socket.
func netConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	return net.FileConn(f)
}

// goHome takes the connection to its loop, between requests, and reports whether it did.
func (c *longConn) goHome() bool {
	c.mu.Lock()
	stay := c.home == nil || c.draining || c.cut || c.eof
	c.mu.Unlock()
	if stay {
		return false
	}
	fd, err := dupSocket(c.nc.(syscall.Conn))
	if err != nil {
		return false
	}
	short := &conn{
		l: c.home, fd: fd, remote: c.remote, local: c.local, served: c.served,
		in: append([]byte(nil), c.in[c.off:]...), readable: true,
	}
	if !c.home.post(func() { c.home.welcome(short) }) {
		unix.Close(fd)
		return false
	}
	c.nc.Close()
	return true
}

// welcome adopts a connection that comes back, or has no more to settle before its first request.
func (l *loop) welcome(c *conn) {
	l.adopt(c)
	if c.state != open {
		return
	}
	if c.served > 0 {
		l.timers.arm(c, idleTimer, l.now)
	}
	c.makeResumed()
}
