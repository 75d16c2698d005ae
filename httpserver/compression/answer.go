package compression

// answer.go stands between a handler and its exchange. Next: stream.go for what goes on when a stream is under way.

import (
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/puffstack/puff/httpserver"
)

// wholeBody is the longest body that is compressed in one go: about a millisecond. A longer one is cut into pieces, between
// which other exchanges have their turn.
const wholeBody = 128 << 10

// answer is one answer to a client that takes a coding.
type answer struct {
	*shared
	rules
	coding string
	thread httpserver.Thread
	x      *httpserver.Exchange
	head   bool // the request was HEAD
	minor  int
	next   httpserver.Answerer // before Intercept

	mu sync.Mutex

	peer httpserver.Peer // the handler's
	over bool            // the handler has ended the exchange
	gone bool            // it is ended for those in front, too
	stream
}

var (
	_ httpserver.Answerer = (*answer)(nil)
	_ httpserver.Peer     = (*answer)(nil)
)

// ended notes that the exchange is over, unless err says that it is not.
func (a *answer) ended(err error) error {
	if err != nil {
		if _, bad := errors.AsType[*httpserver.HeadError](err); bad || err == httpserver.ErrMisuse {
			return err
		}
	}
	a.over, a.gone = true, true
	a.release()
	return err
}

// Respond implements httpserver.Answerer.
func (a *answer) Respond(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	length, declared := lengthOf(h)
	if !a.compressible(h, int64(len(body))) {
		return a.ended(a.next.Respond(x, h, body))
	}
	switch {
	case a.head:
		return a.ended(a.next.Respond(x, encoded(h, a.coding), nil))
	case declared && length != int64(len(body)) || len(body) > wholeBody && a.minor == 0:
		return a.ended(a.next.Respond(x, vary(h), body))
	case len(body) > wholeBody:
		return a.respondLater(x, h, body)
	}
	enc := a.encoders.take(a.coding)
	defer a.encoders.give(enc)
	// Writing into memory can not fail.
	_, _ = enc.Write(body)
	_ = enc.Close()
	if enc.out.Len() >= len(body) && !a.forced {
		return a.ended(a.next.Respond(x, vary(h), body))
	}
	return a.ended(a.next.Respond(x, encoded(h, a.coding), enc.out.Bytes()))
}

// respondLater begins a stream of a body that is long.
func (a *answer) respondLater(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	if !a.open() {
		return a.ended(a.next.Respond(x, vary(h), body))
	}
	if err := a.next.Start(x, encoded(h, a.coding)); err != nil {
		a.release()
		return a.ended(err)
	}
	a.left = -1
	a.over, a.ending = true, true
	a.parts = append(a.parts, part{bytes: slices.Clone(body)})
	a.schedule()
	return nil
}

// Start implements httpserver.Answerer.
func (a *answer) Start(x *httpserver.Exchange, h *httpserver.Head) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.compressible(h, -1) {
		return a.next.Start(x, h)
	}
	if a.head {
		return a.next.Start(x, encoded(h, a.coding))
	}
	// Without chunks a stream lasts until the connection closes: no gain for a client of HTTP/1.0.
	if a.minor == 0 || !a.open() {
		return a.next.Start(x, vary(h))
	}
	if err := a.next.Start(x, encoded(h, a.coding)); err != nil {
		a.release()
		return err
	}
	a.left = -1
	if n, declared := lengthOf(h); declared {
		a.left = n
	}
	a.live = a.left < 0
	return nil
}

// Write implements httpserver.Answerer.
func (a *answer) Write(x *httpserver.Exchange, p []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.enc == nil {
		return a.next.Write(x, p)
	}
	a.owed += len(p) - int(a.allow(int64(len(p))))
	p = p[:len(p)-a.excess]
	if len(a.parts) > 0 {
		a.parts = append(a.parts, part{bytes: slices.Clone(p)})
		a.schedule()
		return nil
	}
	err := a.put(p)
	a.schedule()
	return err
}

// SendFile implements httpserver.Answerer.
func (a *answer) SendFile(x *httpserver.Exchange, f *os.File, off, n int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.enc == nil {
		return a.next.SendFile(x, f, off, n)
	}
	allowed := a.allow(n)
	a.owed += int(n - allowed)
	a.parts = append(a.parts, part{file: f, off: off, n: allowed})
	a.schedule()
	return nil
}

// Finish implements httpserver.Answerer.
func (a *answer) Finish(x *httpserver.Exchange, trailers []httpserver.Field) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.enc == nil {
		return a.ended(a.next.Finish(x, trailers))
	}
	a.over = true
	a.ending = true
	if len(a.parts) > 0 {
		a.trailers = keep(trailers)
		return nil // turn goes on
	}
	return a.finish(trailers)
}

// keep copies fields.
func keep(fields []httpserver.Field) (out []httpserver.Field) {
	for _, f := range fields {
		out = append(out, httpserver.Field{Name: slices.Clone(f.Name), Value: slices.Clone(f.Value)})
	}
	return out
}

// Inform implements httpserver.Answerer.
func (a *answer) Inform(x *httpserver.Exchange, status int, fields []httpserver.Field) error {
	return a.next.Inform(x, status, fields)
}

// Pull implements httpserver.Answerer.
func (a *answer) Pull(x *httpserver.Exchange) { a.next.Pull(x) }

// Abort implements httpserver.Answerer.
func (a *answer) Abort(x *httpserver.Exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.enc != nil {
		_ = a.flush() // what was written before counts
	}
	a.next.Abort(x)
	_ = a.ended(nil)
}
