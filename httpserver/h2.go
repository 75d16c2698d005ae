// h2.go is a connection of HTTP/2 (RFC 9113) without its socket: bytes go in by feed, requests come out as exchanges, and
// what is to be sent stands in out. Both roads drive it: h2loop_linux.go from an event loop, h2long.go from two goroutines.
// Next: h2frames.go for what each frame does, h2head.go for requests, h2answer.go for answers, h2send.go for flow control,
// h2guard.go for limits and timeouts.

package httpserver

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Sizes of HTTP/2. The windows bound what a client may send that no handler has taken.
const (
	h2FrameHead    = 9
	h2MaxFrame     = 16 << 10  // of either side, the least that RFC 9113 allows
	h2FirstWindow  = 65535     // of everybody, until told otherwise
	h2StreamWindow = 256 << 10 // of a request's body
	h2ConnWindow   = 1 << 20   // of all bodies of a connection
	h2MaxWindow    = 1<<31 - 1
	h2TableSize    = 4 << 10   // of header compression, either way
	h2OutFull      = 64 << 10  // no more content is framed until the kernel has taken what is there
	h2OutStop      = 256 << 10 // nothing is read until then
	h2ReadAhead    = 32 << 10
)

// h2Phase is how far a connection is in its life.
type h2Phase uint8

const (
	h2Open    h2Phase = iota
	h2Leaving         // streams after last are ignored; ends with the others
	h2Closing         // nothing is read; ends when out was sent
)

// h2Carrier is what a connection of HTTP/2 stands on.
type h2Carrier interface {
	// hand gives x to the handler. It is called without the lock.
	hand(x *Exchange)
	// take returns a stream that is not in use, and give takes it back: handled says that a handler had it.
	take() *h2Stream
	give(st *h2Stream)
	// counted is called when a handler has ended its exchange.
	counted()
	// thread is where peers are told.
	thread() poster
	// wake has the connection flushed soon.
	wake()
	// now is nanoseconds since whenever, clock what is written into heads.
	now() int64
	clock() *stamp
	// grow returns b with room for n more bytes, giveBuffer takes a buffer back.
	grow(b []byte, n int) []byte
	giveBuffer(b []byte)
}

// h2 is a connection. On the long road its lock guards everything; on the short road there is none, and one thread.
type h2 struct {
	s       *Server
	c       *Config
	carrier h2Carrier

	scheme        string
	tls           *TLS
	remote, local netip.AddrPort

	shared bool
	mu     sync.Mutex

	phase   h2Phase
	preface int // bytes of the client's preface seen so far
	settled bool
	source  h2Source
	framer  *http2.Framer
	decoder *hpack.Decoder
	block   h2Block

	streams map[uint32]*h2Stream
	count   int    // streams that are open, or whose handler goes on
	last    uint32 // the youngest stream of the client
	limit   uint32 // streams beyond it are ignored
	served  int
	recent  [64]h2Recent // streams that were closed
	nRecent int
	held    []*h2Stream // wait for a short body

	recvWindow int // what the client may still send
	recvOwed   int // of what was used, not yet told

	out        []byte
	outOff     int
	encoder    *hpack.Encoder
	sendWindow int64
	firstSend  int64 // window of new streams
	maxFrame   int
	ready      []*h2Stream // have something to send, and a window for it
	tells      []*h2Stream // have something to tell their peers
	telling    bool
	posts      []func() // of filters; on the long road only

	guard    h2Guard
	acks     int // settings the client has not acknowledged
	draining bool
}

// h2Source is what the framer reads from: one whole frame.
type h2Source struct{ b []byte }

func (s *h2Source) Read(p []byte) (int, error) {
	n := copy(p, s.b)
	s.b = s.b[n:]
	return n, nil
}

// Write is how the encoder and the framer append to what is to be sent.
func (h *h2) Write(p []byte) (int, error) {
	h.space(len(p))
	h.out = append(h.out, p...)
	return len(p), nil
}

// h2Recent is a stream that was closed.
type h2Recent struct {
	id     uint32
	own    bool   // the client may not know yet
	frames uint16 // of content that it was sent: it may answer each by a reset
}

// newH2 returns a connection that has said before, and its settings.
func newH2(s *Server, carrier h2Carrier, shared bool, before string) *h2 {
	h := &h2{
		s: s, c: &s.c, carrier: carrier, shared: shared, scheme: "http",
		streams: make(map[uint32]*h2Stream), limit: h2MaxWindow,
		recvWindow: h2ConnWindow, sendWindow: h2FirstWindow, firstSend: h2FirstWindow, maxFrame: h2MaxFrame,
	}
	h.framer = http2.NewFramer(h, &h.source)
	h.framer.SetReuseFrames()
	h.framer.SetMaxReadFrameSize(h2MaxFrame)
	h.decoder = hpack.NewDecoder(h2TableSize, h.emit)
	h.decoder.SetMaxStringLength(h.maxList())
	h.encoder = hpack.NewEncoder(h)
	h.guard.begin(h)
	h.out = append(carrier.grow(nil, 1024), before...)
	h.announce()
	return h
}

// maxList is the longest header list: what Config.MaxHead says, and never more than 16 MiB, since a few bytes can stand for
// thousands.
func (h *h2) maxList() int { return min(h.c.MaxHead, 16<<20) }

