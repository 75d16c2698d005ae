package compression

// stream.go is a streamed answer under way. What the handler writes goes into the encoder at once; files, and bodies that
// are long, follow a piece at a time, each in a turn of the thread. At the end of the turn the encoder is flushed.

import (
	"io"
	"os"

	"github.com/puffstack/puff/httpserver"
)

const (
	pieceSize = 64 << 10  // the most that is compressed in a turn
	onTheWire = 256 << 10 // the most that waits for the client before the next piece is compressed
)

// stream is the part of an answer that only a streamed one needs. It is guarded by the answer's lock.
type stream struct {
	enc      *encoder // nil: the answer is not compressed
	live     bool     // how long the body is was not said: nothing may stay in the encoder
	left     int64    // of a declared Content-Length; -1: none was
	excess   int      // what allow cut off
	parts    []part   // to be compressed yet
	ending   bool     // the handler has finished
	broken   bool     // a file could not be read
	trailers []httpserver.Field
	posted   bool // turn will be called
	wire     int  // compressed bytes that have not left for the kernel
	owed     int  // bytes of the handler's that it was not told about
}

// part is a piece of the body: bytes, or a piece of a file.
type part struct {
	bytes  []byte
	file   *os.File
	off, n int64
}

func (p *part) close() {
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

// open takes an encoder, unless too many are in use.
func (a *answer) open() bool {
	if a.streams.Add(1) > a.MaxStreams {
		a.streams.Add(-1)
		return false
	}
	a.enc = a.encoders.take(a.coding)
	return true
}

// release gives everything back.
func (a *answer) release() {
	if a.enc != nil {
		a.encoders.give(a.enc)
		a.enc = nil
		a.streams.Add(-1)
	}
	for i := range a.parts {
		a.parts[i].close()
	}
	a.parts = nil
}

// allow returns how many of the next n bytes belong to a body of the declared length.
func (a *answer) allow(n int64) int64 {
	a.excess = 0
	if a.left < 0 {
		return n
	}
	if n > a.left {
		a.Logger.Warn("answer shortened: the body is longer than its Content-Length")
		a.excess = int(n - a.left)
		n = a.left
	}
	a.left -= n
	return n
}

// put compresses p and sends what comes of it.
func (a *answer) put(p []byte) error {
	a.owed += len(p)
	a.enc.dirty = true
	_, _ = a.enc.Write(p) // into memory
	return a.send()
}

// send passes on what the encoder has made.
func (a *answer) send() error {
	n := a.enc.out.Len()
	if n == 0 {
		return nil
	}
	a.wire += n
	err := a.next.Write(a.x, a.enc.out.Bytes())
	a.enc.out.Reset()
	return err
}

// flush has everything that was written on its way.
func (a *answer) flush() error {
	if !a.enc.dirty {
		return nil
	}
	a.enc.dirty = false
	_ = a.enc.Flush() // into memory
	return a.send()
}

// schedule has turn called, once for all that happens before.
func (a *answer) schedule() {
	if !a.posted && (a.live || len(a.parts) > 0 || a.wire == 0) {
		a.posted = a.thread.Post(a.turn)
	}
}

// turn is called on the thread.
func (a *answer) turn() {
	a.mu.Lock()
	a.posted = false
	if a.enc == nil {
		a.mu.Unlock()
		return
	}
	// An error says that the client is gone, of which Closed tells.
	if len(a.parts) > 0 && a.wire < onTheWire {
		_ = a.piece()
	}
	switch {
	case len(a.parts) > 0:
		if a.wire < onTheWire {
			a.schedule()
		}
	case a.ending:
		_ = a.finish(a.trailers)
	case a.live:
		_ = a.flush()
	}
	a.tell(0)
}

// piece compresses the next piece of the first part.
func (a *answer) piece() error {
	p := &a.parts[0]
	var b []byte
	var err error
	if p.file == nil {
		b = p.bytes[:min(len(p.bytes), pieceSize)]
		p.bytes = p.bytes[len(b):]
		if len(p.bytes) == 0 {
			a.parts = a.parts[1:]
		}
		return a.put(b)
	}
	b = make([]byte, min(p.n, pieceSize))
	n, err := p.file.ReadAt(b, p.off)
	if n < len(b) {
		if err != io.EOF {
			a.Logger.Warn("file not sent", "error", err)
		}
		a.broken = true
		a.owed += int(p.n) - n // of which the handler waits to hear
		p.n = 0
	} else {
		p.off += int64(n)
		p.n -= int64(n)
	}
	if p.n == 0 {
		p.close()
		a.parts = a.parts[1:]
	}
	return a.put(b[:n])
}

// finish ends the answer. What is too short is cut, since its end would say that it is whole.
func (a *answer) finish(trailers []httpserver.Field) error {
	if a.left > 0 || a.broken {
		a.Logger.Warn("answer cut: the body is shorter than its Content-Length", "missing", a.left)
		_ = a.flush()
		a.next.Abort(a.x)
		return a.ended(nil)
	}
	if !a.enc.closed { // the handler may try again with other trailers
		a.enc.closed, a.enc.dirty = true, false
		_ = a.enc.Close() // into memory
		_ = a.send()      // Finish says the same
	}
	err := a.ended(a.next.Finish(a.x, trailers))
	a.over = a.gone
	return err
}

// tell tells the handler's peer about what is gone when n compressed bytes are, and unlocks. What of the handler's is in the
// encoder counts as gone when the wire is empty: only more of it makes more of it come out.
func (a *answer) tell(n int) {
	credit := a.owed
	if n < a.wire {
		credit = int(int64(a.owed) * int64(n) / int64(a.wire))
	}
	a.wire -= min(n, a.wire)
	a.owed -= credit
	if len(a.parts) > 0 && a.wire < onTheWire {
		a.schedule()
	}
	peer := a.peer
	if a.over {
		peer = nil
	}
	a.mu.Unlock()
	if credit > 0 && peer != nil {
		peer.Written(a.x, credit)
	}
}

// Written implements httpserver.Peer.
func (a *answer) Written(x *httpserver.Exchange, n int) {
	a.mu.Lock()
	if a.enc == nil {
		peer, over := a.peer, a.over
		a.mu.Unlock()
		if peer != nil && !over {
			peer.Written(x, n)
		}
		return
	}
	a.tell(n)
}

// Body implements httpserver.Peer.
func (a *answer) Body(x *httpserver.Exchange, p []byte, last bool) {
	if peer := a.handlers(); peer != nil {
		peer.Body(x, p, last)
	}
}

// Closed implements httpserver.Peer. A handler that has ended its answer does not hear of it: what is left is ended here.
func (a *answer) Closed(x *httpserver.Exchange, err error) {
	if peer := a.handlers(); peer != nil {
		peer.Closed(x, err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over && !a.gone {
		a.next.Abort(x)
		_ = a.ended(nil)
	}
}

// handlers returns the handler's peer, nil if it has none or does not care any more.
func (a *answer) handlers() httpserver.Peer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil
	}
	return a.peer
}
