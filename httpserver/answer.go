// answer.go frames one answer: what a handler gives to Respond, Start, Write and Finish becomes bytes for the connection.
// Both roads send what it appends.

package httpserver

import (
	"log/slog"
	"strconv"
	"time"
)

type stage uint8

const (
	fresh     stage = iota // nothing was sent but interim answers
	streaming              // between Start and Finish
	ended                  // Respond or Finish was called
)

// answer is the state of one answer.
type answer struct {
	id       []byte // what the request is called; nil: nothing
	left     int64  // of a declared Content-Length
	stage    stage
	minor    uint8 // the client's version
	head     bool  // the request was HEAD
	keep     bool  // the connection goes on after the answer
	declared bool  // there is a Content-Length
	chunked  bool
	bodyless bool // HEAD, 204 and 304: the body is dropped
	protocol bool // the request asks for another protocol
	turned   bool // and the handler agreed
	over     bool // the handler wrote more than it declared
}

// newAnswer returns the answer to x. keep says whether the engine is willing to keep the connection.
func newAnswer(x *Exchange, keep bool) answer {
	return answer{
		minor: uint8(x.Minor),
		head:  string(x.Method) == "HEAD",
		keep:  keep && x.lasting(),

		protocol: x.Protocol != nil,
	}
}

// whole appends the head of an answer of which the body is known, and returns how many bytes of the body are to follow.
func (a *answer) whole(b []byte, h *Head, body int, st *stamp) ([]byte, int, error) {
	b, err := a.begin(b, h, int64(body), st)
	if err != nil {
		return b, 0, err
	}
	return b, int(a.allow(int64(body))), nil
}

// start appends the head of a streamed answer.
func (a *answer) start(b []byte, h *Head, st *stamp) ([]byte, error) {
	return a.begin(b, h, -1, st)
}

