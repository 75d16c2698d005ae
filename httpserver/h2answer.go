// h2answer.go is what a handler does to an exchange of HTTP/2. The state of the answer is that of answer.go; here it becomes
// frames. Next: h2send.go for the body.

package httpserver

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var _ road = (*h2Stream)(nil)

func (st *h2Stream) server() *Server { return st.h.s }

// over ends the exchange for the handler. Its answer may still wait to be sent.
func (st *h2Stream) over(x *Exchange) {
	h := st.h
	x.road = spent{}
	st.live = false
	h.guard.earn(h2AnswerGain)
	h.carrier.counted()
	if st.closed != nil {
		h.forget(st, true)
	} else {
		st.dropBody()
	}
	h.release(st)
}

// take reports whether a call in the given stage may go on. An exchange that nobody waits for is over with last.
func (st *h2Stream) take(x *Exchange, want stage, last bool) error {
	switch {
	case st.closed != nil:
		if last {
			st.over(x)
		}
		return ErrClosed
	case x.answer.stage != want:
		return ErrMisuse
	}
	return nil
}

func (st *h2Stream) respond(x *Exchange, hd *Head, body []byte) error {
	h := st.h
	h.lock()
	defer h.unlock()
	if err := st.take(x, fresh, true); err != nil {
		return err
	}
	n, err := st.begin(hd, int64(len(body)))
	if err != nil {
		return err
	}
	st.push(body[:n], true)
	st.finishBody()
	st.over(x)
	h.carrier.wake()
	return nil
}

func (st *h2Stream) start(x *Exchange, hd *Head) error {
	h := st.h
	h.lock()
	defer h.unlock()
	if err := st.take(x, fresh, false); err != nil {
		return err
	}
	_, err := st.begin(hd, -1)
	h.carrier.wake()
	return err
}

func (st *h2Stream) write(x *Exchange, p []byte) error {
	h := st.h
	h.lock()
	defer h.unlock()
	if err := st.take(x, streaming, false); err != nil {
		return err
	}
	n := int(x.answer.allow(int64(len(p))))
	st.gaveUp(len(p) - n)
	st.push(p[:n], false)
	h.carrier.wake()
	return nil
}

func (st *h2Stream) sendFile(x *Exchange, f *os.File, off, n int64) error {
	h := st.h
	h.lock()
	defer h.unlock()
	if err := st.take(x, streaming, false); err != nil {
		f.Close()
		return err
	}
	allowed := x.answer.allow(n)
	st.gaveUp(int(n - allowed))
	if allowed == 0 {
		return f.Close()
	}
	st.waits()
	st.body.attach(f, off, allowed)
	st.enqueue()
	h.carrier.wake()
	return nil
}

func (st *h2Stream) finish(x *Exchange, trailers []Field) error {
	h := st.h
	h.lock()
	defer h.unlock()
	if err := st.take(x, streaming, true); err != nil {
		return err
	}
	if !x.answer.bodyless {
		for _, f := range trailers {
			if !token(f.Name) || !plainText(f.Value) || !trailing(f.Name) {
				return &HeadError{string(f.Name), "is no valid trailer"}
			}
		}
		st.after = copyFields(trailers)
	}
	st.finishBody()
	st.over(x)
	h.carrier.wake()
	return nil
}

func (st *h2Stream) inform(x *Exchange, status int, fields []Field) error {
	h := st.h
	h.lock()
	defer h.unlock()
	if err := st.take(x, fresh, false); err != nil {
		return err
	}
	s, err := interimFields(status, fields)
	if err != nil {
		return err
	}
	h.head(st, status, s, fields, nil, false)
	h.carrier.wake()
	return nil
}

func (st *h2Stream) abort(x *Exchange) {
	h := st.h
	h.lock()
	defer h.unlock()
	if st.closed == nil {
		st.gone = true
		h.reset(st, http2.ErrCodeInternal, ErrClosed)
	}
	st.over(x)
}

func (st *h2Stream) pull(x *Exchange) {
	h := st.h
	h.lock()
	defer h.unlock()
	if st.closed != nil {
		return
	}
	st.pulled = true
	st.moved = h.carrier.now()
	if st.expecting && x.answer.stage == fresh {
		h.head(st, 100, said{}, nil, nil, false)
	}
	st.expecting = false
	if !st.told && (st.ended || len(st.in) > 0 || len(st.piece) > 0) {
		st.tellSoon()
	}
	h.carrier.wake()
}

// gaveUp has the handler told that n bytes of body are gone.
func (st *h2Stream) gaveUp(n int) {
	if n > 0 && st.live {
		st.credit += n
		st.tellSoon()
	}
}

