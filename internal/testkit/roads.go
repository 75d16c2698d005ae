package testkit

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/puffstack/puff/httpserver"
)

// Site is a running HTTP engine.
type Site struct {
	*httpserver.Server
	// Addr is where it listens.
	Addr string
	// Short says that it has event loops.
	Short bool
}

// Roads runs test with an engine that serves with h, once on each road. The engine must leave nothing behind.
func Roads(t *testing.T, c httpserver.Config, h http.Handler, test func(t *testing.T, s *Site)) {
	t.Helper()
	RoadsOf(t, c, httpserver.Adapt(h), httpserver.AdaptSource(h), test)
}

// RoadsOf is Roads for what is no handler of net/http.
func RoadsOf(t *testing.T, c httpserver.Config, long httpserver.Handler, short func() (httpserver.Source, error),
	test func(t *testing.T, s *Site),
) {
	t.Helper()
	for _, road := range []string{"long", "short"} {
		t.Run(road, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0") // has the runtime open what it needs for all
			if err != nil {
				t.Fatal(err)
			}
			ln.Close()
			NoLeaks(t)
			c.Handler, c.Open = long, nil
			if road == "short" {
				c.Open = short
			}
			if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			s := &Site{httpserver.New(c), ln.Addr().String(), road == "short"}
			ended := make(chan error, 1)
			go func() { ended <- s.Serve(ctx, ln) }()
			t.Cleanup(func() {
				stop()
				if err := <-ended; err != nil {
					t.Errorf("Serve returned %v", err)
				}
			})
			test(t, s)
		})
	}
}

// Reply is an answer, read to its end.
type Reply struct {
	*http.Response
	Body string
	Err  error // why the body could not be read to its end
}

// Client is a connection to a Site.
type Client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

// Dial connects to the site until the test ends.
func (s *Site) Dial(t testing.TB) *Client {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	return &Client{nc, t, bufio.NewReader(nc)}
}

// Send sends a request without a body; fields are "Name: value".
func (c *Client) Send(method, target string, fields ...string) {
	c.t.Helper()
	text := method + " " + target + " HTTP/1.1\r\nHost: test\r\n"
	for _, f := range fields {
		text += f + "\r\n"
	}
	if _, err := io.WriteString(c.Conn, text+"\r\n"); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// Head reads the head of the answer to a request of the given method; its body may be read as it comes.
func (c *Client) Head(method string) *http.Response {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("read answer: %v", err)
	}
	return r
}

// Answer reads an answer.
func (c *Client) Answer(method string) Reply {
	c.t.Helper()
	r := c.Head(method)
	body, err := io.ReadAll(r.Body)
	return Reply{r, string(body), err}
}

// Ask sends a request and reads its answer.
func (c *Client) Ask(method, target string, fields ...string) Reply {
	c.t.Helper()
	c.Send(method, target, fields...)
	return c.Answer(method)
}

// Ended checks that the server closes the connection without sending more.
func (c *Client) Ended() {
	c.t.Helper()
	if n, err := c.r.Read(make([]byte, 1)); n > 0 || err == nil {
		c.t.Errorf("got %d bytes more, want the end of the connection", n)
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		c.t.Error("the server did not close the connection")
	}
}

// Ask sends one request on a connection of its own and reads its answer.
func (s *Site) Ask(t testing.TB, method, target string, fields ...string) Reply {
	t.Helper()
	c := s.Dial(t)
	defer c.Close()
	return c.Ask(method, target, fields...)
}
