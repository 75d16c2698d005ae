package relay

import (
	"errors"
	"log/slog"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
)

// Call is one request under way in the application: from Handle until the application
// has returned, which may be after its answer was complete.
type Call struct {
	// X is the exchange until its answer is complete or nobody waits for it.
	X *httpserver.Exchange
	// Started says that the head of a streamed answer was given to X.
	Started bool
	// Start holds the head that the application sent, until the body says how to
	// frame it.
	Start []byte
	// Trailers says that the answer ends with trailers, Ended that its body is
	// complete, and Late holds those which the application has sent, encoded.
	Trailers, Ended bool
	Late            [][]byte
	// Done says that the whole answer was given.
	Done bool

	talk  Talk                                   // nil: a request and its answer
	fault func(error) (*httpserver.Head, []byte) // nil: no details
	held  *held

	side       *Side
	slot       uint32
	generation uint32
	channel    uint64 // who in Python talks; 0: nobody yet
	owed       int    // bytes taken from the channel and not yet credited
	closed     bool   // the client is gone
	file       int64  // bytes of a file that have not left yet, and end the answer
	asking     bool   // the program waits for a piece of the body, or for the client to go
}

const slotBits = 24

func (c *Call) ticket() uint64 { return uint64(c.generation)<<slotBits | uint64(c.slot) }

// take returns a Call that nobody uses.
func (s *Side) take() *Call {
	if n := len(s.free); n > 0 {
		c := s.calls[s.free[n-1]]
		s.free = s.free[:n-1]
		return c
	}
	c := &Call{side: s, slot: uint32(len(s.calls))}
	s.calls = append(s.calls, c)
	return c
}

func (s *Side) give(c *Call) {
	*c = Call{side: s, slot: c.slot, generation: c.generation + 1, Start: c.Start[:0]}
	s.free = append(s.free, c.slot)
}

// find returns the call of a ticket, nil if it is over.
func (s *Side) find(ticket uint64) *Call {
	slot := ticket & (1<<slotBits - 1)
	if slot >= uint64(len(s.calls)) {
		return nil
	}
	if c := s.calls[slot]; c.ticket() == ticket {
		return c
	}
	return nil
}

// message handles one record from Python.
func (s *Side) message(m *py.Message) {
	c := s.find(m.Ticket)
	if c == nil {
		switch m.Kind {
		case py.KindSend:
			s.dropped(m)
			s.Port.Hangup(m.Target)
		case py.KindPull:
			s.Port.Hangup(m.Target)
		case py.KindError: // raised when the answer was out, as a close() may
			s.logFault(faultOf(m), nil)
		}
		return
	}
	if c.talk != nil {
		c.told(m)
		return
	}
	switch m.Kind {
	case py.KindSend:
		c.sent(m)
	case py.KindPull:
		c.channel = m.Target
		if c.X == nil || c.closed {
			s.Port.Hangup(c.channel)
			return
		}
		c.asking = true
		if c.file > 0 {
			return // it waits for the file to leave
		}
		if c.held != nil {
			_ = c.release() // it waits for the client to go, and will not raise before
			return
		}
		c.X.Pull()
	case py.KindResult:
		c.answered(m)
	case py.KindError:
		c.failed(m)
	}
}

// Gone reports whether the client went away.
func (c *Call) Gone() bool { return c.closed }

func (c *Call) sent(m *py.Message) {
	s := c.side
	c.channel = m.Target
	if c.closed {
		s.dropped(m)
		s.Port.Hangup(c.channel)
		return
	}
	if c.held != nil {
		s.dropped(m)
		c.credit(len(m.Value)) // the answer is whole: what follows counts for nothing
		return
	}
	streamed, err := s.protocol.Sent(c, py.NewReader(m.Value))
	if err != nil {
		c.broken(err)
	}
	c.credit(len(m.Value) - streamed)
}

// credit gives the channel back what is no longer on its way.
func (c *Call) credit(n int) {
	c.owed += n
	if c.owed >= creditStep && c.channel != 0 {
		c.side.Port.Credit(c.channel, c.owed)
		c.owed = 0
	}
}

// answered ends the call with what the application returned.
func (c *Call) answered(m *py.Message) {
	if c.held == nil {
		if err := c.side.protocol.Answered(c, py.NewReader(m.Value)); err != nil {
			c.broken(err)
		}
	}
	c.over()
}

// over forgets the call. An answer that was begun and not finished is cut off.
func (c *Call) over() {
	if c.held != nil {
		if err := c.release(); err != nil {
			c.broken(err)
		}
	}
	if c.X != nil {
		x := c.X
		c.X = nil
		x.Abort()
	}
	c.side.give(c)
}

// failed ends the call with an exception of the application.
func (c *Call) failed(m *py.Message) {
	err := faultOf(m)
	if !isCancelled(err) {
		c.side.logFault(err, c.X)
	}
	c.refuse(err)
	c.over()
}

