// h2stream.go is one stream: a request on its way in, in the hands of a handler, and until its answer is out. Next:
// h2answer.go for what the handler does.

package httpserver

import (
	"math"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Stream is the road of one exchange, which is part of it: both are used again together.
type h2Stream struct {
	h   *h2
	x   Exchange
	id  uint32
	gen uint32 // tells one use from the next

	text   []byte // what the request points to
	scheme []byte

	// What the client sends.
	ended      bool // it has sent all
	held       bool // the handler gets the request when its body is whole
	open       bool // the client may know the stream
	recvWindow int
	recvOwed   int
	got        int64
	in         []byte // content nobody has looked at
	piece      []byte // content that is being handed to the handler, a piece at a time
	pieces     []byte // the buffer of it
	trailers   []Field
	pulled     bool  // the handler asked for content
	told       bool  // and has it all
	expecting  bool  // the client waits for 100 Continue
	moved      int64 // when the client last sent content, or was asked for it

	// What the client gets.
	sendWindow int64
	body       outbox
	after      []Field // trailers of the answer
	finishing  bool    // the answer ends with body
	sentEnd    bool    // the client knows that it is complete
	credit     int     // bytes of body to tell the handler about
	frames     int     // of content that it was sent
	took       int64   // when the client last took content
	ticked     int64   // when a Ticker was last called
	due        bool    // it is to be called

	live   bool  // the handler has the exchange
	closed error // why nobody waits for it
	gone   bool  // the handler was told

	queued  bool // is in h.ready
	telling bool // is in h.tells
}

// open makes the stream id.
func (h *h2) open(id uint32) *h2Stream {
	st := h.carrier.take()
	st.gen++
	st.h, st.id, st.open = h, id, true
	st.recvWindow, st.sendWindow = h2StreamWindow, h.firstSend
	st.moved = h.carrier.now()
	x := &st.x
	x.Method, x.Target, x.Path, x.Query, x.Host, x.Protocol = nil, nil, nil, nil, nil, nil
	x.Major, x.Minor = 2, 1
	x.Scheme, x.TLS, x.Remote, x.Local = h.scheme, h.tls, h.remote, h.local
	x.Fields = append(x.Fields[:0], Field{})
	x.framing = framing{}
	x.answer = answer{}
	x.Trailers, x.Farewell = nil, nil
	h.streams[id] = st
	h.count++
	return st
}

// keep copies s to where the request may point.
func (st *h2Stream) keep(s string) []byte {
	n := len(st.text)
	st.text = append(st.text, s...)
	return st.text[n:len(st.text):len(st.text)]
}

// admit hands a request to its handler: now, or when the rest of a short body is there.
func (h *h2) admit(st *h2Stream) {
	x := &st.x
	short := x.ContentLength <= int64(h.c.ShortBody) && !x.framing.expect && string(x.Method) != "CONNECT"
	if st.ended || !short {
		st.hand()
		return
	}
	st.held = true
	h.held = append(h.held, st)
	h.carrier.wake()
}

// unhold hands on the requests that have waited for their bodies long enough.
func (h *h2) unhold(before int64) {
	for len(h.held) > 0 && (!h.held[0].held || h.held[0].moved <= before) {
		st := h.held[0]
		h.held = h.held[1:]
		if st.held {
			st.hand()
		}
	}
}

// hand gives the request to its handler.
func (st *h2Stream) hand() {
	h, x := st.h, &st.x
	x.Complete = st.ended && len(st.in) <= h.c.ShortBody
	x.Body = nil
	if x.Complete {
		x.Body, st.in = st.in, nil
		x.Trailers = st.trailers
		st.told = true
		if x.ContentLength < 0 {
			x.ContentLength = int64(len(x.Body))
		}
	}
	body := x.Body
	st.held = false
	st.expecting = x.framing.expect
	x.road, x.front = st, nil
	x.answer = newAnswer(x, true)
	st.live = true
	h.unlock()
	h.carrier.hand(x)
	h.lock()
	h.returnWindow(len(body))
	h.carrier.giveBuffer(body)
}

// receive takes content, or the end of it.
func (st *h2Stream) receive(p []byte) error {
	h, x := st.h, &st.x
	st.moved = h.carrier.now()
	st.got += int64(len(p))
	switch n := x.ContentLength; {
	case n >= 0 && (st.got > n || st.ended && st.got < n):
		h.returnWindow(len(p))
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
	case st.got > h.c.MaxBody:
		h.returnWindow(len(p))
		h.refuse(st, refuseBigBody)
		return nil
	}
	if st.closed != nil || !st.held && !st.live {
		// The answer is complete, or about to be.
		h.returnWindow(len(p))
		return nil
	}
	if len(p) > 0 {
		st.in = append(h.carrier.grow(st.in, len(p)), p...)
	}
	switch {
	case st.held && (st.ended || len(st.in) > h.c.ShortBody):
		st.hand()
	case st.pulled:
		st.tellSoon()
	}
	return nil
}

// dropBody forgets content, and makes room for other.
func (st *h2Stream) dropBody() {
	h := st.h
	h.returnWindow(len(st.in) + len(st.piece))
	h.carrier.giveBuffer(st.in)
	h.carrier.giveBuffer(st.pieces)
	st.in, st.piece, st.pieces = nil, nil, nil
}

// trailer takes a field that follows the body. It reports false if the request is malformed.
func (st *h2Stream) trailer(f hpack.HeaderField) bool {
	name, value := []byte(f.Name), []byte(f.Value)
	if len(f.Name) == 0 || f.Name[0] == ':' || !h2Name(name) || !plainText(value) {
		return false
	}
	if len(st.trailers) < st.h.c.MaxFields && trailing(name) {
		st.trailers = append(st.trailers, Field{name, value})
	}
	return true
}

func (st *h2Stream) concludeTrailers(b *h2Block) error {
	st.ended = true
	if b.list > st.h.c.MaxTrailers {
		st.h.refuse(st, refuseExtensions)
		return st.h.spend(h2RefuseCost)
	}
	return st.receive(nil)
}

// tellSoon has the peer of st told what is new.
func (st *h2Stream) tellSoon() {
	h := st.h
	if !st.telling && st.live {
		st.telling = true
		h.tells = append(h.tells, st)
	}
	h.carrier.wake()
}

// tell tells peers what is new. It is called with the lock, gives it up for each call, and never from within a method of an
// exchange. What the calls bring forth is told the next time.
func (h *h2) tell() {
	if h.telling {
		return
	}
	h.telling = true
	h.runPosts()
	for n := len(h.tells); n > 0; n-- {
		st := h.tells[0]
		h.tells = h.tells[1:]
		st.telling = false
		if st.h == h {
			st.tell()
		}
	}
	if len(h.tells) == 0 {
		h.tells = nil
	}
	h.telling = false
	if len(h.tells) > 0 || len(h.posts) > 0 {
		h.carrier.wake()
	}
}

func (st *h2Stream) tell() {
	h, x, gen := st.h, &st.x, st.gen
	still := func() bool { return st.gen == gen && st.live && !st.gone }
	if !still() {
		return
	}
	peer := x.Peer
	if st.closed != nil {
		st.gone = true
		if peer != nil {
			h.unlock()
			peer.Closed(x, st.closed)
			h.lock()
		}
		return
	}
	if n := st.credit; n > 0 {
		st.credit = 0
		if peer != nil {
			h.unlock()
			peer.Written(x, n)
			h.lock()
		}
	}
	if st.due && still() && st.closed == nil {
		st.due = false
		if t, ok := peer.(Ticker); ok {
			h.unlock()
			t.Tick(x)
			h.lock()
		}
	}
	if !still() || !st.pulled || st.told || st.closed != nil {
		return
	}
	if len(st.piece) == 0 {
		h.carrier.giveBuffer(st.pieces)
		st.pieces, st.piece, st.in = st.in, st.in, nil
	}
	p := st.piece[:min(len(st.piece), scratchSize)]
	last := st.ended && len(p) == len(st.piece) && len(st.in) == 0
	if len(p) == 0 && !last {
		return
	}
	// The handler may end the exchange meanwhile, and its buffer must not be used again before it returns.
	rest, buffer := st.piece[len(p):], st.pieces
	st.piece, st.pieces = nil, nil
	st.pulled, st.told = false, last
	if last {
		x.Trailers = st.trailers
	}
	h.returnWindow(len(p))
	if !st.ended {
		st.returnWindow(len(p))
	}
	if peer != nil {
		h.unlock()
		peer.Body(x, p, last)
		h.lock()
	}
	if still() && st.closed == nil && len(rest) > 0 {
		st.piece, st.pieces = rest, buffer
		if st.pulled {
			st.tellSoon()
		}
		return
	}
	h.returnWindow(len(rest))
	h.carrier.giveBuffer(buffer)
}

// abandon ends a stream for its handler: nobody waits for the answer.
func (h *h2) abandon(st *h2Stream, err error) {
	if st.closed != nil {
		return
	}
	st.closed = err
	st.held = false
	st.dropBody()
	st.body.drop()
	st.finishing, st.after = false, nil
	if !st.live {
		h.forget(st, false)
		h.release(st)
		return
	}
	st.tellSoon()
}

// turned reports whether the stream speaks another protocol than HTTP.
func (st *h2Stream) turned() bool {
	return st.live && st.closed == nil && st.x.Protocol != nil && st.x.answer.stage == streaming
}

// forget takes st out of the streams that are open. own: the client may not know, since it was not the one who closed it.
func (h *h2) forget(st *h2Stream, own bool) {
	if !st.open {
		return
	}
	st.open = false
	delete(h.streams, st.id)
	h.recent[h.nRecent%len(h.recent)] = h2Recent{st.id, own, uint16(min(st.frames, math.MaxUint16))}
	h.nRecent++
}

// closedLately looks a stream up that is not open any more; nil: it has been forgotten.
func (h *h2) closedLately(id uint32) *h2Recent {
	for i := range h.recent[:min(h.nRecent, len(h.recent))] {
		if r := &h.recent[i]; r.id == id {
			return r
		}
	}
	return nil
}

// release gives st back, which is not open and which no handler has.
func (h *h2) release(st *h2Stream) {
	if st.open || st.live || st.h == nil {
		return
	}
	st.dropBody()
	st.body.drop()
	h.count--
	if h.count == 0 {
		h.guard.idle = h.carrier.now()
	}
	st.gen++
	st.pulled, st.told, st.ended, st.gone, st.finishing, st.expecting = false, false, false, false, false, false
	st.closed, st.after, st.trailers, st.sentEnd = nil, nil, nil, false
	st.credit, st.recvOwed, st.got, st.frames, st.ticked, st.due = 0, 0, 0, 0, 0, false
	st.h = nil
	h.carrier.give(st)
	h.settle()
}

// reset ends st because of a fault, of the client or of the handler.
func (h *h2) reset(st *h2Stream, code http2.ErrCode, err error) {
	h.framer.WriteRSTStream(st.id, code)
	h.forget(st, true)
	h.abandon(st, err)
	h.carrier.wake()
}

// resetID refuses what the client did on a stream, which need not be open.
func (h *h2) resetID(id uint32, code http2.ErrCode) {
	if err := h.spend(h2RefuseCost); err != nil {
		h.failed(err)
		return
	}
	if st := h.streams[id]; st != nil {
		h.reset(st, code, errReset)
		return
	}
	h.framer.WriteRSTStream(id, code)
	h.carrier.wake()
}

// refuse answers a request the engine does not serve, or does not go on with, as far as that is still possible.
func (h *h2) refuse(st *h2Stream, r *refusal) {
	if st.live && st.x.answer.stage != fresh || st.closed != nil {
		h.reset(st, http2.ErrCodeCancel, r)
		return
	}
	live := st.live
	st.x.answer = newAnswer(&st.x, true)
	head := Head{Status: r.status, Fields: refusalFields}
	text := append([]byte(r.reason), '\n')
	if n, err := st.begin(&head, int64(len(text))); err == nil {
		st.push(text[:n], true)
		st.finishBody()
		h.carrier.wake()
	}
	// What is left of it needs no handler, and nothing more from the client.
	if live {
		st.closed = r
		st.tellSoon()
	}
}
