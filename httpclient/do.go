// do.go sends a request, follows redirects and tries again. Next: decode.go for the body of the answer.

package httpclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Response is the head of an answer, and its body on the way.
type Response struct {
	// Status is the number, 200 and so on.
	Status int
	// Version is "HTTP/1.1" or "HTTP/2.0".
	Version string
	// URL is where the answer came from: after redirects not where the request went.
	URL string
	// Fields are the head. Content-Encoding and Content-Length are gone if Body is decoded.
	Fields Fields
	// Cookies are what the answer sets.
	Cookies []Field
	// History are the redirects that led here, without their bodies.
	History []Hop
	// Body is the content, decoded. It ends with an *Error if it is cut off.
	Body io.Reader
	// Length is how many bytes Body has, -1 if nobody knows before.
	Length int64

	// MaxBody is the most bytes that All returns.
	MaxBody int64

	close func()
}

// All returns what is left of the body. One that is larger than the request or the client allows is an *Error.
func (r *Response) All() ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, r.MaxBody+1))
	if err == nil && int64(len(body)) > r.MaxBody {
		err = &Error{Kind: KindTooLarge, Op: "read the answer of", URL: r.URL, Err: fmt.Errorf(
			"the body has more than %d bytes: read it in pieces, or allow more with max_body_size", r.MaxBody)}
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

// Hop is one redirect.
type Hop struct {
	Status int
	URL    string
	Fields Fields
}

// Close ends the exchange. A body that was read to its end leaves the connection for others.
func (r *Response) Close() { r.close() }

// Do sends r and returns the head of the answer. Errors are *Error. The caller closes the response; the context and the
// timeout count until then.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if c.err != nil {
		return nil, c.err
	}
	ctx, cancel := c.limit(ctx, r)
	if r.ConnectTimeout > 0 {
		ctx = context.WithValue(ctx, connectTimeout{}, r.ConnectTimeout)
	}
	req, err := c.prepare(ctx, r)
	if err != nil {
		cancel()
		if r.Stream != nil {
			r.Stream.Close()
		}
		return nil, err
	}
	began := c.count.began()
	answer, history, err := c.send(req, r)
	if err != nil {
		// Before the context ends for our own reason.
		err = classify(ctx, "send to", mask(r.URL), err)
		c.count.over(began, err)
		cancel()
		return nil, err
	}
	c.count.over(began, nil)
	response := newResponse(ctx, answer, history, cancel)
	if response.MaxBody = r.MaxBody; response.MaxBody <= 0 {
		response.MaxBody = c.c.MaxBody
	}
	return response, nil
}

// limit begins the time of the whole request.
func (c *Client) limit(ctx context.Context, r *Request) (context.Context, context.CancelFunc) {
	limit := r.Timeout
	if limit == 0 {
		limit = c.c.Timeout
	}
	if limit < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, errTotal)
}

const (
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

// send tries as often as r allows, each time after a longer pause.
func (c *Client) send(req *http.Request, r *Request) (*http.Response, []Hop, error) {
	pause := firstPause
	for left := r.Retries; ; left-- {
		answer, history, err := c.once(req, r)
		if left <= 0 || !r.repeatable() || !worthRetry(answer, err) || req.Context().Err() != nil {
			return answer, history, err
		}
		if answer != nil {
			answer.Body.Close()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-req.Context().Done():
			timer.Stop()
			return nil, nil, req.Context().Err()
		}
		pause = min(2*pause, mostPause)
		if req.GetBody != nil {
			req.Body, _ = req.GetBody()
		}
	}
}

// worthRetry reports whether another attempt may go better: the connection failed, or a server in between says it did.
func worthRetry(answer *http.Response, err error) bool {
	if err != nil {
		return !isTLS(err) && !errors.Is(err, errRedirects)
	}
	switch answer.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// once sends the request and follows redirects.
func (c *Client) once(req *http.Request, r *Request) (*http.Response, []Hop, error) {
	if r.HeadTimeout > 0 {
		ctx, cancel := context.WithCancelCause(req.Context())
		timer := time.AfterFunc(r.HeadTimeout, func() { cancel(errHead) })
		defer timer.Stop() // the context lives on: it is the body's too
		answer, history, err := c.follow(req.WithContext(ctx), r)
		if err != nil {
			err = classify(ctx, "send to", mask(r.URL), err)
		}
		return answer, history, err
	}
	return c.follow(req, r)
}

// follow is once without the time for the head. What neither has nor sets cookies and is
// no redirect needs the Transport alone, which is all that most requests are; the rest is
// for http.Client.
func (c *Client) follow(req *http.Request, r *Request) (*http.Response, []Hop, error) {
	client := http.Client{Transport: c.transport}
	if r.Jar != nil {
		client.Jar = r.Jar.jar
	} else {
		answer, err := c.transport.RoundTrip(req)
		if err != nil || r.MaxRedirects <= 0 || !isRedirect(answer) {
			return answer, nil, err
		}
		client.Transport = &begun{c.transport, answer}
	}
	var history []Hop
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		switch {
		case r.MaxRedirects <= 0:
			return http.ErrUseLastResponse
		case len(via) > r.MaxRedirects:
			return errRedirects
		}
		history = append(history, Hop{next.Response.StatusCode, next.Response.Request.URL.Redacted(), Fields{header: next.Response.Header}})
		return nil
	}
	answer, err := client.Do(req)
	return answer, history, err
}

// isRedirect reports whether an answer may lead elsewhere (RFC 9110, section 15.4).
func isRedirect(answer *http.Response) bool {
	return answer.StatusCode/100 == 3 && answer.Header.Get("Location") != ""
}

// begun is a transport whose first request has its answer already.
type begun struct {
	http.RoundTripper
	first *http.Response
}

func (b *begun) RoundTrip(req *http.Request) (*http.Response, error) {
	if answer := b.first; answer != nil {
		b.first = nil
		return answer, nil
	}
	return b.RoundTripper.RoundTrip(req)
}
