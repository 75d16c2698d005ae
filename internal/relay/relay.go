// Package relay carries exchanges of the HTTP engine to a lane of Python and their
// answers back. What a request looks like there, and what an answer means, is a
// [Protocol]'s business: internal/wsgi and internal/asgi.
//
// A [Side] is one writer to the lane: an event loop has one of its own and needs no
// lock; the goroutines of the long road share one.
package relay

import (
	"context"
	"log/slog"
	"sync"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
)

// Protocol says how a request travels and what the application's messages mean. Its
// methods are called by one goroutine at a time per Side.
type Protocol interface {
	// Encode appends the value that the application is called with.
	Encode(s *Side, b []byte, x *httpserver.Exchange) []byte
	// Body appends what the application receives for a piece of the body.
	Body(b []byte, piece []byte, last bool) []byte
	// Sent handles a value that the application sent into its channel. It returns
	// how many bytes of it became part of a streamed answer that is not finished.
	Sent(c *Call, value py.Reader) (streamed int, err error)
	// Answered handles what the application returned.
	Answered(c *Call, value py.Reader) error
}

// Config says where calls go.
type Config struct {
	Lane     *py.Lane
	Function py.Handle // called with what Encode made
	Protocol func() Protocol
	Log      *slog.Logger
	// Fault takes note of a request within Handle; what it returns makes the answer for a
	// fault of the application, and stands in for a whole answer of 500 that the
	// application gives before it raises. Default: 500 and no details.
	Fault func(x *httpserver.Exchange) func(error) (*httpserver.Head, []byte)
}

const (
	ringSize   = 4 << 20
	creditStep = 16 << 10 // credit travels in steps of this size, not per write
)

// Side is one writer to the lane.
type Side struct {
	Port *py.Port

	function py.Handle
	fault    func(*httpserver.Exchange) func(error) (*httpserver.Head, []byte)
	protocol Protocol
	talker   Talker // nil: the protocol knows no talks
	log      *slog.Logger
	shared   bool // mu is needed
	mu       sync.Mutex
	calls    []*Call
	free     []uint32
	scratch  []byte
	receive  func(*py.Message)
}

func newSide(c Config, shared bool) (*Side, error) {
	port, err := c.Lane.OpenPort(ringSize)
	if err != nil {
		return nil, err
	}
	s := &Side{Port: port, function: c.Function, fault: c.Fault, protocol: c.Protocol(), log: c.Log, shared: shared}
	s.talker, _ = s.protocol.(Talker)
	s.receive = s.message
	return s, nil
}

// OpenLoop makes the Side of an event loop: what httpserver.Config.Open returns.
func OpenLoop(c Config) (*Side, error) { return newSide(c, false) }

// OpenShared makes the Side of the long road; Run reads its answers.
func OpenShared(c Config) (*Side, error) { return newSide(c, true) }

func (s *Side) lock() {
	if s.shared {
		s.mu.Lock()
	}
}

func (s *Side) unlock() {
	if s.shared {
		s.Port.Flush()
		s.mu.Unlock()
	}
}

// Run reads the answers of a shared side until ctx ends.
func (s *Side) Run(ctx context.Context) error {
	return s.Port.Serve(ctx, func(m *py.Message) {
		s.lock()
		s.message(m)
		s.unlock()
	})
}

// InFlight returns how many calls the application has not finished.
func (s *Side) InFlight() int {
	s.lock()
	defer s.unlock()
	return len(s.calls) - len(s.free)
}

// Handle implements httpserver.Handler.
func (s *Side) Handle(x *httpserver.Exchange) {
	s.lock()
	defer s.unlock()
	if x.Protocol != nil && s.talker != nil {
		s.converse(s.talker, x)
		return
	}
	c := s.take()
	c.X = x
	if s.fault != nil {
		c.fault = s.fault(x)
	}
	x.Peer = c
	s.scratch = s.protocol.Encode(s, s.scratch[:0], x)
	s.Port.Call(s.function, c.ticket(), s.scratch)
}

// FD, Flush, Drain, Park and Close implement httpserver.Source.
func (s *Side) FD() int { return s.Port.FD() }

// Flush hands a batch on.
func (s *Side) Flush() { s.Port.Flush() }

// Drain answers what is ready.
func (s *Side) Drain() int {
	n := s.Port.Drain(s.receive)
	if n > 0 {
		s.Port.Flush() // credits and pieces of bodies
	}
	return n
}

// Park reports whether the loop may sleep.
func (s *Side) Park() bool { return s.Port.Park() }

// Close ends the side; its calls are forgotten. What still talks for one of them hears that
// nobody is there any more, also what did so a moment ago.
func (s *Side) Close() error {
	s.lock()
	defer s.unlock()
	s.Port.Shut()
	s.Port.Drain(s.receive)
	for _, c := range s.calls {
		if c.channel != 0 {
			s.Port.Hangup(c.channel)
		}
	}
	s.Port.Flush()
	return s.Port.Close()
}

var _ httpserver.Source = (*Side)(nil)
