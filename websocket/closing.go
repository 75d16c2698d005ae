package websocket

// closing.go is how a connection ends (RFC 6455, section 7): close frames of either side, and what is an error.

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Close codes (RFC 6455, section 7.4.1, and IANA's registry).
const (
	Normal       = 1000
	GoingAway    = 1001
	Protocol     = 1002
	NoStatus     = 1005 // never sent: the close frame had no code
	Abnormal     = 1006 // never sent: there was no close frame
	Invalid      = 1007
	Policy       = 1008
	TooBig       = 1009
	Internal     = 1011
	Restart      = 1012
	lastReserved = 2999
	lastCode     = 4999
)

// failure is why a connection is closed by us.
type failure struct {
	code   int
	reason string
}

var (
	failMask     = &failure{Protocol, "a frame is not masked"}
	failReserved = &failure{Protocol, "a reserved bit is set"}
	failOpcode   = &failure{Protocol, "a reserved opcode"}
	failLength   = &failure{Protocol, "a length of more than 63 bits"}
	failControl  = &failure{Protocol, "a control frame is fragmented or too long"}
	failOrder    = &failure{Protocol, "a fragment out of order"}
	failClose    = &failure{Protocol, "a close frame of one byte"}
	failCode     = &failure{Protocol, "a close code that nobody may send"}
	failIdle     = &failure{Policy, "too many frames that say nothing"}
	failText     = &failure{Invalid, "a text is not UTF-8"}
	failSize     = &failure{TooBig, "a message is too big"}
	failDeflate  = &failure{Invalid, "a message does not inflate"}
)

// fail ends the connection for a fault of the client.
func (c *Conn) fail(f *failure, h Handler) {
	c.end(f.code, f.reason)
	h.Ended(f.code, f.reason)
}

// end has nothing read any more. A goodbye of the client's is answered with one of code.
func (c *Conn) end(code int, reason string) {
	if c.state == stateOpen {
		c.state = stateEnding
		c.goodbye = appendClose(nil, code, reason)
	} else {
		c.state = stateClosed
	}
	c.message = nil
	if c.deflate != nil {
		c.deflate.window = nil
	}
}

// Goodbye ends a connection on which the client has said goodbye, or failed: our close frame is part of the output. A
// caller that has messages for the client may send them before.
func (c *Conn) Goodbye() {
	if c.state == stateEnding {
		c.out = append(c.out, c.goodbye...)
		c.state, c.goodbye = stateClosed, nil
	}
}

// endClose acts on the client's close frame: it is answered with the same code, unless it is the answer.
func (c *Conn) endClose(p []byte, h Handler) *failure {
	code, reason := NoStatus, ""
	switch {
	case len(p) == 1:
		return failClose
	case len(p) > 1:
		code = int(binary.BigEndian.Uint16(p))
		if !validCode(code) {
			return failCode
		}
		if !utf8.Valid(p[2:]) {
			return failText
		}
		reason = string(p[2:])
	}
	c.end(code, "")
	h.Ended(code, reason)
	return nil
}

// validCode reports whether a close frame may have the code.
func validCode(code int) bool {
	switch {
	case code < Normal, code > lastCode, code == NoStatus, code == Abnormal, code == 1004, code == 1015:
		return false
	}
	return code < 1016 || code > lastReserved
}

func appendClose(b []byte, code int, reason string) []byte {
	if code == NoStatus {
		return appendHead(b, opClose, false, 0)
	}
	reason = cut(reason, maxControl-2)
	b = appendHead(b, opClose, false, 2+len(reason))
	return append(binary.BigEndian.AppendUint16(b, uint16(code)), reason...)
}

// cut returns the characters of s that fit into n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// CloseFrame returns a close frame as bytes, for who must say goodbye without a [Conn].
func CloseFrame(code int, reason string) []byte { return appendClose(nil, code, reason) }

// Close says goodbye: its frame is part of the output. Messages that the client sent before it hears of that are dropped.
// A reason that is too long is cut. It does nothing if we have said so already, and is [Conn.Goodbye] if the client has.
func (c *Conn) Close(code int, reason string) error {
	if code != NoStatus && !validCode(code) {
		return fmt.Errorf("close websocket: %d is no code that may be sent; use 1000, or 3000 to 4999", code)
	}
	if !utf8.ValidString(reason) {
		return fmt.Errorf("close websocket: the reason is not UTF-8")
	}
	if c.state != stateOpen {
		c.Goodbye()
		return nil
	}
	c.out = appendClose(c.out, code, reason)
	c.state = stateClosing
	c.message, c.begun = nil, false
	return nil
}