// isCancelled reports whether the application did not fail, but was told to end.
func isCancelled(err error) bool {
	e, ok := errors.AsType[*py.Error](err)
	return ok && e.Cancelled()
}

// faultOf returns the exception in a message.
func faultOf(m *py.Message) error {
	v, err := py.DecodeAll(m.Value)
	if err == nil {
		err = py.ErrorFrom(v)
	}
	return err
}

// broken says what the application did wrong; it may go on, nobody listens.
func (c *Call) broken(err error) {
	if c.X == nil || errors.Is(err, httpserver.ErrClosed) {
		return
	}
	c.side.logFault(err, c.X)
	c.refuse(err)
	if c.X != nil {
		x := c.X
		c.X = nil
		x.Abort()
	}
	if c.channel != 0 {
		c.side.Port.Hangup(c.channel)
	}
}

// Warn tells the operator of a fault that the client does not see.
func (c *Call) Warn(text string) { c.side.log.Warn(text) }

// logFault tells the operator of an exception; x is the exchange it ended, nil if that is over.
func (s *Side) logFault(err error, x *httpserver.Exchange) {
	var e *py.Error
	trace := ""
	if errors.As(err, &e) {
		trace = e.Traceback()
	}
	attrs := []any{"error", err.Error()}
	if x != nil && x.ID() != nil {
		attrs = append(attrs, "request_id", string(x.ID()))
	}
	if trace != "" {
		attrs = append(attrs, "traceback", trace)
	}
	s.log.Error("exception in application", attrs...)
}

// refusal is the answer for a fault of the application: no details for strangers.
var refusal = []byte("Internal Server Error\n")

var plain = []httpserver.Field{{Name: []byte("Content-Type"), Value: []byte("text/plain; charset=utf-8")}}

// refuse answers 500 if no answer has begun.
func (c *Call) refuse(fault error) {
	c.held = nil
	if c.X == nil || c.Started {
		return
	}
	x := c.X
	c.X = nil
	h, body := &httpserver.Head{Status: 500, Fields: plain}, refusal
	if c.fault != nil {
		h, body = c.fault(fault)
	}
	if err := x.Respond(h, body); err != nil && !errors.Is(err, httpserver.ErrClosed) {
		c.side.log.Error("answer 500", slog.Any("error", err))
	}
}

// Respond gives the whole answer.
func (c *Call) Respond(h *httpserver.Head, body []byte) error {
	if c.holds(h) {
		c.held = hold(h, body)
		return nil
	}
	return c.respond(h, body)
}

func (c *Call) respond(h *httpserver.Head, body []byte) error {
	x := c.X
	err := x.Respond(h, body)
	if !isHead(err) {
		c.done()
	}
	return err
}

// done has the program hear that there is nothing to wait for any more.
func (c *Call) done() {
	c.X, c.Done = nil, true
	if c.asking {
		c.side.Port.Hangup(c.channel)
	}
}

// Finish ends a streamed answer.
func (c *Call) Finish(trailers []httpserver.Field) error {
	x := c.X
	err := x.Finish(trailers)
	if !isHead(err) {
		c.done()
	}
	return err
}

// isHead reports an error after which the exchange still waits for its answer.
func isHead(err error) bool {
	if err == nil {
		return false // without making garbage of every answer
	}
	var bad *httpserver.HeadError
	return errors.As(err, &bad)
}

// Written implements httpserver.Peer.
func (c *Call) Written(x *httpserver.Exchange, n int) {
	s := c.side
	s.lock()
	defer s.unlock()
	if c.X != x {
		return
	}
	if c.file > 0 {
		c.fileLeft(n)
	} else {
		c.credit(n)
	}
	s.Port.Flush()
}

// Body implements httpserver.Peer.
func (c *Call) Body(x *httpserver.Exchange, p []byte, last bool) {
	s := c.side
	s.lock()
	defer s.unlock()
	if c.X != x {
		return
	}
	c.asking = false
	s.scratch = s.protocol.Body(s.scratch[:0], p, last)
	s.Port.Push(c.channel, s.scratch)
	s.Port.Flush()
}

// Closed implements httpserver.Peer. That a client is gone is no reason to stop what runs
// for it; that its time is up is.
func (c *Call) Closed(x *httpserver.Exchange, err error) {
	s := c.side
	s.lock()
	defer s.unlock()
	if c.X != x {
		return
	}
	c.closed = true
	if errors.Is(err, httpserver.ErrTimeout) {
		s.Port.Cancel(c.ticket())
	}
	if c.channel != 0 {
		s.Port.Hangup(c.channel)
	}
	s.Port.Flush()
}

var _ httpserver.Peer = (*Call)(nil)
