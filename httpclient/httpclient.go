// Package httpclient is an HTTP client of named pools: HTTP/1.1, HTTP/2, and HTTP/2 in clear text by prior knowledge, with
// redirects, retries of what may be repeated, decoding of compressed bodies, and errors that say which part failed.
//
//	client := httpclient.New(httpclient.Config{})
//	defer client.Close()
//	r, err := client.Do(ctx, &httpclient.Request{Method: "GET", URL: "http://localhost:8000/"})
//	if err != nil {
//		return err
//	}
//	defer r.Close()
//	body, err := io.ReadAll(r.Body)
//
// It stands on the Transport of net/http, which keeps the connections, speaks the protocols and honours HTTP_PROXY,
// HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE.
package httpclient

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/publicsuffix"
)

// Config says how a Client behaves. The zero value of each field is its default.
type Config struct {
	// HTTP2PriorKnowledge speaks HTTP/2 at once, over clear text too. Default: false, HTTP/2 where TLS agrees on it.
	HTTP2PriorKnowledge bool
	// MaxIdleConnections is how many connections to one host are kept for later. Default: 100.
	MaxIdleConnections int
	// UserAgent is the User-Agent of requests that have none. Default: "puff".
	UserAgent string
	// Timeout is how long a request may take, its body included; negative: for ever. Default: 30 s.
	Timeout time.Duration
	// ConnectTimeout is how long connecting may take. Default: 5 s.
	ConnectTimeout time.Duration
	// MaxBody is the most bytes that Response.All returns. Default: 128 MiB.
	MaxBody int64
	// Proxy is the URL of the proxy for all requests. Default: what the environment says.
	Proxy string
	// TLS is used for https. Default: that of crypto/tls, with the authorities of the system.
	TLS *tls.Config
}

// withDefaults fills c in.
func (c Config) withDefaults() Config {
	if c.MaxIdleConnections == 0 {
		c.MaxIdleConnections = 100
	}
	if c.UserAgent == "" {
		c.UserAgent = "puff"
	}
	if c.MaxBody == 0 {
		c.MaxBody = 128 << 20
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	return c
}

// Client sends requests. Its methods may be called by many goroutines.
type Client struct {
	c         Config
	transport *http.Transport
	err       error // of the configuration
	count     counters

	userAgent, encodings []string // as they stand in a head
}

// New returns a Client. It connects to nothing; what is wrong with c is told by Do.
func New(c Config) *Client {
	c = c.withDefaults()
	cl := &Client{c: c, userAgent: []string{c.UserAgent}, encodings: []string{acceptEncoding}}
	dialer := &dialer{net.Dialer{KeepAlive: 30 * time.Second}, c.ConnectTimeout, &cl.count}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!c.HTTP2PriorKnowledge)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(c.HTTP2PriorKnowledge)
	cl.transport = &http.Transport{
		Proxy:                 fromEnvironment(),
		DialContext:           dialer.dial,
		TLSClientConfig:       c.TLS,
		TLSHandshakeTimeout:   c.ConnectTimeout,
		MaxIdleConnsPerHost:   c.MaxIdleConnections,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // decode.go knows more codings
		Protocols:             protocols,
		OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			return &proxyError{proxy.Redacted(), answer.Status}
		},
	}
	if c.Proxy != "" {
		proxy, err := url.Parse(c.Proxy)
		if err != nil || proxy.Host == "" || !proxySchemes[proxy.Scheme] {
			cl.err = &Error{Kind: KindRequest, Op: "read the proxy", URL: mask(c.Proxy), Err: errNoProxy}
			return cl
		}
		cl.transport.Proxy = http.ProxyURL(proxy)
	}
	return cl
}

// fromEnvironment reads HTTP_PROXY and its kin now; net/http would keep what the first client of the process found.
func fromEnvironment() func(*http.Request) (*url.URL, error) {
	find := httpproxy.FromEnvironment().ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return find(r.URL) }
}

// proxySchemes is never changed.
var proxySchemes = map[string]bool{"http": true, "https": true, "socks5": true, "socks5h": true}

// Close ends the connections that are idle. Those in use end with their requests.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Jar keeps cookies from one request to the next.
type Jar struct{ jar *cookiejar.Jar }

// NewJar returns an empty jar. It keeps cookies from going to other owners of a public suffix.
func NewJar() *Jar {
	jar, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // never fails
	return &Jar{jar}
}

// Cookies returns the names and values that would go to a URL.
func (j *Jar) Cookies(u *url.URL) map[string]string {
	all := map[string]string{}
	for _, c := range j.jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}
