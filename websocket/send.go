package websocket

// send.go is what the server sends: messages, each in one frame, and pings.

import (
	"errors"
	"unicode/utf8"
)

var (
	errText   = errors.New("send websocket message: the text is not UTF-8")
	errClosed = errors.New("send websocket message: the connection is closed")
)

// minDeflate is the size below which compressing a message costs more than it saves.
const minDeflate = 128

// AppendMessage appends the frame of a message to b. The bytes of the message may be left out of b: then they are returned
// as tail and belong behind it, which saves copying what is big.
func (c *Conn) AppendMessage(b []byte, text bool, p []byte) (frame, tail []byte, err error) {
	o := opBinary
	if text {
		if o = opText; !utf8.Valid(p) {
			return b, nil, errText
		}
	}
	if c.Closing() {
		return b, nil, errClosed
	}
	if c.deflate != nil && len(p) >= minDeflate {
		packed := c.deflate.deflate(p)
		defer c.deflate.done(packed)
		if len(*packed) < len(p) {
			b = appendHead(b, o, true, len(*packed))
			return append(b, *packed...), nil, nil
		}
	}
	b = appendHead(b, o, false, len(p))
	if len(p) > copied {
		return b, p, nil
	}
	return append(b, p...), nil, nil
}

// copied is the size up to which a message is copied behind the head of its frame.
const copied = 4 << 10

// Ping has the client show that it is there, see [Conn.Heard]: the ping is part of the output.
func (c *Conn) Ping() {
	if c.state == stateOpen {
		c.out = appendHead(c.out, opPing, false, 0)
	}
}
