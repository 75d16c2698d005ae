package httpserver

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Timeouts are short here, and nothing is said about how long they took: only about what they end in.

const moment = 50 * time.Millisecond

func TestConnectionsThatSendNothingAreClosed(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{HeadTimeout: moment}, hello)
		s.dial(t).ended()
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{IdleTimeout: moment}, hello)
		c := s.dial(t)
		c.get("/")
		c.ended()
		c = s.dial(t)
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 200000))
		c.answer("POST")
		c.ended()
	})
}

func TestSlowHeadsAreRefused(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{HeadTimeout: moment}, hello)
		for _, in := range []string{"G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"} {
			c := s.dial(t)
			c.send(in)
			if got := c.answer("GET"); got.StatusCode != 408 || !got.Close {
				t.Errorf("got %d, close %t, want 408 for %q", got.StatusCode, got.Close, in)
			}
			c.ended()

			c = s.used(t)
			c.send(in)
			if got := c.answer("GET"); got.StatusCode != 408 || !got.Close {
				t.Errorf("got %d, close %t, want 408 for %q as the second request", got.StatusCode, got.Close, in)
			}
			c.ended()
		}
	})
}

// used returns a connection that has carried a request. On a busy machine that may take more than one, since a new connection
// has as little time for its head as the test gives it.
func (s *site) used(t *testing.T) *client {
	t.Helper()
	for {
		c := s.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		if res, err := http.ReadResponse(c.r, nil); err == nil && res.StatusCode == 200 {
			io.Copy(io.Discard, res.Body)
			return c
		}
	}
}

func TestSlowBodiesAreRefusedAndTheHandlerIsTold(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		s := open(t, Config{BodyTimeout: moment}, func(x *Exchange, do func(func())) {
			x.Peer = &bodyWatcher{w}
			do(x.Pull)
		})
		for _, in := range []string{"Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
			"Content-Length: 100000\r\n\r\nhello", "Expect: 100-continue\r\nContent-Length: 10\r\n\r\nhello"} {
			c := s.dial(t)
			c.send("POST / HTTP/1.1\r\nHost: a\r\n" + in)
			if got := c.answer("POST"); got.StatusCode != 408 || !got.Close {
				t.Errorf("got %d, close %t, want 408 for %q", got.StatusCode, got.Close, in)
			}
			c.ended()
			checkBroken(t, w)
		}
	})
}

func TestClientsThatDoNotReadAreCut(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		s := open(t, Config{WriteTimeout: moment}, func(x *Exchange, do func(func())) {
			if string(x.Path) == "/whole" {
				x.Respond(&Head{Status: 200}, make([]byte, 50<<20))
				return
			}
			x.Peer = &flood{closed: w.closed}
			x.Start(&Head{Status: 200})
			x.Write(make([]byte, 1<<20))
		})
		s.dial(t).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if err := receive(t, "the end", w.closed); err != errSlowClient {
			t.Errorf("got %v, want %v", err, errSlowClient)
		}
		s.dial(t).send("GET /whole HTTP/1.1\r\nHost: a\r\n\r\n")
		until(t, "the connections to be closed", func() bool { return s.Stats() == Stats{Requests: 2} })
	})
}

func TestHandlersMayTakeTheirTime(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		c := Config{IdleTimeout: time.Millisecond, BodyTimeout: time.Millisecond, WriteTimeout: time.Millisecond}
		s := open(t, c, func(x *Exchange, do func(func())) {
			go func() {
				// Longer than the timeouts: what is tested is that none of them is running.
				<-time.After(moment)
				do(func() { x.Respond(&Head{Status: 200}, nil) })
			}()
		})
		client := s.dial(t)
		client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
		if got := client.answer("GET"); got.StatusCode != 200 {
			t.Errorf("got %d, want 200", got.StatusCode)
		}
	})
}
