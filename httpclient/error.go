// error.go says what went wrong with a request, by the part that failed.

package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Kind is the part of a request that failed.
type Kind int

// The parts, in the order in which they happen.
const (
	KindRequest   Kind = iota // the request itself is wrong: nothing was sent
	KindConnect               // no connection came about
	KindTLS                   // the other side could not be trusted, or speaks no TLS
	KindTimeout               // a time was over
	KindRedirects             // there were too many
	KindExchange              // the connection broke, or what came is no HTTP
	KindTooLarge              // the body is larger than the caller takes
	KindCancelled             // the caller's context ended
)

// Error is what Do and reading a body return.
type Error struct {
	Kind Kind
	Op   string // what failed, as in "connect"
	URL  string // without its password
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.URL, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

var (
	errNoURL     = errors.New("it is no URL such as http://localhost:8000/path")
	errNoProxy   = errors.New("it is no URL such as http://localhost:3128 or socks5://localhost:1080")
	errTotal     = errors.New("the time for the whole request is over: give it more with timeout_ms")
	errHead      = errors.New("no answer began in time: give it more with head_timeout_ms")
	errRedirects = errors.New("too many redirects: allow more with max_redirects")
)

// proxyError is what a proxy says that does not connect.
type proxyError struct{ proxy, status string }

func (e *proxyError) Error() string { return "the proxy " + e.proxy + " answers " + e.status }

// classify makes an Error of what the Transport says.
func classify(ctx context.Context, op, address string, err error) error {
	if err == nil {
		return nil
	}
	if already, ok := errors.AsType[*Error](err); ok {
		return already
	}
	e := &Error{Kind: KindExchange, Op: op, URL: address, Err: err}
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = u.Err
	}
	if e.Err == errRedirects {
		e.Kind = KindRedirects
		return e
	}
	if ctx.Err() != nil {
		switch cause := context.Cause(ctx); cause {
		case errTotal, errHead:
			e.Kind, e.Err = KindTimeout, cause
		default:
			e.Kind, e.Err = KindCancelled, cause
		}
		return e
	}
	switch {
	case isTLS(e.Err):
		e.Kind, e.Op = KindTLS, "agree on TLS with"
	case isDial(e.Err):
		e.Kind, e.Op = KindConnect, "connect to"
		if isTimeout(e.Err) {
			e.Kind = KindTimeout
		}
	case isTimeout(e.Err):
		e.Kind = KindTimeout
	}
	return e
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func isDial(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*proxyError](err); ok {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "socks connect")
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	// net/http has no types for these two.
	text := err.Error()
	return unknown || name || strings.Contains(text, "server gave HTTP response to HTTPS client") ||
		strings.HasPrefix(text, "remote error: tls:")
}

// mask hides the password of a URL.
func mask(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" && strings.Contains(address, "@") {
		return "the URL"
	}
	return u.Redacted()
}
