// Package limits keeps a handler from having too much to do, and answers in its place what takes too long.
//
//	filter := limits.New(limits.Config{Concurrency: 100, Queue: 1000, Timeout: 30 * time.Second}).Filter
//	server := httpserver.New(httpserver.Config{Handler: app, Filters: []httpserver.Filter{filter}})
//
// A request that finds the handler busy waits in a queue, in order, and leaves it when its client goes away. One that finds
// the queue full is answered 503. So is one whose time is up before its answer has begun; after that the connection is cut.
// Either way the handler is told [httpserver.ErrTimeout], and counts as busy until it has ended the exchange.
package limits

import (
	"log/slog"
	"time"

	"github.com/puffstack/puff/httpserver"
)

// Config says what the limits are.
type Config struct {
	// Concurrency is how many requests the handler has at a time. Default: 0, no limit.
	Concurrency int
	// Queue is how many requests wait beyond those. Default: 0, none.
	Queue int
	// Timeout is how long an answer may take, from the request to its last byte from the handler, the time in the queue
	// included. Default: 0, no limit.
	Timeout time.Duration
	// Logger hears of requests that were refused or took too long. Default: silence.
	Logger *slog.Logger
}

// Limits are limits that all roads of a server share.
type Limits struct {
	c    Config
	gate *gate
}

// New returns the limits of one server.
func New(c Config) *Limits {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Limits{c, &gate{limit: c.Concurrency, room: c.Queue}}
}

// Filter is the httpserver.Filter that imposes the limits.
func (l *Limits) Filter(next httpserver.Handler) httpserver.Handler {
	h := &handler{l: l, next: next}
	if l.c.Timeout > 0 {
		h.clock = newClock(l.c.Timeout)
	}
	return h
}

// Counts is how much there is to do.
type Counts struct{ Running, Waiting int }

// Counts returns how many requests the handler has, and how many wait. Without a limit of concurrency nobody counts.
func (l *Limits) Counts() Counts {
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	return Counts{l.gate.running, l.gate.waiting.length}
}

// handler imposes the limits on one loop, or on the long road.
type handler struct {
	l     *Limits
	next  httpserver.Handler
	clock *clock // nil: there is no timeout
}

var _ httpserver.Handler = (*handler)(nil)

// Handle implements httpserver.Handler.
func (h *handler) Handle(x *httpserver.Exchange) {
	c := &call{h: h, x: x, thread: x.Thread()}
	switch h.l.gate.enter(c) {
	case refused:
		h.l.c.Logger.Debug("request refused: too many wait already")
		_ = x.Respond(busyHead(), busy) // fails only when the client is gone
	case queued:
		// That it may go on is told on this thread, and so after Handle.
		x.Keep()
		c.start()
		x.Peer = c
		x.Watch(true)
	case admitted:
		c.start()
		h.next.Handle(x)
	}
}

// busy is the answer of a handler that has too much to do.
var busy = []byte("Service Unavailable\n")

func busyHead() *httpserver.Head {
	field := func(name, value string) httpserver.Field {
		return httpserver.Field{Name: []byte(name), Value: []byte(value)}
	}
	return &httpserver.Head{Status: 503, Fields: []httpserver.Field{
		field("Content-Type", "text/plain; charset=utf-8"), field("Retry-After", "1"),
	}}
}

// respondBusy answers x by a. It fails only if the client is gone.
func respondBusy(a httpserver.Answerer, x *httpserver.Exchange) {
	_ = a.Respond(x, busyHead(), busy)
}