// begin sends a head for a body of the given length, -1 if that is not known, and returns how many bytes of it are to
// follow. If it fails nothing was sent.
func (st *h2Stream) begin(hd *Head, length int64) (n int64, err error) {
	h, x := st.h, &st.x
	a := &x.answer
	status := hd.Status
	if status == 101 && x.Protocol != nil && length < 0 {
		status = 200
	}
	if status < 200 {
		return 0, &HeadError{Problem: "has the status " + strconv.Itoa(hd.Status) + ", which is no final one"}
	}
	s, err := checkFields(hd)
	if err != nil {
		return 0, err
	}
	a.stage = streaming
	a.bodyless = a.head || status == 204 || status == 304
	s.length = a.measure(status, s.length, length)
	if length > 0 {
		n = a.allow(length)
	}
	st.sentEnd = a.bodyless || a.declared && a.left == 0 && n == 0
	h.head(st, status, s, hd.Fields, h.carrier.clock(), st.sentEnd)
	if s.close {
		h.leave()
	}
	return n, nil
}

// measure decides on the length that the head says, -1 for none.
func (a *answer) measure(status int, declared, known int64) int64 {
	switch {
	case status == 204:
		return -1
	case declared >= 0:
		a.declared, a.left = true, declared
		return declared
	case a.bodyless && known <= 0, known < 0:
		return -1
	}
	a.declared, a.left = true, known
	return known
}

// checkFields checks the fields of a head, and returns what they say about framing.
func checkFields(hd *Head) (said, error) {
	s := said{length: -1, close: hd.Close}
	if hd.Status < 100 || hd.Status > 999 {
		return s, &HeadError{Problem: fmt.Sprintf("has the status %d, which is none", hd.Status)}
	}
	for i := range hd.Fields {
		f := &hd.Fields[i]
		if !token(f.Name) {
			return s, &HeadError{string(f.Name), "has an invalid name"}
		}
		if !plainText(f.Value) {
			return s, &HeadError{string(f.Name), "has control characters in its value"}
		}
		if kind := kindOf(f.Name); kind != ordinary {
			if _, err := s.note(kind, f, hd); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// interimFields checks the head of an interim answer.
func interimFields(status int, fields []Field) (said, error) {
	if status < 100 || status > 199 || status == 101 {
		return said{}, &HeadError{Problem: "has the status " + strconv.Itoa(status) + ", which is no interim one"}
	}
	s, err := checkFields(&Head{Status: status, Fields: fields})
	if err == nil && s.length >= 0 {
		err = &HeadError{"Content-Length", "has no place in an interim answer"}
	}
	return s, err
}

// head sends a header block that was checked. clock: the Date and Server fields where there are none.
func (h *h2) head(st *h2Stream, status int, s said, fields []Field, clock *stamp, end bool) {
	mark := h.beginBlock()
	if status > 0 {
		h.field(":status", statusText(status))
	}
	for i := range fields {
		f := &fields[i]
		switch kindOf(f.Name) {
		case ordinary, dateField, serverField, idField:
			h.fieldOf(f)
		}
	}
	if clock != nil {
		if s.length >= 0 {
			// Lengths do not come again, and would push out of the table what does.
			length := strconv.FormatInt(s.length, 10)
			h.encoder.WriteField(hpack.HeaderField{Name: "content-length", Value: length, Sensitive: true})
		}
		if id := st.x.answer.id; id != nil && !s.id {
			h.encoder.WriteField(hpack.HeaderField{Name: "x-request-id", Value: string(id), Sensitive: true})
		}
		if !s.server && len(clock.server) > 0 {
			h.field("server", clock.server[len("Server: "):len(clock.server)-2])
		}
		if !s.date && len(clock.date) > 0 {
			h.field("date", clock.date[len("Date: "):len(clock.date)-2])
		}
	}
	h.endBlock(st.id, mark, end)
}

func (h *h2) field(name, value string) {
	h.encoder.WriteField(hpack.HeaderField{Name: name, Value: value})
}

// secret lists fields of answers that are never kept in the table of the compression: what they hold could be guessed from
// the length of other answers, or does not come again.
var secret = map[string]bool{
	"set-cookie": true, "authorization": true, "etag": true, "location": true, "last-modified": true,
	"content-range": true, "x-request-id": true, "www-authenticate": true,
}

func (h *h2) fieldOf(f *Field) {
	name := h.lowered(f.Name)
	h.encoder.WriteField(hpack.HeaderField{Name: name, Value: string(trim(f.Value)), Sensitive: secret[name]})
}

// lowered returns a name in lower case.
func (h *h2) lowered(name []byte) string {
	var b [64]byte
	low := append(b[:0], name...)
	for i, c := range low {
		if c-'A' < 26 {
			low[i] = c | 0x20
		}
	}
	return string(low)
}

// statusTexts holds the numbers from 100 to 599.
var statusTexts = func() (texts [500]string) {
	for i := range texts {
		texts[i] = strconv.Itoa(100 + i)
	}
	return texts
}()

func statusText(status int) string {
	if i := status - 100; i < len(statusTexts) {
		return statusTexts[i]
	}
	return strconv.Itoa(status)
}

func copyFields(fields []Field) []Field {
	var out []Field
	for _, f := range fields {
		out = append(out, Field{append([]byte(nil), f.Name...), append([]byte(nil), f.Value...)})
	}
	return out
}
