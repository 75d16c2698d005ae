// Package httpserver is an HTTP/1 and HTTP/2 server engine for handlers that live elsewhere.
//
// A net/http handler runs on a goroutine of its own. A handler of this package does not run at all: it is given a parsed
// request as an [Exchange], takes note of it, returns at once, and answers when it can.
//
//	type hello struct{}
//
//	func (hello) Handle(x *httpserver.Exchange) {
//		x.Respond(&httpserver.Head{Status: 200}, []byte("hello\n"))
//	}
//
//	func main() {
//		listener, err := net.Listen("tcp", "localhost:8000")
//		if err != nil {
//			log.Fatal(err)
//		}
//		log.Fatal(httpserver.New(httpserver.Config{Handler: hello{}}).Serve(context.Background(), listener))
//	}
//
// There are two roads and one parser.
//
//   - The short road is an event loop on one locked thread. It reads from every connection that is ready, hands the whole
//     batch of requests to its [Source], and writes the answers as they come out of it. It carries requests that are short:
//     a head and a body of at most [Config.ShortBody] bytes that arrives promptly.
//   - The long road is a goroutine per connection that makes blocking calls. It takes bigger and slower bodies, Expect, and
//     listeners that are neither TCP nor Unix sockets, such as those for TLS. A connection that came from the short road goes
//     back to it between requests.
//
// A connection may speak HTTP/2 on either: by prior knowledge, by Upgrade, or by ALPN on the long road. Each of its streams is
// an exchange, and the short road carries bodies of every length there, a piece for each Pull.
//
// Both speak HTTP/1.0 and HTTP/1.1 by the same rules and refuse the same requests; a handler cannot tell them apart, except
// that on the short road [Request.Complete] is always true in HTTP/1. Systems without epoll have the long road only.
//
// What the engine does by itself: checking heads and framing strictly, limits and timeouts, keep-alive and pipelining,
// Content-Length and chunked coding both ways, 100 Continue, HEAD and the statuses without a body, Date and Server, and
// closing connections so that the client can still read the last answer.
package httpserver

// Handler takes requests.
type Handler interface {
	// Handle takes one request. It must not block and must not keep the bytes of the request: they are valid until Handle
	// returns. The answer is given to x, during Handle or later.
	Handle(x *Exchange)
}

// Source is the handler of one event loop, and where the loop's answers come from. All of its methods are called on the
// thread of that loop.
type Source interface {
	Handler

	// FD returns a file descriptor that becomes readable when Drain has work and the loop was parked. -1: there is none,
	// and the source answers within Handle and Flush.
	FD() int

	// Flush is called after each batch of Handle calls, to hand the batch on.
	Flush()

	// Drain answers what is ready, by calling methods of this loop's exchanges, and returns how many answers it handled.
	Drain() int

	// Park is called when the loop is about to sleep. It reports true if nothing is pending and FD will become readable as
	// soon as something is.
	Park() bool

	// Close is called once, after the last call of the other methods.
	Close() error
}
