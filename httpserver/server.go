// server.go starts the two roads and stops them.

package httpserver

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrServerClosed is told to the peers of exchanges that Shutdown, or the end of Serve's context, cut.
var ErrServerClosed = errors.New("serve http: the server was stopped")

var (
	errGone       = errors.New("answer request: the client closed the connection")
	errShortFile  = errors.New("send file: it is shorter than was said")
	errSlowClient = errors.New("answer request: the client did not read the answer in time")
)

// lingerTime and lingerReads bound how long the engine waits for a client to read the last answer and close.
const (
	lingerTime  = time.Second
	lingerReads = 16
)

// Server serves HTTP/1 and HTTP/2 on any number of listeners. It is made by New and serves once.
type Server struct {
	c       Config
	handler Handler // of the long road, behind the filters
	gate    gate
	done    chan struct{} // Serve has returned
	stop    chan struct{} // nobody accepts any more

	grace  atomic.Int64 // Config.DrainGrace, until SetDrainGrace
	over   atomic.Int64 // exchanges of the long road
	flying atomic.Int64
	dealt  atomic.Uint32 // connections that went to the short road, to each loop in turn
	pieces piecePool

	group sync.WaitGroup

	mu sync.Mutex

	started  bool
	draining bool
	cut      bool
	err      error // the first one that ended a road
	loops    []*loop
	long     map[*longConn]struct{}
}

// Stats says what a server is doing and has done.
type Stats struct {
	// Connections is how many are open.
	Connections int64
	// Requests is how many exchanges are over.
	Requests int64
	// InFlight is how many exchanges are not.
	InFlight int64
}

// New returns a Server. It starts nothing.
func New(c Config) *Server {
	s := &Server{
		c: c.withDefaults(), done: make(chan struct{}), stop: make(chan struct{}), long: make(map[*longConn]struct{}),
	}
	s.gate.max = int64(s.c.MaxConnections)
	s.grace.Store(int64(s.c.DrainGrace))
	if s.c.Handler != nil {
		s.handler = filtered(s.c.Handler, s.c.Filters)
	}
	return s
}

// Serve accepts connections from listeners, which it closes, and serves them until Shutdown was called or ctx ends, which
// is a Shutdown without grace. It returns when all of its goroutines are gone; the error is nil if nothing failed.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	if err := s.begin(); err != nil {
		for _, ln := range listeners {
			ln.Close()
		}
		return err
	}
	defer close(s.done)
	release := context.AfterFunc(ctx, s.cutAll)
	defer release()
	s.open(listeners)
	s.group.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// begin lets a server serve once.
func (s *Server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return errors.New("serve http: the server has served or was shut down before; make a new one")
	}
	s.started = true
	return s.c.check()
}

// open puts each listener on its road.
func (s *Server) open(listeners []net.Listener) {
	var short, long []net.Listener
	mayLoop, loops := haveLoops && s.c.Open != nil, false
	for _, ln := range listeners {
		_, prefixed := ln.(PrefixedListener)
		switch {
		case mayLoop && isPlain(ln):
			short, loops = append(short, ln), true
			continue
		case mayLoop && prefixed:
			loops = true
		}
		long = append(long, ln)
	}
	if loops {
		if err := s.openLoops(short); err != nil {
			s.fail(err)
		}
	}
	// Behind the loops, since they may give them connections.
	for _, ln := range long {
		s.group.Go(func() { s.acceptLong(ln) })
	}
}

// isPlain reports whether what ln accepts are bare sockets.
func isPlain(ln net.Listener) bool {
	switch ln.(type) {
	case *net.TCPListener, *net.UnixListener:
		return true
	}
	return false
}

// Shutdown stops accepting and waits until every request that has begun is answered. A connection that is idle has
// Config.DrainGrace to begin one more; each last answer says Connection: close. When ctx ends what is left is cut, and the
// error is that of ctx. Serve has returned when Shutdown returns.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	started := s.started
	s.started = true
	s.mu.Unlock()
	if !started {
		return nil
	}
	s.drain()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		s.cutAll()
		<-s.done
		return ctx.Err()
	}
}

// SetDrainGrace puts d in the place of Config.DrainGrace, for a Shutdown to come: a server that is replaced by another
// may give its clients longer than one that ends.
func (s *Server) SetDrainGrace(d time.Duration) { s.grace.Store(int64(d)) }

func (s *Server) drainGrace() time.Duration { return time.Duration(s.grace.Load()) }

// Stats returns the current counts. It costs a few loads.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := Stats{Connections: s.gate.open.Load(), Requests: s.over.Load(), InFlight: s.flying.Load()}
	for _, l := range s.loops {
		sum.Requests += l.served.Load()
		sum.InFlight += l.inFlight.Load()
	}
	return sum
}

// drain is the gentle end.
func (s *Server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return
	}
	s.draining = true
	close(s.stop)
	for _, l := range s.loops {
		l.drain()
	}
	for c := range s.long {
		c.drain()
	}
}

// cutAll is the other one.
func (s *Server) cutAll() {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	for _, l := range s.loops {
		l.stop()
	}
	for c := range s.long {
		c.stop()
	}
}

// fail notes why a road ended and ends the others.
func (s *Server) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.cutAll()
}
