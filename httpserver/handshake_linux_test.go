package httpserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// prefixed is a greeted connection that reads ahead.
type prefixed struct {
	greeted
	in *bufio.Reader
}

func (c *prefixed) Handshake() error {
	_, err := c.in.Peek(1)
	if err != nil {
		return err
	}
	early, _ := c.in.Peek(c.in.Buffered())
	c.in = bufio.NewReader(strings.NewReader(string(early)))
	c.greeted.Conn = &readsFrom{c.greeted.Conn, c.in}
	return c.greeted.Handshake()
}

func (c *prefixed) Bare() (net.Conn, []byte) {
	early, _ := io.ReadAll(c.in)
	return c.greeted.Conn.(*readsFrom).Conn, early
}

type readsFrom struct {
	net.Conn
	in io.Reader
}

func (r *readsFrom) Read(b []byte) (int, error) { return r.in.Read(b) }

type prefixedListener struct{ net.Listener }

func (l prefixedListener) Prefixed() {}

func (l prefixedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &prefixed{greeted{Conn: c}, bufio.NewReader(c)}, nil
}

// openPrefixed serves connections that begin with a greeting; answers say which road and client they are for.
func openPrefixed(t *testing.T, configure configurer, c Config) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, configure(c, func(x *Exchange, _ func(func())) {
		_, short := x.road.(*conn)
		x.Respond(&Head{Status: 200}, fmt.Appendf(nil, "short=%v %s %s", short, x.Remote, x.Path))
	}), prefixedListener{ln})
}

func TestAConnectionIsOnTheShortRoadOnceItIsABareSocket(t *testing.T) {
	roadsAt(t, func(t *testing.T, configure configurer) {
		s := openPrefixed(t, configure, Config{Loops: 2})
		want := fmt.Sprintf("short=%v 192.0.2.1:99 ", s.c.Open != nil)
		for _, pieces := range [][]string{
			{"!", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"},
			{"!GET /a HTTP/1.1\r\nHost: x\r\n\r\n"},
			{"!GET /a HT", "TP/1.1\r\nHost: x\r\n\r\n"},
		} {
			c := s.dial(t)
			for _, piece := range pieces {
				c.send(piece)
			}
			if got := c.answer("GET").body; got != want+"/a" {
				t.Errorf("%q: got %q, want %q", pieces, got, want+"/a")
			}
			if got := c.get("/b").body; got != want+"/b" {
				t.Errorf("%q: got %q for the next request, want %q", pieces, got, want+"/b")
			}
		}
		c := s.dial(t)
		c.send("!GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
		for _, path := range []string{"/1", "/2"} {
			if got := c.answer("GET").body; got != want+path {
				t.Errorf("pipelined: got %q, want %q", got, want+path)
			}
		}
		other := s.dial(t)
		other.send("?")
		other.ended()
	})
}

func TestAConnectionThatIsSilentBehindItsGreetingIsClosed(t *testing.T) {
	roadsAt(t, func(t *testing.T, configure configurer) {
		s := openPrefixed(t, configure, Config{HeadTimeout: moment})
		silent, half := s.dial(t), s.dial(t)
		silent.send("!")
		half.send("!GET /")
		silent.ended()
		if r := half.answer("GET"); r.StatusCode != 408 {
			t.Errorf("half a head: got %d, want 408", r.StatusCode)
		}
	})
}

func TestAServerThatStopsServesWhoHasOnlyGreeted(t *testing.T) {
	roadsAt(t, func(t *testing.T, configure configurer) {
		s := openPrefixed(t, configure, Config{DrainGrace: patience})
		c, late := s.dial(t), s.dial(t)
		c.send("!")
		if got := c.get("/").StatusCode; got != 200 {
			t.Fatalf("got %d", got)
		}
		until(t, "both to be there", func() bool { return s.Stats().Connections == 2 })
		s.drain()
		late.send("!GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if r := late.answer("GET"); r.StatusCode != 200 || !strings.HasSuffix(r.body, "192.0.2.1:99 /") {
			t.Errorf("got %d %q from a server that drains", r.StatusCode, r.body)
		}
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if r := c.answer("GET"); r.StatusCode != 200 {
			t.Errorf("got %d for the last request", r.StatusCode)
		}
	})
}
