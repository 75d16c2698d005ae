// exchange.go is what a handler holds: one request and the means to answer it. Next: answer.go for how answers are framed,
// loop_linux.go and long.go for the two roads that carry them.

package httpserver

import (
	"errors"
	"net/netip"
	"os"
	"time"
)

// Field is one field of a head.
type Field struct{ Name, Value []byte }

// Request is the head of a request, checked, and its body where that is short. Its slices are valid until Handle returns.
type Request struct {
	Method, Target []byte // as sent
	// Path is the path of the target, still encoded; "*" for the asterisk form, nil for CONNECT.
	Path []byte
	// Query is what follows the first question mark of the target.
	Query []byte
	// Major is 1, or 2 for HTTP/2.
	Major int
	// Minor is 0 for HTTP/1.0 and 1 for HTTP/1.1; 1 for HTTP/2 too, which can do what HTTP/1.1 can.
	Minor int
	// Fields are in the order, the case and the number they were sent in. White space around the values is gone.
	Fields []Field
	// Host is the valid host of the request, with the port if there is one. The authority of an absolute target takes the
	// place of the Host field, in Fields too. Empty only for an HTTP/1.0 request that names none.
	Host []byte
	// ContentLength is the length of the body, or -1 if it is chunked.
	ContentLength int64
	// Body is the whole body if Complete is true. Otherwise the body is to be asked for with Pull.
	Body     []byte
	Complete bool
	// Trailers are the fields that followed the body: set in Handle if Complete is true, and from the last Peer.Body on
	// otherwise. Those that would change how the request was understood are left out.
	Trailers []Field
	// Remote and Local are the ends of the connection; zero for sockets without IP addresses.
	Remote, Local netip.AddrPort
	// Scheme is "http", or "https" on a TLS listener.
	Scheme string
	// Protocol is what the client asks to go on with instead of HTTP: "websocket", see [Config.WebSocket], or nil. Start with
	// the status 101 agrees; in HTTP/2, where it is asked for by extended CONNECT (RFC 8441), the client is told 200.
	Protocol []byte
	// TLS is what was settled for the connection; nil: it is not encrypted. It stays valid.
	TLS *TLS
	// Began is when the request was complete enough to be handed to the handler; on the short road when the loop woke for it.
	Began time.Time
}

// Peer is told what happens to an exchange after Handle. Its methods are called on the thread of the loop or the goroutine of
// the connection, never from within Handle or a method of an Exchange. None may block.
type Peer interface {
	// Written says that n more bytes of a streamed body have left for the kernel. A handler keeps the difference between
	// what it wrote and what it was told within a window of its choice.
	Written(x *Exchange, n int)
	// Body answers one Pull. p is valid during the call. last says that the body ends with p, which may be empty.
	Body(x *Exchange, p []byte, last bool)
	// Closed says that nobody waits for the answer any more: the client is gone, broke the rules within its body, was too
	// slow, or the server was stopped. It is told at most once, except that ErrTimeout may follow another reason, and not
	// after the handler ended the exchange.
	Closed(x *Exchange, err error)
}

// Ticker is a Peer of an exchange that turned to another protocol, which may have to do things when nothing happens.
type Ticker interface {
	// Tick is called every [Config.TickInterval], in the way of the methods of Peer; on the long road only while the
	// connection is read.
	Tick(x *Exchange)
}

// Exchange is one request and its answer.
//
// A handler ends an exchange with exactly one of Respond, Finish and Abort. The exchange is over when that call returns,
// with an error or without (a *HeadError excepted: then nothing was sent and the call does not count). After that the
// handler must not touch the exchange, since the engine uses it again for another request. This holds after Peer.Closed,
// too: the exchange then is dead for the client, its methods do nothing and return ErrClosed, and the handler still ends it.
//
// On the short road the methods are called on the thread of the loop only, within Handle, Drain or a method of Peer. On the
// long road they may be called from any goroutine; there a method of Peer that is already under way may still be running
// when the exchange ends.
type Exchange struct {
	Request

	// Peer may be set during Handle. Default: nobody is told.
	Peer Peer
	// Farewell is what the client is sent last if Shutdown cuts an exchange that turned to another protocol; it may be set
	// before Start. Default: nothing.
	Farewell []byte
	// Tag and Data are the handler's own.
	Tag  uint64
	Data any

	framing framing
	answer  answer
	front   Answerer // nil: the road itself
	road    road
	room    [MaxID]byte // where the name is kept
}

// road is a connection, as its current exchange sees it.
type road interface {
	respond(x *Exchange, h *Head, body []byte) error
	start(x *Exchange, h *Head) error
	write(x *Exchange, p []byte) error
	sendFile(x *Exchange, f *os.File, off, n int64) error
	finish(x *Exchange, trailers []Field) error
	inform(x *Exchange, status int, fields []Field) error
	abort(x *Exchange)
	pull(x *Exchange)
	watch(x *Exchange, on bool)
	part(x *Exchange) *Exchange
	thread() poster
	server() *Server
}