// announce writes the settings of this side.
func (h *h2) announce() {
	settings := []http2.Setting{
		{ID: http2.SettingMaxConcurrentStreams, Val: uint32(min(h.c.MaxStreams, h2MaxWindow))},
		{ID: http2.SettingInitialWindowSize, Val: h2StreamWindow},
		{ID: http2.SettingMaxHeaderListSize, Val: uint32(h.maxList())},
	}
	if h.c.WebSocket {
		settings = append(settings, http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
	}
	h.framer.WriteSettings(settings...)
	h.framer.WriteWindowUpdate(0, h2ConnWindow-h2FirstWindow)
	h.acks++
}

func (h *h2) lock() {
	if h.shared {
		h.mu.Lock()
	}
}

func (h *h2) unlock() {
	if h.shared {
		h.mu.Unlock()
	}
}

// feed takes bytes from the client and returns how many it used up: whole frames. It is called with the lock held, which it
// gives up while a handler is called.
func (h *h2) feed(b []byte) (used int) {
	for h.phase != h2Closing {
		rest := b[used:]
		if h.preface < len(http2.ClientPreface) {
			n := h.greet(rest)
			if n == 0 {
				break
			}
			used += n
			continue
		}
		if len(rest) < h2FrameHead {
			break
		}
		n := h2FrameHead + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
		if n > h2FrameHead+h2MaxFrame {
			h.fault(http2.ErrCodeFrameSize, "frame is larger than allowed")
			break
		}
		if len(rest) < n {
			break
		}
		h.source.b = rest[:n]
		used += n
		f, err := h.framer.ReadFrame()
		if err == nil {
			err = h.frame(f)
		} else if se, ok := err.(http2.StreamError); ok && rest[3] == byte(http2.FrameHeaders) {
			// The block was not decoded, so nothing after it can be.
			err = http2.ConnectionError(se.Code)
		}
		if err != nil {
			h.failed(err)
		}
	}
	if h.phase == h2Closing {
		return len(b)
	}
	h.guard.partial(h, used > 0, len(b) > used)
	return used
}

// greet takes bytes of the preface and returns how many; 0: there are none, or they are wrong.
func (h *h2) greet(b []byte) int {
	want := http2.ClientPreface[h.preface:]
	n := min(len(b), len(want))
	if string(b[:n]) != want[:n] {
		h.fault(http2.ErrCodeProtocol, "invalid preface")
		return 0
	}
	h.preface += n
	return n
}

// failed does what an error while reading asks for.
func (h *h2) failed(err error) {
	if se, ok := err.(http2.StreamError); ok {
		h.resetID(se.StreamID, se.Code)
		return
	}
	code := http2.ErrCodeFrameSize // the framer found a frame shorter than its fields
	switch err := err.(type) {
	case http2.ConnectionError:
		code = http2.ErrCode(err)
	case h2Fault:
		code = err.code
	}
	h.fault(code, err.Error())
}

// h2Fault is a fault of the client that its connection does not survive.
type h2Fault struct {
	code   http2.ErrCode
	reason string
}

func (f h2Fault) Error() string { return f.reason }

// errReset is told to the peer of an exchange whose stream the client reset.
var errReset = errors.New("answer request: the client reset the stream")

// fault ends the connection because of what the client did.
func (h *h2) fault(code http2.ErrCode, reason string) {
	if h.phase == h2Closing {
		return
	}
	h.goAway(min(h.last, h.limit), code, reason)
	h.fail(fmt.Errorf("answer request: the client broke the rules of HTTP/2: %s", reason))
}

// stop ends every stream because the server does: those that speak another protocol with their farewell, after what waits
// before it, as far as the windows allow.
func (h *h2) stop() {
	if h.phase == h2Closing {
		return
	}
	h.pump()
	for _, st := range h.streams {
		f := st.x.Farewell
		if len(f) == 0 || !st.turned() || !st.body.empty() || min(st.sendWindow, h.sendWindow) < int64(len(f)) {
			continue
		}
		h.framer.WriteData(st.id, true, f)
		st.sendWindow -= int64(len(f))
		h.sendWindow -= int64(len(f))
	}
	h.fail(ErrServerClosed)
}

// fail ends every stream, and the connection once what stands in out was sent.
func (h *h2) fail(err error) {
	h.phase = h2Closing
	for _, st := range h.streams {
		h.abandon(st, err)
	}
	h.held, h.ready = nil, nil
	h.carrier.wake()
}

// goAway tells the client that no stream after last is served.
func (h *h2) goAway(last uint32, code http2.ErrCode, reason string) {
	h.framer.WriteGoAway(last, code, []byte(reason))
	h.carrier.wake()
}

// drain asks the client to leave: at first without a number, so that requests which are on their way are served. tick says
// the number later.
func (h *h2) drain() {
	if h.draining || h.phase != h2Open {
		return
	}
	h.draining = true
	h.guard.drained = h.carrier.now()
	h.goAway(h2MaxWindow, http2.ErrCodeNo, "")
}

// leave serves the streams there are and no more.
func (h *h2) leave() {
	if h.phase != h2Open {
		return
	}
	h.phase = h2Leaving
	h.limit = h.last
	h.goAway(h.last, http2.ErrCodeNo, "")
	h.settle()
}

// settle closes a connection that leaves once its last stream is over.
func (h *h2) settle() {
	if h.count == 0 && h.phase == h2Leaving {
		h.phase = h2Closing
		h.carrier.wake()
	}
}

// pending returns how many bytes wait to be sent.
func (h *h2) pending() int { return len(h.out) - h.outOff }

// sendable reports whether a stream has content that may be framed.
func (h *h2) sendable() bool { return len(h.ready) > 0 && h.sendWindow > 0 && h.phase != h2Closing }

// over reports whether nothing is left to do but to close the socket.
func (h *h2) over() bool { return h.phase == h2Closing && h.pending() == 0 }
