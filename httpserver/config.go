// config.go is what an operator may decide, and the default of each.

package httpserver

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// Config says how a Server behaves. The zero value of each field is its default; a negative limit or timeout means none.
type Config struct {
	// Open makes the Source of one event loop, on the thread of that loop. Default: nil, everything takes the long road.
	Open func() (Source, error)
	// Handler takes the requests of the long road; it is called on the goroutine of the connection. Required.
	Handler Handler
	// Filters stand between the engine and Source or Handler; the first sees a request first. Default: none.
	Filters []Filter
	// WebSocket lets handlers turn connections to WebSockets: requests that ask for it have a Protocol. Default: false, such
	// requests are like any others.
	WebSocket bool
	// TickInterval is how often a Ticker is called. Default: never.
	TickInterval time.Duration
	// Loops is the number of event loops. Default: 1.
	Loops int

	// HTTP says which versions are spoken: "auto" for all, "1" or "2". HTTP/2 is chosen by ALPN on TLS connections, and by
	// its preface or an Upgrade on others. Default: "auto".
	HTTP string
	// MaxStreams is how many requests a connection of HTTP/2 may have under way at a time. Default: 128.
	MaxStreams int

	// ServerName is the Server field of answers that have none. Default: "puff".
	ServerName string
	// NoServerName leaves the Server field out. Default: false.
	NoServerName bool
	// NoDate leaves the Date field out. Default: false.
	NoDate bool

	// ShortBody is the longest request body the short road carries. Default: 64 KiB.
	ShortBody int

	// MaxRequestLine is the longest request line; beyond it the answer is 414. Default: 16 KiB.
	MaxRequestLine int
	// MaxHead is the longest head, request line included; beyond it the answer is 431. Default: 64 KiB.
	MaxHead int
	// MaxFields is how many fields a head may have; beyond it the answer is 431. Default: 256.
	MaxFields int
	// MaxTrailers is how many bytes of chunk extensions and trailers a body may have. Default: 16 KiB.
	MaxTrailers int
	// MaxBody is the longest request body; beyond it the answer is 413. Default: none.
	MaxBody int64

	// HeadTimeout is how long a client may take for a head, from its first byte. Default: 15 s.
	HeadTimeout time.Duration
	// BodyTimeout is how long a client may pause within a body. Default: 30 s.
	BodyTimeout time.Duration
	// WriteTimeout is how long a client may take no byte of an answer that waits for it. Default: 30 s.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request. Default: 75 s.
	IdleTimeout time.Duration
	// DrainGrace is how long an idle connection may still begin a request once Shutdown was called. Default: 1 s.
	DrainGrace time.Duration

	// MaxConnections is how many connections may be open; beyond it none is accepted. Default: none.
	MaxConnections int
	// MaxRequestsPerConn is how many requests a connection may carry. Default: none.
	MaxRequestsPerConn int

	// Logger hears of handlers that break the rules and of listeners in trouble. Default: silence.
	Logger *slog.Logger
}

// withDefaults returns c with each zero replaced by its default and each negative by the largest value of its type, so that
// the rest of the package compares and never asks whether a limit is set.
func (c Config) withDefaults() Config {
	c.Loops = max(c.Loops, 1)
	if c.ServerName == "" {
		c.ServerName = "puff"
	}
	if c.HTTP == "" {
		c.HTTP = "auto"
	}
	c.MaxStreams = limit(c.MaxStreams, 128, unlimited)
	c.ShortBody = limit(c.ShortBody, 64<<10, unlimited)
	c.MaxRequestLine = limit(c.MaxRequestLine, 16<<10, unlimited)
	c.MaxHead = limit(c.MaxHead, 64<<10, unlimited)
	c.MaxFields = limit(c.MaxFields, 256, unlimited)
	c.MaxTrailers = limit(c.MaxTrailers, 16<<10, unlimited)
	c.MaxBody = limit(c.MaxBody, -1, endless)
	c.HeadTimeout = limit(c.HeadTimeout, 15*time.Second, endless)
	c.BodyTimeout = limit(c.BodyTimeout, 30*time.Second, endless)
	c.WriteTimeout = limit(c.WriteTimeout, 30*time.Second, endless)
	c.IdleTimeout = limit(c.IdleTimeout, 75*time.Second, endless)
	c.TickInterval = limit(c.TickInterval, -1, endless)
	c.DrainGrace = limit(c.DrainGrace, time.Second, endless)
	c.MaxConnections = limit(c.MaxConnections, -1, unlimited)
	c.MaxRequestsPerConn = limit(c.MaxRequestsPerConn, -1, unlimited)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// What a negative limit becomes. endless leaves room to compute now+endless without overflow.
const (
	unlimited = math.MaxInt
	endless   = math.MaxInt64 / 2
)

// limit returns v, or otherwise where v is zero, or most where the result is negative.
func limit[T ~int | ~int64](v, otherwise, most T) T {
	if v == 0 {
		v = otherwise
	}
	if v < 0 {
		return most
	}
	return v
}

func (c *Config) check() error {
	if c.Handler == nil {
		return errors.New("serve http: Config.Handler is nil; set it to what takes the requests of the long road")
	}
	if c.HTTP != "auto" && c.HTTP != "1" && c.HTTP != "2" {
		return fmt.Errorf("serve http: Config.HTTP is %q; make it \"auto\", \"1\" or \"2\"", c.HTTP)
	}
	if !plainText([]byte(c.ServerName)) {
		return errors.New("serve http: Config.ServerName has control characters; remove them")
	}
	return nil
}
