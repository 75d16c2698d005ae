// Package compression compresses answers as clients accept it.
//
//	filter := compression.Filter(compression.Config{})
//	server := httpserver.New(httpserver.Config{Handler: app, Filters: []httpserver.Filter{filter}})
//
// The codings are zstd, br, gzip and deflate (RFC 8878, 7932, 1952, 1950); the client's weights decide, then that order. What
// does not gain is sent as it is: see rules.go. A stream stays a stream: what its handler has written reaches the client at
// the end of the turn, and the handler is told of its own bytes and not of those on the wire, so that it waits for a slow
// client as it does without.
package compression

import (
	"log/slog"
	"sync/atomic"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/negotiation"
)

// Config says how answers are compressed.
type Config struct {
	// MinLength is the shortest body that is compressed. Default: 256 bytes.
	MinLength int64
	// MaxStreams is how many streamed answers are compressed at a time; each takes up to 2 MB. More are sent as they are.
	// Default: 128.
	MaxStreams int64
	// Logger hears of handlers that break the rules. Default: silence.
	Logger *slog.Logger
}

// Filter returns the filter that follows c.
func Filter(c Config) httpserver.Filter {
	if c.MinLength == 0 {
		c.MinLength = 256
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = 128
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &shared{Config: c}
	return func(next httpserver.Handler) httpserver.Handler { return &handler{s, next} }
}

// shared is what the roads of a server have in common.
type shared struct {
	Config
	encoders encoders
	streams  atomic.Int64
}

type handler struct {
	*shared
	next httpserver.Handler
}

var _ httpserver.Handler = (*handler)(nil)

// Handle implements httpserver.Handler.
func (h *handler) Handle(x *httpserver.Exchange) {
	accepted := negotiation.ReadCodings(x.Fields)
	r := rules{min: h.MinLength, forced: accepted.Quality("identity") == 0}
	coding := accepted.Best(codings...)
	if coding == "" {
		p := &plain{rules: r}
		p.Answerer = x.Intercept(p)
		h.next.Handle(x)
		return
	}
	a := &answer{shared: h.shared, rules: r, coding: coding, thread: x.Thread(), x: x, head: string(x.Method) == "HEAD", minor: x.Minor}
	a.next = x.Intercept(a)
	h.next.Handle(x)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.gone {
		a.peer, x.Peer = x.Peer, a
	}
}

// plain is an answer to a client that takes no coding: it only says that others do.
type plain struct {
	httpserver.Answerer
	rules
}

// Respond implements httpserver.Answerer.
func (p *plain) Respond(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	return p.Answerer.Respond(x, p.varied(h, int64(len(body))), body)
}

// Start implements httpserver.Answerer.
func (p *plain) Start(x *httpserver.Exchange, h *httpserver.Head) error {
	return p.Answerer.Start(x, p.varied(h, -1))
}

func (p *plain) varied(h *httpserver.Head, length int64) *httpserver.Head {
	if !p.compressible(h, length) {
		return h
	}
	return vary(h)
}