// Sent returns the status that the client is sent for that of a [Head]: in HTTP/2 a stream turns with 200, not with 101.
func (x *Exchange) Sent(status int) int {
	if status == 101 && x.Major == 2 {
		return 200
	}
	return status
}

// MaxID is the longest name of a request, in bytes.
const MaxID = 128

// SetID names the request, with a copy of id, and reports whether id can be a name: 1 to MaxID visible characters of ASCII.
// The answer says the name in X-Request-ID, unless the handler's head has such a field. It is called within Handle only.
func (x *Exchange) SetID(id []byte) bool {
	if len(id) == 0 || len(id) > MaxID {
		return false
	}
	for _, c := range id {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	x.answer.id = x.room[:copy(x.room[:], id)]
	return true
}

// ID returns the name of the request, nil if nobody named it. The bytes are valid until the exchange ends.
func (x *Exchange) ID() []byte { return x.answer.id }

// ErrClosed is returned by methods of an Exchange the client no longer waits for.
var ErrClosed = errors.New("answer request: the client is gone")

// ErrMisuse is returned by methods of an Exchange called in the wrong order, such as Write before Start. Nothing is sent.
var ErrMisuse = errors.New("answer request: wrong order of calls; it is Respond, or Start, Write and Finish")

// Respond gives the whole answer and ends the exchange. It copies or sends body before it returns. Where h has no
// Content-Length it is the length of body.
func (x *Exchange) Respond(h *Head, body []byte) error { return x.answerer().Respond(x, h, body) }

// Start begins a streamed answer: under the Content-Length of h, or chunked, or, for HTTP/1.0, until the connection closes.
//
// Where the request has a Protocol and the status of h is 101, it turns the connection to that: from then on Write sends
// bytes as they are, each Pull asks for the next ones of the client, of which there are no more once Peer.Body said last,
// and Finish closes the connection after what was written. A Peer that is a [Ticker] is called regularly.
func (x *Exchange) Start(h *Head) error { return x.answerer().Start(x, h) }

// Write sends p as part of a streamed answer. It never blocks, and copies or sends p before it returns: a handler that keeps
// no count of Peer.Written makes the engine hold all that a slow client has not read.
func (x *Exchange) Write(p []byte) error { return x.answerer().Write(x, p) }

// SendFile sends n bytes of f from off as part of a streamed answer, and closes f, also when it fails. The bytes are told to
// Peer.Written as those of Write are.
func (x *Exchange) SendFile(f *os.File, off, n int64) error {
	return x.answerer().SendFile(x, f, off, n)
}

// Finish ends a streamed answer and the exchange. Trailers are sent after a chunked body, and after any in HTTP/2.
func (x *Exchange) Finish(trailers []Field) error { return x.answerer().Finish(x, trailers) }

// Inform sends an interim answer, such as 103 Early Hints. It does nothing for HTTP/1.0 clients, which know none.
func (x *Exchange) Inform(status int, fields []Field) error {
	return x.answerer().Inform(x, status, fields)
}

// Abort ends the exchange by cutting the connection, or in HTTP/2 by resetting the stream, so that the client cannot take the answer for a whole one.
func (x *Exchange) Abort() { x.answerer().Abort(x) }

// Pull asks for the next piece of the body, at most 64 KiB, which comes by Peer.Body; a client that expects 100 Continue is
// told so first. After the last piece (at once, if the request was Complete) it asks for Peer.Closed as soon as the client
// hangs up, which is otherwise noticed when writing fails: a client may close its sending side and still read the answer.
func (x *Exchange) Pull() { x.answerer().Pull(x) }

// spent is the road of an exchange that is over and not yet used again. A handler that goes on with it breaks the rules, and
// gets an error as long as that is possible.
type spent struct{}

var _ road = spent{}

func (spent) respond(*Exchange, *Head, []byte) error { return ErrClosed }
func (spent) start(*Exchange, *Head) error           { return ErrClosed }
func (spent) write(*Exchange, []byte) error          { return ErrClosed }
func (spent) finish(*Exchange, []Field) error        { return ErrClosed }
func (spent) inform(*Exchange, int, []Field) error   { return ErrClosed }
func (spent) abort(*Exchange)                        {}
func (spent) pull(*Exchange)                         {}
func (spent) watch(*Exchange, bool)                  {}
func (spent) part(*Exchange) *Exchange               { return nil }
func (spent) thread() poster                         { return spent{} }
func (spent) post(func()) bool                       { return false }
func (spent) server() *Server                        { return nil }

func (spent) sendFile(_ *Exchange, f *os.File, _, _ int64) error {
	f.Close()
	return ErrClosed
}
