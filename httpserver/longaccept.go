// longaccept.go is how connections come onto the long road from a listener of their own.

package httpserver

import (
	"fmt"
	"net"
	"time"
)

// acceptLong accepts from ln until the server stops.
func (s *Server) acceptLong(ln net.Listener) {
	s.group.Go(func() {
		<-s.stop
		stopListener(ln)
	})
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			if !s.admit() {
				nc.Close()
				break
			}
			s.group.Go(newLongConn(s, nc).serve)
		case s.stopping():
			ln.Close()
			return
		default:
			if !s.pause(err) {
				s.fail(fmt.Errorf("accept on %s: %w", ln.Addr(), err))
				ln.Close()
				return
			}
		}
	}
}

// stopListener ends the Accept of ln. What waits in the backlog is accepted first where the listener can do that: closing
// would reset it.
func stopListener(ln net.Listener) {
	const backlogTime = 20 * time.Millisecond
	if d, ok := ln.(interface{ SetDeadline(time.Time) error }); ok && d.SetDeadline(time.Now().Add(backlogTime)) == nil {
		return
	}
	ln.Close()
}

// admit waits until one more connection may be open, and reports false if the server stops before.
func (s *Server) admit() bool {
	for !s.gate.enter() {
		room := make(chan struct{})
		s.gate.wait(func() { close(room) })
		select {
		case <-room:
		case <-s.stop:
			return false
		}
	}
	return true
}

func (s *Server) stopping() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// pause waits a moment after err, if trying again may help.
func (s *Server) pause(err error) bool {
	if ne, ok := err.(interface{ Temporary() bool }); !ok || !ne.Temporary() {
		return false
	}
	const pause = 100 * time.Millisecond
	s.c.Logger.Warn("accept failed", "error", err, "pause", pause)
	select {
	case <-time.After(pause):
	case <-s.stop:
	}
	return true
}

// register notes c as open, and reports false if the server was cut.
func (s *Server) register(c *longConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return false
	}
	s.long[c] = struct{}{}
	c.draining = s.draining
	return true
}

func (s *Server) unregister(c *longConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.long, c)
}
