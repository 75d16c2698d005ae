// Package websocket is the server's end of WebSocket connections (RFC 6455, permessage-deflate of RFC 7692) without any
// input or output: bytes of the client go in, messages and bytes for the client come out. So it works the same behind an
// event loop, a goroutine, or a stream of HTTP/2.
//
//	server := websocket.New(websocket.Config{Deflate: true})
//	// for each request:
//	request, err := websocket.ReadRequest(fields, true)
//	// ...
//	answer, conn := server.Accept(request, "chat")
//	// send the answer with the status 101, then for each piece p that the client sends:
//	n := conn.Feed(p, handler)
//	send(conn.Output())
//
// A [Conn] checks everything that the client sends: framing, masks, reserved bits, the order of fragments, UTF-8 as it
// comes in, close codes, sizes before and after inflation. What it finds wrong it answers with a close frame of the right
// code.
package websocket

import "unicode/utf8"

// Config says what a connection allows. The zero value of each field is its default.
type Config struct {
	// MaxSize is the most bytes of a message, also after inflation; beyond it the connection is closed with
	// [TooBig]. Default: 16 MiB. Negative: no limit.
	MaxSize int64
	// Deflate lets clients compress messages and be sent compressed ones. Default: false.
	Deflate bool
}

// Server makes connections that share compressors. Its methods may be called from any goroutine.
type Server struct {
	c     Config
	pools pools
}

// New returns a Server.
func New(c Config) *Server { return &Server{c: c} }

const (
	defaultSize = 16 << 20
	maxControl  = 125
)

// Handler hears what a client sends. Its methods are called within [Conn.Feed].
type Handler interface {
	// Message is called with a whole message. p is valid during the call; a text is UTF-8. It reports whether it takes
	// another one: if not, Feed stops.
	Message(text bool, p []byte) bool
	// Ended is called once, when nothing more will come: with the code and the reason of the client's close frame
	// ([NoStatus] where it gave none), or with why the connection failed. Then [Conn.Goodbye] is due.
	Ended(code int, reason string)
}

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // we have sent a close frame and wait for the client's
	stateEnding        // the client has sent one, or failed: nothing is read any more, and ours is still to come
	stateClosed        // nothing is read or sent any more
)

// Conn is one connection. Its methods are for one goroutine at a time.
type Conn struct {
	max     int64
	deflate *deflate // nil: no compression
	state   state
	idle    int  // frames that said nothing
	heard   bool // anything at all, since Heard was asked
	out     []byte
	goodbye []byte // the frame that ends the connection, while it is ending

	// The frame that is being read.
	head   [14]byte
	have   int // bytes of head
	inside bool
	frame  frame
	left   uint64 // bytes of the payload to come
	at     int    // of the mask

	// The message or the control frame that it is part of.
	control [maxControl]byte
	length  int // of control
	begun   bool
	text    bool
	packed  bool // compressed
	message []byte
	checked int // bytes of message that are UTF-8
}

func newConn(most int64, d *deflate) *Conn {
	k := &Conn{max: most, deflate: d}
	switch {
	case k.max == 0:
		k.max = defaultSize
	case k.max < 0:
		k.max = 1<<63 - 1
	}
	return k
}

// Feed takes what the client sent; p is changed. It returns how much of p was used: all of it, unless the handler wants no
// more messages for now, or the connection is closed, after which the rest means nothing.
func (c *Conn) Feed(p []byte, h Handler) int {
	c.heard = c.heard || len(p) > 0
	size := len(p)
	for c.state < stateEnding {
		if !c.inside {
			if len(p) == 0 {
				break
			}
			n := c.readHead(p)
			p = p[n:]
			if !c.inside {
				break // the rest of the head is still to come
			}
			if f := c.begin(); f != nil {
				c.fail(f, h)
				break
			}
		}
		n := int(min(uint64(len(p)), c.left))
		piece := p[:n]
		p = p[n:]
		c.at = unmask(piece, c.frame.mask, c.at)
		c.left -= uint64(n)
		more, f := c.payload(piece, h)
		if f != nil {
			c.fail(f, h)
			break
		}
		if c.left > 0 {
			break
		}
		c.inside = false
		if !more {
			break
		}
	}
	return size - len(p)
}

