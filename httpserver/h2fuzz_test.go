package httpserver

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Nowhere is a carrier without a socket. Its time stands still.
type h2Nowhere struct {
	h     *h2
	stamp *stamp
	under int // exchanges under way

	script script // nil: answers by what the path says
}

func (n *h2Nowhere) hand(x *Exchange) {
	n.under++
	if n.script != nil {
		n.script(x, func(f func()) { f() })
		return
	}
	x.Peer = &echoPeer{}
	switch {
	case len(x.Path) > 1 && x.Path[1] == 'a':
		x.Abort()
	case x.Complete:
		x.Respond(&Head{Status: 200}, x.Body)
	default:
		x.Start(&Head{Status: 200})
		x.Pull()
	}
}

func (n *h2Nowhere) take() *h2Stream             { return &h2Stream{} }
func (n *h2Nowhere) give(*h2Stream)              {}
func (n *h2Nowhere) counted()                    { n.under-- }
func (n *h2Nowhere) wake()                       {}
func (n *h2Nowhere) thread() poster              { return spent{} }
func (n *h2Nowhere) now() int64                  { return 1 }
func (n *h2Nowhere) clock() *stamp               { return n.stamp }
func (n *h2Nowhere) grow(b []byte, k int) []byte { return append(b, make([]byte, k)...)[:len(b)] }
func (n *h2Nowhere) giveBuffer([]byte)           {}

// FuzzHTTP2 feeds frames, whole and in two pieces: no input may do harm, or leave an exchange behind.
func FuzzHTTP2(f *testing.F) {
	var seed bytes.Buffer
	framer := http2.NewFramer(&seed, nil)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < 8; i += 2 {
		enc.WriteField(hpack.HeaderField{Name: post("/")[i], Value: post("/")[i+1]})
	}
	framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	framer.WriteData(1, false, []byte("some content"))
	framer.WriteDataPadded(1, true, []byte("more"), make([]byte, 5))
	framer.WriteWindowUpdate(1, 100)
	framer.WriteRSTStream(1, http2.ErrCodeCancel)
	framer.WritePing(false, [8]byte{})
	framer.WriteGoAway(0, http2.ErrCodeNo, nil)
	f.Add(seed.Bytes(), 20)
	f.Add([]byte("\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08"), 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		s := New(Config{Handler: direct(hello), MaxStreams: 5, WebSocket: true})
		n := &h2Nowhere{stamp: newStamp(&s.c)}
		h := newH2(s, n, false, "")
		n.h = h
		h.preface = len(http2.ClientPreface)
		cut = min(max(cut, 0), len(data))
		used := h.feed(data[:cut])
		h.pump()
		h.tell()
		h.feed(data[used:])
		for range 3 {
			h.pump()
			h.tell()
		}
		if h.count > s.c.MaxStreams || h.pending() > 1<<20 {
			t.Errorf("%d streams, %d bytes to send", h.count, h.pending())
		}
		h.fail(ErrServerClosed)
		for len(h.tells) > 0 {
			h.tell()
		}
		if n.under != 0 || h.count != 0 {
			t.Errorf("%d exchanges and %d streams are left", n.under, h.count)
		}
	})
}
