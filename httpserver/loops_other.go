//go:build !linux

// loops_other.go stands for the short road on systems that have none: every listener takes the long road.

package httpserver

import "net"

const haveLoops = false

type loop struct {
	served, inFlight counter
}

type counter struct{}

func (counter) Load() int64 { return 0 }

func (*loop) drain() {}
func (*loop) stop()  {}

func (s *Server) openLoops([]net.Listener) error { return nil }

func (s *Server) anyLoop(net.Conn) *loop { return nil }

func (*longConn) goHome() bool { return false }
