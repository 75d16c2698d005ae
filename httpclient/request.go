// request.go makes what net/http sends of what a caller asks for. Next: do.go sends it.

package httpclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Field is one field of a head.
type Field struct{ Name, Value string }

// Request is what Do sends.
type Request struct {
	// Method is GET, POST or any other token, in upper case as a rule.
	Method string
	// URL is absolute, http or https.
	URL string
	// Params are appended to the query of URL. Default: none.
	Params []Field
	// Fields are sent as they are; those of one name stay together in their order. Host replaces that of URL.
	Fields []Field
	// Cookies are sent beside those of Jar, to URL only. Default: none.
	Cookies []Field
	// User and Password are sent by Basic authentication if either is set. They win over those in URL.
	User, Password string
	// Body is the whole body. Default: none.
	Body []byte
	// Stream is the body if it is not at hand as a whole; such a request is neither repeated nor sent to where a redirect
	// with 307 or 308 leads. Length is how long it will be, -1 if nobody knows. Default: nil.
	Stream io.ReadCloser
	Length int64
	// Timeout is how long all of it may take, negative for ever. Default: that of the client.
	Timeout time.Duration
	// ConnectTimeout is how long connecting may take. Default: that of the client.
	ConnectTimeout time.Duration
	// HeadTimeout is how long the head of the answer may take. Default: none besides Timeout.
	HeadTimeout time.Duration
	// MaxBody is the most bytes that Response.All returns. Default: that of the client.
	MaxBody int64
	// MaxRedirects is how many redirects are followed. Default: 0, a redirect is the answer.
	MaxRedirects int
	// Retries is how often a request is repeated that may be: by GET, HEAD, OPTIONS, PUT or DELETE, and with no Stream.
	// Default: 0.
	Retries int
	// Jar keeps cookies. Default: none.
	Jar *Jar
}

// prepare makes the request of net/http.
func (c *Client) prepare(ctx context.Context, r *Request) (*http.Request, error) {
	fail := func(op string, err error) (*http.Request, error) {
		return nil, &Error{Kind: KindRequest, Op: op, URL: mask(r.URL), Err: err}
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fail("read", errNoURL)
	}
	addParams(u, r.Params)
	req, err := http.NewRequestWithContext(ctx, r.Method, "", nil) // u need not be parsed again
	if err != nil {
		return fail("send "+fmt.Sprintf("%.20q", r.Method)+" to", errors.New("the method is no token: use letters, as in GET"))
	}
	req.URL, req.Host = u, strings.TrimSuffix(u.Host, ":")
	switch {
	case r.User != "" || r.Password != "":
		req.SetBasicAuth(r.User, r.Password)
	case u.User != nil:
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	u.User = nil
	for _, f := range r.Fields {
		if !httpguts.ValidHeaderFieldName(f.Name) {
			return fail("send to", fmt.Errorf("%.40q is no name of a header field", f.Name))
		}
		if !httpguts.ValidHeaderFieldValue(f.Value) {
			return fail("send to", fmt.Errorf("the header field %s has control characters in its value", f.Name))
		}
		if strings.EqualFold(f.Name, "Host") {
			req.Host = f.Value
			continue
		}
		req.Header.Add(f.Name, f.Value)
	}
	for _, k := range r.Cookies {
		cookie := &http.Cookie{Name: k.Name, Value: k.Value}
		if err := cookie.Valid(); err != nil {
			return fail("send to", fmt.Errorf("the cookie %.40q: %w", k.Name, err))
		}
		req.AddCookie(cookie)
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header["User-Agent"] = c.userAgent
	}
	if _, ok := req.Header["Accept-Encoding"]; !ok {
		req.Header["Accept-Encoding"] = c.encodings
	}
	setBody(req, r)
	return req, nil
}

// addParams appends to the query, and leaves what stands there as it is.
func addParams(u *url.URL, params []Field) {
	for _, p := range params {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value)
	}
}

func setBody(req *http.Request, r *Request) {
	switch {
	case r.Stream != nil:
		req.Body, req.ContentLength = r.Stream, r.Length
	case len(r.Body) > 0:
		req.ContentLength = int64(len(r.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
		req.Body, _ = req.GetBody()
	}
}

// repeatable reports whether r may be sent twice (RFC 9110, section 9.2.2).
func (r *Request) repeatable() bool {
	switch r.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE":
		return r.Stream == nil
	}
	return false
}