// begin appends a head for a body of the given length, -1 if that is not known. If it fails b is as it was.
func (a *answer) begin(b []byte, h *Head, length int64, st *stamp) ([]byte, error) {
	mark := len(b)
	if h.Status == 101 && a.protocol && length < 0 {
		return a.turn(b, h, st)
	}
	if h.Status < 200 {
		return b, &HeadError{Problem: "has the status " + strconv.Itoa(h.Status) + ", which is no final one"}
	}
	b, s, err := appendFields(b, h)
	if err != nil {
		return b[:mark], err
	}
	a.stage = streaming
	a.bodyless = a.head || h.Status == 204 || h.Status == 304
	a.keep = a.keep && !s.close
	b = a.frame(b, h.Status, s.length, length)
	if a.id != nil && !s.id {
		b = append(append(append(b, "X-Request-ID: "...), a.id...), "\r\n"...)
	}
	if !a.keep {
		b = append(b, "Connection: close\r\n"...)
	} else if a.minor == 0 {
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(st.append(b, s), "\r\n"...), nil
}

// turn appends the head after which the connection speaks another protocol.
func (a *answer) turn(b []byte, h *Head, st *stamp) ([]byte, error) {
	mark := len(b)
	b, s, err := appendFields(b, h)
	if err == nil && s.length >= 0 {
		err = &HeadError{"Content-Length", "has no place in an answer of status 101"}
	}
	if err != nil {
		return b[:mark], err
	}
	a.stage, a.turned, a.keep = streaming, true, false
	b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	return append(st.append(b, s), "\r\n"...), nil
}

// frame decides how the client finds the end of the body. declared is the handler's Content-Length, known the length the
// engine knows, -1 for none.
func (a *answer) frame(b []byte, status int, declared, known int64) []byte {
	switch {
	case status == 204:
		return b
	case declared >= 0:
		a.declared, a.left = true, declared
		return appendLength(b, declared)
	case a.bodyless && known <= 0:
		// The engine does not know how long the body would have been.
		return b
	case known >= 0:
		a.declared, a.left = true, known
		return appendLength(b, known)
	case a.minor > 0:
		a.chunked = true
		return append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	a.keep = false
	return b
}

func appendLength(b []byte, n int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, "\r\n"...)
}

// allow returns how many of the next n bytes of body are to be sent.
func (a *answer) allow(n int64) int64 {
	if a.bodyless {
		return 0
	}
	if !a.declared {
		return n
	}
	a.over = a.over || n > a.left
	n = min(n, a.left)
	a.left -= n
	return n
}

// before appends what stands before n bytes of body, after what stands behind them.
func (a *answer) before(b []byte, n int64) []byte {
	if !a.chunked {
		return b
	}
	return append(strconv.AppendInt(b, n, 16), "\r\n"...)
}

func (a *answer) after(b []byte) []byte {
	if !a.chunked {
		return b
	}
	return append(b, "\r\n"...)
}

// finish appends the end of a streamed body.
func (a *answer) finish(b []byte, trailers []Field) ([]byte, error) {
	if !a.chunked || a.bodyless {
		return b, nil
	}
	mark := len(b)
	b = append(b, "0\r\n"...)
	for _, f := range trailers {
		if !token(f.Name) || !plainText(f.Value) || kindOf(f.Name) != ordinary {
			return b[:mark], &HeadError{string(f.Name), "is no valid trailer"}
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// short reports whether the body is shorter than its Content-Length said: a fault only cutting the connection can show.
func (a *answer) short() bool { return a.declared && !a.bodyless && a.left > 0 }

// fate is what becomes of a connection once an answer is out.
type fate uint8

const (
	fateNone   fate = iota // no answer is complete
	fateKeep               // on to the next request
	fateClose              // close
	fateLinger             // close, but not before the client has read the answer
	fateCut                // close in a way the client takes for an error
)

// fate says what becomes of the connection after a complete answer. asked: the client wants it closed.
func (a *answer) fate(asked bool, log *slog.Logger) fate {
	if a.over {
		log.Warn("answer shortened: the body is longer than its Content-Length")
	}
	switch {
	case a.short():
		log.Warn("answer cut: the body is shorter than its Content-Length", "missing", a.left)
		return fateCut
	case a.keep:
		return fateKeep
	case asked:
		return fateClose
	}
	return fateLinger
}

// appendInterim appends an answer of status 1xx.
func appendInterim(b []byte, status int, fields []Field) ([]byte, error) {
	if status < 100 || status > 199 || status == 101 {
		return b, &HeadError{Problem: "has the status " + strconv.Itoa(status) + ", which is no interim one"}
	}
	mark := len(b)
	b, s, err := appendFields(b, &Head{Status: status, Fields: fields})
	if err == nil && s.length >= 0 {
		err = &HeadError{"Content-Length", "has no place in an interim answer"}
	}
	if err != nil {
		return b[:mark], err
	}
	return append(b, "\r\n"...), nil
}

// appendRefusal appends the answer of the engine itself to a request it does not serve.
func appendRefusal(b []byte, r *refusal, st *stamp) []byte {
	var a answer
	h := Head{Status: r.status, Fields: refusalFields, Close: true}
	b, _ = a.begin(b, &h, int64(len(r.reason)+1), st) // cannot fail: the head is made of constants
	return append(append(b, r.reason...), '\n')
}

var refusalFields = []Field{{[]byte("Content-Type"), []byte("text/plain; charset=utf-8")}}

// stamp is the Server and the Date field, made once per second.
type stamp struct {
	server string
	date   string
	both   string
	second int64
	noDate bool
}

func newStamp(c *Config) *stamp {
	st := &stamp{noDate: c.NoDate}
	if !c.NoServerName {
		st.server = "Server: " + c.ServerName + "\r\n"
	}
	return st
}

// at brings the date up to now.
func (st *stamp) at(now time.Time) {
	if second := now.Unix(); second != st.second {
		st.second = second
		if !st.noDate {
			st.date = now.UTC().Format("Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n")
		}
		st.both = st.server + st.date
	}
}

// append appends the fields that s does not already have.
func (st *stamp) append(b []byte, s said) []byte {
	switch {
	case !s.date && !s.server:
		return append(b, st.both...)
	case !s.date:
		return append(b, st.date...)
	case !s.server:
		return append(b, st.server...)
	}
	return b
}
