package relay

import (
	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
)

// Talk is a call that is no request with one answer: a conversation, which owns its
// exchange and may go on when the application has returned. Its methods are called
// with the side locked, by whoever reads what Python sends.
type Talk interface {
	// Sent handles a value that the application sent into its channel. It reports false
	// if it made the call a request again, see [Call.Answer], whose value this is.
	Sent(v py.Reader) bool
	// Pulled says that the application has taken all that it was given, and waits.
	Pulled()
	// Returned says that the application has ended, with an exception or with nil.
	// The call is over then.
	Returned(err error)
}

// Talker is a Protocol that makes talks of requests that ask for one.
type Talker interface {
	// Talk returns the talk of an exchange that has a Protocol, and appends the value
	// that the application is called with. No talk: the exchange was answered.
	Talk(c *Call, b []byte, x *httpserver.Exchange) (Talk, []byte)
}

// converse begins a talk.
func (s *Side) converse(t Talker, x *httpserver.Exchange) {
	c := s.take()
	c.talk, s.scratch = t.Talk(c, s.scratch[:0], x)
	if c.talk == nil {
		s.give(c)
		return
	}
	s.Port.Call(s.function, c.ticket(), s.scratch)
}

// told handles one record from Python.
func (c *Call) told(m *py.Message) {
	switch m.Kind {
	case py.KindSend:
		c.channel = m.Target
		if !c.talk.Sent(py.NewReader(m.Value)) {
			c.sent(m)
		}
	case py.KindPull:
		c.channel = m.Target
		c.talk.Pulled()
	case py.KindResult:
		c.talk.Returned(nil)
		c.side.give(c)
	case py.KindError:
		err := faultOf(m)
		if !isCancelled(err) {
			c.side.logFault(err, c.X)
		}
		c.talk.Returned(err)
		c.side.give(c)
	}
}

// Answer makes the talk a request again, which x is answered to.
func (c *Call) Answer(x *httpserver.Exchange) { c.talk, c.X = nil, x }

// Side returns the writer to the lane that the call came by.
func (c *Call) Side() *Side { return c.side }

// Push gives the application a value, also one that it has not asked for.
func (c *Call) Push(value []byte) {
	if c.channel != 0 {
		c.side.Port.Push(c.channel, value)
	}
}

// Credit gives the channel n bytes back, in steps.
func (c *Call) Credit(n int) { c.credit(n) }

// Hangup tells the application that nobody listens any more.
func (c *Call) Hangup() {
	if c.channel != 0 {
		c.side.Port.Hangup(c.channel)
	}
}

// Cancel stops the application.
func (c *Call) Cancel() { c.side.Port.Cancel(c.ticket()) }

// Fault says what the application did wrong.
func (c *Call) Fault(err error) { c.side.logFault(err, c.X) }

// Lock has the caller be the one who uses the side, until Unlock. Only the methods of
// a Peer need it: everything else is called locked.
func (s *Side) Lock() { s.lock() }

// Unlock ends what Lock began.
func (s *Side) Unlock() { s.unlock() }
