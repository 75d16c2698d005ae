// Package postgres talks to PostgreSQL: pools of connections that open when they are
// first used, statements in the simple and in the extended protocol, COPY both ways,
// notifications, and cancelling that leaves a connection as good as it was.
//
//	pool := postgres.New(postgres.Config{Name: "default", URL: "postgres://localhost/shop"})
//	defer pool.Close()
//	conn, err := pool.Acquire(ctx, "GET /items")
//	if err != nil {
//		return err // says which server, since when it is down, or who holds the connections
//	}
//	defer conn.Release()
//	err = conn.Query(ctx, "select id, name from items where id = $1", postgres.Args{Values: …}, sink)
//
// Rows stay as they came over the wire: a [Sink] is given the bytes of each, in text
// or binary, and makes of them what it needs.
package postgres

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Field describes one column of a result.
type Field = pgproto3.FieldDescription

// Sink takes what the server answers to a statement, in the order it comes.
type Sink interface {
	// Columns begins a result that has rows. The fields are the sink's to keep.
	Columns(fields []Field)
	// Row is one row; nil is NULL. The bytes are gone when it returns. An error ends
	// nothing on the server: the rest is read and dropped, and the error returned.
	Row(values [][]byte) error
	// Done ends a result with the server's words for it, "SELECT 3".
	Done(tag string)
}

// Discard is a [Sink] for statements whose rows nobody wants.
var Discard Sink = discard{}

type discard struct{}

func (discard) Columns([]Field)    {}
func (discard) Row([][]byte) error { return nil }
func (discard) Done(string)        {}

// Error is what the server says of a statement, or a notice of it. The fields are
// those of the protocol ("Error and Notice Message Fields").
type Error pgproto3.ErrorResponse

// Error returns the severity, the message and the SQLSTATE.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (SQLSTATE %s)", e.Severity, e.Message, e.Code)
}

// Fatal reports whether the server ended the connection with it.
func (e *Error) Fatal() bool {
	s := e.SeverityUnlocalized
	if s == "" {
		s = e.Severity
	}
	return s == "FATAL" || s == "PANIC"
}

// Notification is what somebody sent with NOTIFY.
type Notification struct {
	PID              uint32
	Channel, Payload string
}

// Errors of a connection that callers branch on.
var (
	// ErrCopyIn is returned when a statement wants data that it was given no source for.
	ErrCopyIn = errors.New("run statement: it is a COPY from the client: use CopyIn")
	// ErrCopyOut is returned when a statement copies to a client that does not expect it.
	ErrCopyOut = errors.New("run statement: it is a COPY to the client: use CopyOut")
	// ErrClosed is returned by everything that is asked of what was closed.
	ErrClosed = errors.New("use postgres: it was closed")
	errNoCopy = errors.New("copy: the statement is no COPY in this direction")
)

// LostError says that a connection broke; what was under way may or may not have been done.
type LostError struct {
	Server string // which, as in Config
	Err    error
}

// Error names the server and what happened.
func (e *LostError) Error() string {
	return fmt.Sprintf("talk to %s: the connection was lost: %v", e.Server, e.Err)
}

// Unwrap returns what happened.
func (e *LostError) Unwrap() error { return e.Err }

// DownError says that a server can not be reached.
type DownError struct {
	Server string    // which, as in Config
	Since  time.Time // of the first attempt that failed
	Hint   string    // what to do
	Err    error
}

// Error says which server, since when, why, and what to do.
func (e *DownError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "connect to %s: %v", e.Server, e.Err)
	if !e.Since.IsZero() {
		fmt.Fprintf(&b, ", down since %s", e.Since.Format(time.TimeOnly))
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns what the dialer or the server said.
func (e *DownError) Unwrap() error { return e.Err }

// BusyError says that no connection became free in time.
type BusyError struct {
	Server  string
	Size    int
	Waited  time.Duration
	Holders []Holder // the longest first
}

// Holder is who has a connection.
type Holder struct {
	Label string
	Since time.Time
}

// Error names those who hold the connections.
func (e *BusyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wait for a connection to %s: all %d are in use after %v", e.Server, e.Size, e.Waited.Round(time.Millisecond))
	for i, h := range e.Holders {
		if i == 5 {
			fmt.Fprintf(&b, " and %d more", len(e.Holders)-i)
			break
		}
		label := h.Label
		if label == "" {
			label = "somebody"
		}
		b.WriteString(map[bool]string{true: ", held by ", false: ", "}[i == 0])
		fmt.Fprintf(&b, "%s for %v", label, time.Since(h.Since).Round(time.Millisecond))
	}
	b.WriteString("; raise pool_size, or hold connections for less long")
	return b.String()
}

// Timeout reports true: it is one.
func (e *BusyError) Timeout() bool { return true }
