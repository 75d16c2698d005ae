package httpserver

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestLargeBodiesAreStreamedBothWays(t *testing.T) {
	const size = 3 << 20
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, echo)
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: patience}
		for _, length := range []int64{size, -1} {
			for range 3 {
				r, err := http.NewRequest("POST", "http://"+s.addr+"/", io.NopCloser(bytes.NewReader(body)))
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = length
				res, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || !bytes.Equal(got, body) {
					t.Fatalf("got %d bytes, %v, want the body of %d", len(got), err, len(body))
				}
			}
		}
		if n := s.Stats().Connections; n != 1 {
			t.Errorf("got %d connections, want the one to be kept", n)
		}
	})
}

func TestBodiesOfAnySizeComeWhole(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{ShortBody: 1000}, func(x *Exchange, do func(func())) {
			x.Peer = &collector{whole: func(x *Exchange, body []byte) { x.Respond(&Head{Status: 200}, body) }}
			if x.Complete {
				x.Respond(&Head{Status: 200}, x.Body)
				return
			}
			do(x.Pull)
		})
		c := s.dial(t)
		for _, n := range []int{0, 1, 999, 1000, 1001, 4000, 65535, 65536, 65537, 200000} {
			body := strings.Repeat("x", n)
			for _, head := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n%s", n, body),
				"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 777)} {
				go c.send("POST / HTTP/1.1\r\nHost: a\r\n" + head + "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if got := c.answer("POST"); got.body != body {
					t.Fatalf("got %d bytes, want %d", len(got.body), n)
				}
				if got := c.answer("GET"); got.body != "" {
					t.Fatalf("got %q behind a body of %d", got.body, n)
				}
			}
		}
	})
}

// chunked puts the chunked coding on body, in chunks of n bytes.
func chunked(body string, n int) string {
	var b strings.Builder
	for len(body) > 0 {
		k := min(n, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", k, body[:k])
		body = body[k:]
	}
	return b.String() + "0\r\n\r\n"
}

func TestExpectingClientsAreToldToContinueWhenTheBodyIsWanted(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			if string(x.Path) == "/no" {
				x.Respond(&Head{Status: 403}, nil)
				return
			}
			if x.Complete {
				x.Respond(&Head{Status: 200}, x.Body)
				return
			}
			x.Peer = &collector{whole: func(x *Exchange, body []byte) { x.Respond(&Head{Status: 200}, body) }}
			do(x.Pull)
		})
		const head = " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
		c := s.dial(t)
		for range 3 {
			c.send("POST /yes" + head)
			if got := c.answer("POST"); got.StatusCode != 100 {
				t.Fatalf("got %d, want 100", got.StatusCode)
			}
			c.send("body")
			checkBody(t, c.answer("POST"), 200, "body")
		}
		// The body is there already: nobody needs to be told.
		c.send("POST /yes" + head + "body")
		checkBody(t, c.answer("POST"), 200, "body")
		// Whether the body follows a refusal is up to the client, so the connection is of no more use.
		c.send("POST /no" + head)
		if got := c.answer("POST"); got.StatusCode != 403 || !got.Close {
			t.Errorf("got %d, close %t, want 403 and close", got.StatusCode, got.Close)
		}
		c.ended()
	})
}

func TestBodiesNobodyReadAreSkipped(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{ShortBody: 100}, hello)
		c := s.dial(t)
		body := strings.Repeat("x", 200<<10)
		for _, rest := range []string{"Content-Length: 204800\r\n\r\n" + body, "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 5000)} {
			go c.send("POST /a HTTP/1.1\r\nHost: a\r\n" + rest + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
			checkBody(t, c.answer("POST"), 200, "/a")
			checkBody(t, c.answer("GET"), 200, "/b")
		}
	})
}

func TestLongBodiesNobodyReadEndTheConnection(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		c := s.dial(t)
		c.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
		got := c.answer("POST")
		checkBody(t, got, 200, "/a")
		if !got.Close {
			t.Errorf("the answer does not say that the connection is closed")
		}
		c.ended()
	})
}

func TestTrailersAreToldWithTheEndOfTheBody(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			answer := func(x *Exchange, _ []byte) {
				var b []byte
				for _, f := range x.Trailers {
					b = append(append(append(append(b, f.Name...), '='), f.Value...), ' ')
				}
				x.Respond(&Head{Status: 200}, b)
			}
			if x.Complete {
				answer(x, x.Body)
				return
			}
			x.Peer = &collector{whole: answer}
			do(x.Pull)
		})
		const head = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
		for _, n := range []int{3, 100_000} {
			c := s.dial(t)
			c.send(head + fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n)))
			c.send("0\r\nOne: 1\r\nContent-Length: 7\r\nHost: other\r\nTwo:  2 \r\n\r\n")
			if got, want := c.answer("POST").body, "One=1 Two=2 "; got != want {
				t.Errorf("%d bytes: got trailers %q, want %q", n, got, want)
			}
			// None are left for the next request.
			c.send(head + "0\r\n\r\n")
			if got := c.answer("POST").body; got != "" {
				t.Errorf("got trailers %q, want none", got)
			}
		}
	})
}