// payload takes a piece of the current frame, which ends it if nothing is left.
func (c *Conn) payload(piece []byte, h Handler) (more bool, f *failure) {
	if c.frame.opcode.control() {
		c.length += copy(c.control[c.length:], piece)
		if c.left > 0 {
			return true, nil
		}
		return true, c.endControl(h)
	}
	if c.state != stateOpen {
		return true, nil // we have said goodbye
	}
	last := c.left == 0 && c.frame.fin
	if last && len(c.message) == 0 && !c.packed {
		// The usual case: the message stands in p, whole.
		c.begun = false
		if c.text && !utf8.Valid(piece) {
			return false, failText
		}
		return h.Message(c.text, piece), nil
	}
	c.message = append(c.message, piece...)
	if c.text && !c.packed {
		if f := c.checkText(last); f != nil {
			return false, f
		}
	}
	if !last {
		return true, nil
	}
	return c.endMessage(h)
}

// keptMessage is how much room for a message that comes in pieces stays between two.
const keptMessage = 4 << 10

func (c *Conn) endMessage(h Handler) (more bool, f *failure) {
	message := c.message
	c.begun, c.checked = false, 0
	if cap(c.message) > keptMessage {
		c.message = nil
	} else {
		c.message = c.message[:0]
	}
	if !c.packed {
		return h.Message(c.text, message), nil
	}
	plain, f := c.deflate.inflate(message, c.max)
	if f != nil {
		return false, f
	}
	defer c.deflate.done(plain)
	if c.text && !utf8.Valid(*plain) {
		return false, failText
	}
	return h.Message(c.text, *plain), nil
}

// checkText finds out as early as possible that a text is no UTF-8.
func (c *Conn) checkText(last bool) *failure {
	p := c.message[c.checked:]
	whole := len(p)
	if !last {
		// A character at the end may be incomplete.
		for i := 1; i <= min(utf8.UTFMax-1, len(p)); i++ {
			if utf8.RuneStart(p[len(p)-i]) {
				if !utf8.FullRune(p[len(p)-i:]) {
					whole = len(p) - i
				}
				break
			}
		}
	}
	if !utf8.Valid(p[:whole]) {
		return failText
	}
	c.checked += whole
	return nil
}

// endControl acts on a control frame.
func (c *Conn) endControl(h Handler) *failure {
	p := c.control[:c.length]
	switch c.frame.opcode {
	case opPing:
		if c.state == stateOpen && len(c.out) < maxPongs {
			c.out = append(appendHead(c.out, opPong, false, len(p)), p...)
		}
	case opClose:
		return c.endClose(p, h)
	}
	return nil
}

// maxPongs bounds what answers to pings may fill while nobody takes the output: a client may be answered its last ping
// only (RFC 6455, section 5.5.3).
const maxPongs = 64 << 10

// Output returns the frames that are to be sent, such as answers to pings, and forgets them. They are valid until the next
// call of a method.
func (c *Conn) Output() []byte {
	out := c.out
	c.out = c.out[:0]
	return out
}

// Heard reports whether the client has sent anything since the last call.
func (c *Conn) Heard() bool {
	heard := c.heard
	c.heard = false
	return heard
}

// Closed reports whether both sides have said goodbye: what is left is to close the connection, once the output was sent.
func (c *Conn) Closed() bool { return c.state == stateClosed }

// Ending reports whether the client has said goodbye, or failed, and [Conn.Goodbye] is due.
func (c *Conn) Ending() bool { return c.state == stateEnding }

// Closing reports whether we have said goodbye: no message can be sent any more.
func (c *Conn) Closing() bool { return c.state == stateClosing || c.state == stateClosed }
