// h2send.go is how bodies of HTTP/2 become frames, as far as the windows of the client and the socket allow.

package httpserver

import (
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/net/http2"
)

// h2Tiny is the size below which a frame of content is counted as trouble when only the client's window keeps it small.
const h2Tiny = 256

// appendFrameHead appends the head of a frame.
func appendFrameHead(b []byte, kind http2.FrameType, flags http2.Flags, id uint32, n int) []byte {
	b = append(b, byte(n>>16), byte(n>>8), byte(n), byte(kind), byte(flags))
	return binary.BigEndian.AppendUint32(b, id)
}

// beginBlock leaves room for the head of the frame that a header block goes into.
func (h *h2) beginBlock() (mark int) {
	h.space(1024)
	mark = len(h.out)
	h.out = append(h.out, make([]byte, h2FrameHead)...)
	return mark
}

// endBlock writes that head, and splits a block that is too long for one frame.
func (h *h2) endBlock(id uint32, mark int, end bool) {
	var flags http2.Flags
	if end {
		flags = http2.FlagHeadersEndStream
	}
	n := len(h.out) - mark - h2FrameHead
	if n <= h.maxFrame {
		appendFrameHead(h.out[:mark], http2.FrameHeaders, flags|http2.FlagHeadersEndHeaders, id, n)
		return
	}
	block := append([]byte(nil), h.out[mark+h2FrameHead:]...)
	h.out = h.out[:mark]
	h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:h.maxFrame], EndStream: end})
	for block = block[h.maxFrame:]; ; block = block[h.maxFrame:] {
		last := len(block) <= h.maxFrame
		h.framer.WriteContinuation(id, last, block[:min(len(block), h.maxFrame)])
		if last {
			return
		}
	}
}

// space makes room for n more bytes of output.
func (h *h2) space(n int) {
	if cap(h.out)-len(h.out) >= n {
		return
	}
	if h.outOff > len(h.out)/2 {
		h.out = h.out[:copy(h.out, h.out[h.outOff:])]
		h.outOff = 0
	}
	h.out = h.carrier.grow(h.out, n)
}

// room returns how many of the next n bytes of st can be framed at once.
func (h *h2) room(st *h2Stream, n int) int {
	if len(h.out)-h.outOff >= h2OutFull {
		return 0
	}
	return int(max(0, min(int64(n), h.sendWindow, st.sendWindow, int64(h.maxFrame))))
}

// content frames p, which room allowed.
func (h *h2) content(st *h2Stream, p []byte, end bool) {
	h.space(h2FrameHead + len(p))
	h.contentHead(st, len(p), end)
	h.out = append(h.out, p...)
}

func (h *h2) contentHead(st *h2Stream, n int, end bool) {
	var flags http2.Flags
	if end {
		flags = http2.FlagDataEndStream
		st.sentEnd = true
	}
	if n >= h2Tiny {
		h.guard.earn(1 + n>>10) // the client answers with windows
	}
	h.sendWindow -= int64(n)
	st.sendWindow -= int64(n)
	st.took = h.carrier.now()
	st.frames++
	h.out = appendFrameHead(h.out, http2.FrameData, flags, st.id, n)
}

// push sends p as part of the body, or has it wait for its turn. last: the body ends with p.
func (st *h2Stream) push(p []byte, last bool) {
	h := st.h
	if st.body.empty() && !st.queued {
		framed := 0
		for len(p) > framed {
			n := h.room(st, len(p)-framed)
			if n == 0 {
				break
			}
			h.content(st, p[framed:framed+n], last && framed+n == len(p) && !st.x.answer.short())
			framed += n
		}
		p = p[framed:]
		if !last {
			st.gaveUp(framed)
		}
	}
	if len(p) > 0 {
		st.waits()
		st.body.buf = append(h.carrier.grow(st.body.buf, len(p)), p...)
		st.enqueue()
	}
}

// waits is called before body is put where it waits: from then on the client has its time.
func (st *h2Stream) waits() {
	if st.body.empty() {
		st.took = st.h.carrier.now()
	}
}

// finishBody ends the body: now, or when what waits was sent.
func (st *h2Stream) finishBody() {
	st.finishing = true
	if st.body.empty() {
		st.end()
	}
}

