package redis

// What can go wrong between a caller and Redis.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// Kind says what went wrong.
type Kind int

// Kinds of [Error].
const (
	Down    Kind = iota // the service can not be reached: nothing was sent
	Lost                // the connection broke before the reply: the outcome is unknown
	Timeout             // no reply in time: the outcome is unknown
	Busy                // no connection became free in time: nothing was sent
	Misuse              // the command can not be sent this way: nothing was
)

// Error is what a call gets when Redis did not answer it.
type Error struct {
	// Service is the name of the service, URL its server; the text of the error has the
	// URL without its password.
	Service, URL string
	// Kind says what went wrong.
	Kind Kind
	// Command is the command's name, where there was one.
	Command string
	// Since is since when the service is down.
	Since time.Time
	// Hint is what to do about that.
	Hint string
	// After is how long was waited.
	After time.Duration
	// Message says more, or all.
	Message string
	// Err is the reason.
	Err error
}

// Error says what failed, on what, and what to do.
func (e *Error) Error() string {
	where := fmt.Sprintf("redis %q at %s", e.Service, Redact(e.URL))
	switch e.Kind {
	case Down:
		if e.Message != "" {
			return fmt.Sprintf("reach %s: %s", where, e.Message)
		}
		return fmt.Sprintf("reach %s: %s; down since %s; %s",
			where, reason(e.Err), e.Since.Format(time.TimeOnly), advice(e.Err, e.Hint))
	case Timeout:
		return fmt.Sprintf("send %s to %s: no reply after %v; the outcome is unknown", e.Command, where, e.After)
	case Busy:
		return fmt.Sprintf("send to %s: %s", where, e.Message)
	case Misuse:
		return fmt.Sprintf("send %s to redis: %s", e.Command, e.Message)
	}
	return fmt.Sprintf("send %s to %s: the connection was lost before the reply (%s); "+
		"the outcome is unknown: it is not sent again", e.Command, where, reason(e.Err))
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// reason is the last cause of err in words, without addresses that the rest names.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Op + ": " + op.Err.Error()
	}
	if errors.Is(err, rueidis.ErrClosing) {
		return "the client is closing"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "it takes connections, and says nothing"
	}
	return err.Error()
}

// advice says what to do about err, which kept a connection from being made: hint, unless
// err says more.
func advice(err error, hint string) string {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var refused *rueidis.RedisError
	var replied *Replied
	switch {
	case errors.As(err, &certificate):
		return "name the file with the certificate of its CA by ssl_ca_certs in the URL, and the server as the certificate does"
	case errors.As(err, &record):
		return "it speaks no TLS there: redis:// goes without"
	case errors.As(err, &refused), errors.As(err, &replied):
		return "check what the URL says of user, password and database"
	}
	return hint
}

// isDial reports whether err says that no connection was made.
func isDial(err error) bool {
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &certificate)
}

// Timeout is how long a command may take that does not wait by its nature.
func (c *Client) Timeout() time.Duration {
	if c.config.CommandTimeout < 0 {
		return 5 * time.Second
	}
	return c.config.CommandTimeout
}

// Late is the error of a command that was not answered within Timeout, for those who
// wait for an answer themselves.
func (c *Client) Late(command string) error {
	return &Error{Service: c.config.Name, URL: c.Stats().URL, Kind: Timeout, Command: command, After: c.Timeout()}
}
