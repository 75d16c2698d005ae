// h2part.go is what filters do to a stream that they hold back or take from its handler; see holding.go.

package httpserver

import (
	"os"

	"golang.org/x/net/http2"
)

// watch does nothing: a stream that is reset, or loses its connection, is told at once.
func (st *h2Stream) watch(*Exchange, bool) {}

func (st *h2Stream) thread() poster { return st.h.carrier.thread() }

// part takes the client of a stream away. The handler's exchange stays the stream's own, since it is part of it.
func (st *h2Stream) part(x *Exchange) *Exchange {
	h := st.h
	h.lock()
	defer h.unlock()
	if st.closed != nil || !st.live {
		return nil
	}
	st.gone = true // whoever took the client tells the peer
	return x.twin(&Exchange{}, h2Taken{st})
}

// h2Taken is the road of a client that was taken away from its handler: it is answered at once, or cut off.
type h2Taken struct{ st *h2Stream }

var _ road = h2Taken{}

func (k h2Taken) respond(y *Exchange, hd *Head, body []byte) error {
	st := k.st
	h := st.h
	h.lock()
	defer h.unlock()
	n, err := st.begin(hd, int64(len(body)))
	if err != nil {
		return err
	}
	st.push(body[:n], true)
	st.finishBody()
	st.closed = ErrTimeout
	y.road = spent{}
	h.carrier.wake()
	return nil
}

func (k h2Taken) abort(y *Exchange) {
	st := k.st
	h := st.h
	h.lock()
	defer h.unlock()
	h.reset(st, http2.ErrCodeCancel, ErrTimeout)
	y.road = spent{}
}

// The other methods have no place in an answer that is given at once.
func (h2Taken) start(*Exchange, *Head) error         { return ErrMisuse }
func (h2Taken) write(*Exchange, []byte) error        { return ErrMisuse }
func (h2Taken) finish(*Exchange, []Field) error      { return ErrMisuse }
func (h2Taken) inform(*Exchange, int, []Field) error { return ErrMisuse }
func (h2Taken) pull(*Exchange)                       {}
func (h2Taken) watch(*Exchange, bool)                {}
func (h2Taken) part(*Exchange) *Exchange             { return nil }
func (k h2Taken) thread() poster                     { return k.st.thread() }
func (k h2Taken) server() *Server                    { return k.st.h.s }

func (h2Taken) sendFile(_ *Exchange, f *os.File, _, _ int64) error {
	f.Close()
	return ErrMisuse
}

// post has f called where peers are told; false: the connection is over.
func (d *h2Long) post(f func()) bool {
	h := d.h
	h.lock()
	defer h.unlock()
	if d.ended {
		return false
	}
	h.posts = append(h.posts, f)
	h.carrier.wake()
	return true
}

func (d *h2Long) thread() poster { return d }

// runPosts calls what filters want called, and is called where peers are told.
func (h *h2) runPosts() {
	for len(h.posts) > 0 {
		f := h.posts[0]
		h.posts = h.posts[1:]
		h.unlock()
		f()
		h.lock()
	}
	h.posts = nil
}
