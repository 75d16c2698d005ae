package relay

// Frameworks answer 500 for an exception, then raise it for the server to see. Where the
// server has more to say than they (Config.Fault) their answer is held until then.

import (
	"bytes"

	"github.com/puffstack/puff/httpserver"
)

// held is a whole answer that waits for what the application does next.
type held struct {
	head httpserver.Head
	body []byte
}

// holds reports whether an answer is to wait.
func (c *Call) holds(h *httpserver.Head) bool {
	return c.fault != nil && h.Status == 500 && c.held == nil
}

// hold copies an answer: its parts are valid as long as the message they came in.
func hold(h *httpserver.Head, body []byte) *held {
	k := &held{*h, bytes.Clone(body)}
	k.head.Reason = bytes.Clone(h.Reason)
	k.head.Fields = make([]httpserver.Field, len(h.Fields))
	for i, f := range h.Fields {
		k.head.Fields[i] = httpserver.Field{Name: bytes.Clone(f.Name), Value: bytes.Clone(f.Value)}
	}
	return k
}

// release gives the answer after all.
func (c *Call) release() error {
	k := c.held
	c.held = nil
	if c.X == nil {
		return nil
	}
	return c.respond(&k.head, k.body)
}
