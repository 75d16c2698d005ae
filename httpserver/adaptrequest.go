// adaptrequest.go makes a net/http request of an exchange.

package httpserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
)

// newRequest copies the request of c, which is valid only now.
func newRequest(c *call) (*http.Request, error) {
	x := c.x
	r := &http.Request{
		Method: string(x.Method), RequestURI: string(x.Target), Host: string(x.Host),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: x.Minor,
		Header: make(http.Header, len(x.Fields)), ContentLength: x.ContentLength, Close: !x.lasting(),
		RemoteAddr: x.Remote.String(), Body: &c.body,
	}
	switch {
	case x.Major == 2:
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	case x.Minor == 0:
		r.Proto = "HTTP/1.0"
	}
	if x.ContentLength < 0 && x.Major == 1 {
		r.TransferEncoding = []string{"chunked"}
	}
	if x.ContentLength == 0 {
		r.Body = http.NoBody
	}
	for _, f := range x.Fields {
		// net/http tells of these two elsewhere only.
		if same(f.Name, "host") || same(f.Name, "transfer-encoding") {
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(string(f.Name))
		r.Header[name] = append(r.Header[name], string(f.Value))
	}
	if x.TLS != nil {
		r.TLS = &x.TLS.ConnectionState
	}
	c.last = x.Complete
	c.piece = append(c.piece, x.Body...)
	local := net.Addr(net.TCPAddrFromAddrPort(x.Local))
	ctx := context.WithValue(c.ctx, http.LocalAddrContextKey, local)
	var err error
	r.URL, err = targetURL(x)
	return r.WithContext(ctx), err
}

func targetURL(x *Exchange) (*url.URL, error) {
	if x.Path == nil {
		return &url.URL{Host: string(x.Host)}, nil
	}
	return url.ParseRequestURI(string(x.Target))
}

// callBody reads the body of a request, a piece at a time.
type callBody struct{ c *call }

func (b *callBody) Read(p []byte) (int, error) {
	c := b.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.piece) == 0 {
		switch {
		case c.last:
			return 0, io.EOF
		case c.closed != nil:
			return 0, c.closed
		case !c.pulling:
			c.pulling = true
			c.mu.Unlock()
			c.do(c.x.Pull)
			c.mu.Lock()
			continue
		}
		c.wake.Wait()
	}
	n := copy(p, c.piece)
	c.piece = c.piece[n:]
	return n, nil
}

// Close leaves the rest of the body to the engine.
func (b *callBody) Close() error { return nil }
