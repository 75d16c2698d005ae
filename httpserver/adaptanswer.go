// adaptanswer.go makes an answer of what a net/http handler writes.

package httpserver

import (
	"net/http"
	"slices"
	"strings"
)

const (
	// answerBuffer is how much is collected before something is sent. What fits in is sent as a whole answer.
	answerBuffer = 4 << 10
	// answerWindow is how much may wait for the client before Write blocks.
	answerWindow = 256 << 10
)

// callAnswer is the http.ResponseWriter of a call.
type callAnswer struct {
	c       *call
	header  http.Header
	head    *Head // set by WriteHeader
	buf     []byte
	started bool
	bare    bool // the answer has no body
}

var (
	_ http.ResponseWriter = (*callAnswer)(nil)
	_ http.Flusher        = (*callAnswer)(nil)
)

func (a *callAnswer) Header() http.Header { return a.header }

func (a *callAnswer) WriteHeader(status int) {
	if a.head != nil || a.c.isOver() {
		return
	}
	fields := a.fields()
	if status >= 100 && status < 200 {
		a.c.do(func() { a.c.x.Inform(status, fields) })
		return
	}
	a.head = &Head{Status: status, Fields: fields, DropHopByHop: true}
	a.head.Close = strings.EqualFold(a.header.Get("Connection"), "close")
	a.bare = status == http.StatusNoContent || status == http.StatusNotModified
}

// fields returns the header in the order of the names, without what announces or is a trailer.
func (a *callAnswer) fields() []Field {
	var fields []Field
	announced := a.announced()
	for name, values := range a.header {
		if slices.Contains(announced, name) || strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		for _, v := range values {
			fields = append(fields, Field{[]byte(name), []byte(strings.Map(oneLine, v))})
		}
	}
	slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return fields
}

// announced returns the names of the trailers the handler has announced.
func (a *callAnswer) announced() (names []string) {
	for _, v := range a.header["Trailer"] {
		for name := range strings.SplitSeq(v, ",") {
			names = append(names, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	return names
}

func (a *callAnswer) trailers() (fields []Field) {
	announced := a.announced()
	for name, values := range a.header {
		trailer, late := strings.CutPrefix(name, http.TrailerPrefix)
		if !late && !slices.Contains(announced, name) {
			continue
		}
		for _, v := range values {
			fields = append(fields, Field{[]byte(trailer), []byte(strings.Map(oneLine, v))})
		}
	}
	return fields
}

// oneLine is what net/http does to line breaks in a value.
func oneLine(r rune) rune {
	if r == '\r' || r == '\n' {
		return ' '
	}
	return r
}

func (a *callAnswer) Write(p []byte) (int, error) {
	if a.c.isOver() {
		return 0, ErrClosed
	}
	if a.head == nil {
		a.WriteHeader(http.StatusOK)
	}
	if a.bare {
		return 0, http.ErrBodyNotAllowed
	}
	if len(a.buf)+len(p) <= answerBuffer {
		a.buf = append(a.buf, p...)
		return len(p), nil
	}
	a.sniff(p)
	if err := a.flush(); err != nil {
		return 0, err
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), scratchSize)
		if err := a.send(slices.Clone(rest[:n])); err != nil {
			return len(p) - len(rest), err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// sniff names the type of an answer whose handler did not.
func (a *callAnswer) sniff(more []byte) {
	first := a.buf
	if len(first) < 512 {
		first = slices.Concat(first, more[:min(len(more), 512)])
	}
	_, typed := a.header["Content-Type"]
	if a.started || typed || a.header.Get("Content-Encoding") != "" || len(first) == 0 {
		return
	}
	a.head.Fields = append(a.head.Fields, Field{[]byte("Content-Type"), []byte(http.DetectContentType(first))})
}

// Flush sends what was collected.
func (a *callAnswer) Flush() {
	if a.c.isOver() {
		return
	}
	if a.head == nil {
		a.WriteHeader(http.StatusOK)
	}
	a.sniff(nil)
	a.flush()
}

func (a *callAnswer) flush() error {
	if !a.started {
		a.started = true
		head := a.head
		a.c.do(func() {
			if err := a.c.x.Start(head); err != nil {
				a.c.x.Start(&Head{Status: http.StatusInternalServerError, Close: true})
			}
		})
	}
	if len(a.buf) == 0 {
		return nil
	}
	b := a.buf
	a.buf = nil
	return a.send(b)
}

// send sends p, which it keeps, once the client has made room for it.
func (a *callAnswer) send(p []byte) error {
	c := a.c
	c.mu.Lock()
	for c.closed == nil && c.unsent > 0 && c.unsent+len(p) > answerWindow {
		c.wake.Wait()
	}
	err := c.closed
	c.unsent += len(p)
	c.mu.Unlock()
	if err == nil {
		c.do(func() { c.x.Write(p) })
	}
	return err
}

// finish ends the answer.
func (a *callAnswer) finish() {
	if a.head == nil {
		a.WriteHeader(http.StatusOK)
	}
	x, head, body := a.c.x, a.head, a.buf
	trailers := a.trailers()
	if !a.started && len(trailers) == 0 {
		a.sniff(nil)
		a.c.end(func() {
			if err := x.Respond(head, body); err != nil && err != ErrClosed {
				x.Respond(&Head{Status: http.StatusInternalServerError}, []byte(err.Error()+"\n"))
			}
		})
		return
	}
	a.Flush()
	a.c.end(func() {
		if err := x.Finish(trailers); err != nil && err != ErrClosed {
			x.Abort()
		}
	})
}
