// loops_linux.go is the short road as the server sees it: a number of loops that share the listeners.

package httpserver

import (
	"net"

	"golang.org/x/sys/unix"
)

// openLoops starts the loops on listeners and waits until each has its source.
func (s *Server) openLoops(listeners []net.Listener) error {
	var sockets []int
	defer func() {
		for _, fd := range sockets {
			unix.Close(fd)
		}
	}()
	var failed error
	for _, ln := range listeners {
		fd, err := s.takeSocket(ln)
		if err != nil {
			failed = err
			continue
		}
		sockets = append(sockets, fd)
	}
	if failed != nil {
		return failed
	}
	for range s.c.Loops {
		l, err := newLoop(s)
		if err != nil {
			return err
		}
		if err := s.startLoop(l, sockets); err != nil {
			return err
		}
	}
	return nil
}

// anyLoop returns the loop that nc is to go to; nil: none.
func (s *Server) anyLoop(nc net.Conn) *loop {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.loops) == 0 {
		return nil
	}
	return s.loops[int(s.dealt.Add(1))%len(s.loops)]
}

// startLoop runs l on its thread, and returns once its source is open.
func (s *Server) startLoop(l *loop, sockets []int) error {
	for _, fd := range sockets {
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			err = l.listen(fd)
		}
		if err != nil {
			l.close()
			return err
		}
	}
	ready := make(chan error, 1)
	s.group.Go(func() {
		if err := l.run(func(err error) { ready <- err }); err != nil {
			s.fail(err)
		}
	})
	if err := <-ready; err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loops = append(s.loops, l)
	// The server may have been stopped while the source was opening.
	if s.draining {
		l.drain()
	}
	if s.cut {
		l.stop()
	}
	return nil
}
