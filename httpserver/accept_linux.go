// accept_linux.go is how connections come onto the short road: from a listener, or back from the long road.

package httpserver

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// acceptBatch is how many connections are accepted at once, so that those which are there already get their turn. Several
// loops on one listener take fewer, or the first to wake would take them all.
const (
	acceptBatch       = 64
	acceptBatchShared = 4
)

// acceptor is a listening socket of one loop.
type acceptor struct {
	fd     int
	local  netip.AddrPort
	paused bool
}

// takeSocket returns a descriptor of the socket of ln, and closes ln: the runtime would otherwise wake for each connection
// as well. A Unix listener is closed at the end, since closing it removes the socket from the file system.
func (s *Server) takeSocket(ln net.Listener) (int, error) {
	fd, err := dupSocket(ln.(syscall.Conn))
	if err != nil {
		ln.Close()
		return -1, fmt.Errorf("take socket of %s: %w", ln.Addr(), err)
	}
	if _, ok := ln.(*net.UnixListener); ok {
		s.group.Go(func() {
			<-s.stop
			ln.Close()
		})
		return fd, nil
	}
	// Accepted sockets inherit both.
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	return fd, ln.Close()
}

// dupSocket returns a second descriptor of a socket, which outlives the first.
func dupSocket(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(f uintptr) { fd, err = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0) })
	if controlErr != nil {
		return -1, controlErr
	}
	return fd, err
}

// listen accepts from fd, which the loop owns from now on. It is called before run.
func (l *loop) listen(fd int) error {
	a := &acceptor{fd: fd, local: localAddr(fd)}
	l.listeners = append(l.listeners, a)
	if err := l.watchListener(a); err != nil {
		return err
	}
	return nil
}

func (l *loop) watchListener(a *acceptor) error {
	// Exclusive: a connection wakes one of the loops, not all.
	if err := watch(l.epfd, a.fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE, markListener); err != nil {
		return fmt.Errorf("watch listener: %w", err)
	}
	return nil
}

func (l *loop) accept(fd int) {
	for _, a := range l.listeners {
		if a.fd == fd {
			batch := acceptBatch
			if l.c.Loops > 1 {
				batch = acceptBatchShared
			}
			l.acceptFrom(a, batch)
		}
	}
}

// acceptFrom accepts up to batch connections and reports whether there may be more.
func (l *loop) acceptFrom(a *acceptor, batch int) bool {
	for range batch {
		if !l.s.gate.enter() {
			l.pause(a)
			l.s.gate.wait(func() { l.post(func() { l.unpause(a) }) })
			return false
		}
		fd, sa, err := unix.Accept4(a.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			l.s.gate.leave()
			return l.acceptFailed(a, err)
		}
		local := a.local
		if local.Addr().IsUnspecified() {
			local = localAddr(fd)
		}
		c := &conn{l: l, fd: fd, remote: addrPort(sa), local: local}
		l.adopt(c)
	}
	return true
}

// acceptFailed reports whether accepting may go on.
func (l *loop) acceptFailed(a *acceptor, err error) bool {
	switch err {
	case unix.EAGAIN:
		return false
	case unix.EINTR, unix.ECONNABORTED, unix.EPROTO:
		return true
	}
	// Out of descriptors or memory, most likely. Trying again at once would only burn the processor.
	const pause = 100 * time.Millisecond
	l.c.Logger.Warn("accept failed", "error", err, "pause", pause)
	l.pause(a)
	time.AfterFunc(pause, func() { l.post(func() { l.unpause(a) }) })
	return false
}

func (l *loop) pause(a *acceptor) {
	if !a.paused {
		a.paused = true
		unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, a.fd, nil)
	}
}

func (l *loop) unpause(a *acceptor) {
	if a.paused && a.fd >= 0 {
		a.paused = false
		if err := l.watchListener(a); err != nil {
			l.c.Logger.Error("listener lost", slog.Any("error", err))
		}
	}
}

// closeListeners takes in what already waits in the backlog, which closing would reset, and closes.
func (l *loop) closeListeners() {
	for _, a := range l.listeners {
		for !l.cut && l.acceptFrom(a, acceptBatch) {
		}
		// Closing alone would leave it watched where another process has the socket too.
		l.pause(a)
		unix.Close(a.fd)
		a.fd = -1
	}
	l.listeners = nil
}

// adopt makes c a connection of the loop.
func (l *loop) adopt(c *conn) {
	l.mark = max(l.mark+1, 1)
	c.mark = l.mark
	for len(l.conns) <= c.fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[c.fd] = c
	l.open++
	if err := watch(l.epfd, c.fd, interest, c.mark); err != nil {
		c.fail(os.NewSyscallError("epoll_ctl", err))
		return
	}
	kind := headTimer
	if l.draining {
		kind = idleTimer
	}
	l.timers.arm(c, kind, l.now)
}