// end tells the client that the answer is complete.
func (st *h2Stream) end() {
	h, a := st.h, &st.x.answer
	if a.over {
		h.c.Logger.Warn("answer shortened: the body is longer than its Content-Length")
	}
	switch {
	case a.short():
		h.c.Logger.Warn("answer cut: the body is shorter than its Content-Length", "missing", a.left)
		h.framer.WriteRSTStream(st.id, http2.ErrCodeInternal)
		h.forget(st, true)
		h.release(st)
		return
	case st.sentEnd:
	case len(st.after) > 0:
		mark := h.beginBlock()
		for i := range st.after {
			h.fieldOf(&st.after[i])
		}
		h.endBlock(st.id, mark, true)
	default:
		h.contentHead(st, 0, true)
	}
	if !st.ended {
		// The client need not send what nobody reads.
		h.framer.WriteRSTStream(st.id, http2.ErrCodeNo)
	}
	h.forget(st, !st.ended)
	h.release(st)
}

// enqueue puts st in the row of those that have something to send.
func (st *h2Stream) enqueue() {
	h := st.h
	if st.queued || st.body.empty() || st.sendWindow <= 0 {
		return
	}
	st.queued = true
	h.ready = append(h.ready, st)
	h.carrier.wake()
}

// pump frames what waits, a frame of each stream in turn.
func (h *h2) pump() {
	for len(h.ready) > 0 && h.sendWindow > 0 && len(h.out)-h.outOff < h2OutFull && h.phase != h2Closing {
		st := h.ready[0]
		h.ready = h.ready[1:]
		st.queued = false
		if st.h != h || st.body.empty() {
			continue
		}
		if err := h.sendPart(st); err != nil {
			h.c.Logger.Warn("answer cut", "error", err)
			h.reset(st, http2.ErrCodeInternal, err)
			continue
		}
		if st.h == h {
			st.enqueue()
		}
	}
	if len(h.ready) == 0 {
		h.ready = nil
	}
}

// sendPart frames a piece of the body of st.
func (h *h2) sendPart(st *h2Stream) error {
	o := &st.body
	b := o.ready()
	waiting := len(b)
	if waiting == 0 {
		waiting = int(min(o.files[0].n, h2MaxFrame))
	}
	n := h.room(st, waiting)
	if n == 0 {
		return nil
	}
	if n < min(waiting, h2Tiny) {
		if err := h.spend(1); err != nil {
			h.failed(err)
			return nil
		}
	}
	if len(b) > 0 {
		last := st.finishing && n == len(b) && len(o.files) == 0 && len(st.after) == 0 && !st.x.answer.short()
		h.content(st, b[:n], last)
		o.off += n
	} else {
		var err error
		if n, err = h.sendFilePart(st, n); err != nil {
			return err
		}
	}
	st.gaveUp(n)
	if o.empty() {
		h.carrier.giveBuffer(o.drop())
		if st.finishing {
			st.end()
		}
	}
	return nil
}

// sendFilePart frames up to n bytes of the first file, and returns how many.
func (h *h2) sendFilePart(st *h2Stream, n int) (int, error) {
	p := &st.body.files[0]
	h.space(h2FrameHead + n)
	mark := len(h.out)
	n, err := p.file.ReadAt(h.out[mark+h2FrameHead:mark+h2FrameHead+n], p.off)
	if n == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = errShortFile
		}
		return 0, err
	}
	h.contentHead(st, n, false)
	h.out = h.out[:mark+h2FrameHead+n]
	p.off += int64(n)
	if p.n -= int64(n); p.n == 0 {
		st.body.detach()
	}
	return n, nil
}

// returnWindow gives the client back n bytes of the connection's window.
func (h *h2) returnWindow(n int) {
	if n <= 0 {
		return
	}
	if h.recvOwed += n; h.recvOwed >= h2ConnWindow/4 {
		h.framer.WriteWindowUpdate(0, uint32(h.recvOwed))
		h.recvWindow += h.recvOwed
		h.recvOwed = 0
		h.carrier.wake()
	}
}

// returnWindow gives the client back n bytes of the window of st.
func (st *h2Stream) returnWindow(n int) {
	if n <= 0 {
		return
	}
	h := st.h
	if st.recvOwed += n; st.recvOwed >= h2StreamWindow/4 {
		h.framer.WriteWindowUpdate(st.id, uint32(st.recvOwed))
		st.recvWindow += st.recvOwed
		st.recvOwed = 0
		h.carrier.wake()
	}
}

// sent notes that n bytes of out are gone.
func (h *h2) sent(n int) {
	if h.outOff += n; h.outOff == len(h.out) {
		h.out, h.outOff = h.out[:0], 0
	}
}
