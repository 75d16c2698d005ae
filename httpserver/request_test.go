package httpserver

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump answers a request with what the engine made of it.
func dump(x *Exchange, _ func(func())) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s 1.%d path %q query %q host %q length %d body %q complete %t\n",
		x.Method, x.Target, x.Minor, x.Path, x.Query, x.Host, x.ContentLength, x.Body, x.Complete)
	for _, f := range x.Fields {
		fmt.Fprintf(&b, "%s=%s\n", f.Name, f.Value)
	}
	x.Respond(&Head{Status: 200}, b.Bytes())
}

// accepted lists requests and what a handler sees of each.
var accepted = []struct {
	name string
	in   string
	want string
}{
	{"a simple request", "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a?b=c 1.1 path \"/a\" query \"b=c\" host \"a\" length 0 body \"\" complete true\nHost=a\n"},
	{"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / 1.1 path \"/\" query \"\" host \"a\" length 0 body \"\" complete true\nHost=a\n"},
	{"order, case and number of fields", "GET / HTTP/1.1\r\nx-B: 1\r\nhOST: a\r\nX-a: \t 2 3 \t\r\nx-b:\r\nX_C: 4\r\n\r\n",
		"GET / 1.1 path \"/\" query \"\" host \"a\" length 0 body \"\" complete true\nx-B=1\nhOST=a\nX-a=2 3\nx-b=\nX_C=4\n"},
	{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"GET / 1.0 path \"/\" query \"\" host \"\" length 0 body \"\" complete true\nConnection=keep-alive\n"},
	{"a later version", "GET / HTTP/1.7\r\nHost: a\r\n\r\n",
		"GET / 1.1 path \"/\" query \"\" host \"a\" length 0 body \"\" complete true\nHost=a\n"},
	{"an absolute target", "GET HTTP://b:81/c/d?e?f HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET HTTP://b:81/c/d?e?f 1.1 path \"/c/d\" query \"e?f\" host \"b:81\" length 0 body \"\" complete true\nHost=b:81\n"},
	{"an absolute target without path", "GET https://b?c HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET https://b?c 1.1 path \"/\" query \"c\" host \"b\" length 0 body \"\" complete true\nHost=b\n"},
	{"an asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS * 1.1 path \"*\" query \"\" host \"a\" length 0 body \"\" complete true\nHost=a\n"},
	{"bytes beyond ASCII", "GET /\xc3\xa9?\xff HTTP/1.1\r\nHost: a\r\nX: caf\xe9\r\n\r\n",
		"GET /\xc3\xa9?\xff 1.1 path \"/é\" query \"\\xff\" host \"a\" length 0 body \"\" complete true\nHost=a\nX=caf\xe9\n"},
	{"strange but valid characters", "M!#$%&'*+-.^_`|~ //a/../%zz;[]{}|\\^\"<> HTTP/1.1\r\nHost: a-b_c.d~e!$&'()*+,;=%41:\r\n\r\n",
		"M!#$%&'*+-.^_`|~ //a/../%zz;[]{}|\\^\"<> 1.1 path \"//a/../%zz;[]{}|\\\\^\\\"<>\" query \"\"" +
			" host \"a-b_c.d~e!$&'()*+,;=%41:\" length 0 body \"\" complete true\nHost=a-b_c.d~e!$&'()*+,;=%41:\n"},
	{"an IPv6 host", "GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:65535\r\n\r\n",
		"GET / 1.1 path \"/\" query \"\" host \"[::ffff:1.2.3.4]:65535\" length 0 body \"\" complete true\n" +
			"Host=[::ffff:1.2.3.4]:65535\n"},
	{"a body", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 004\r\n\r\nbody",
		"PUT / 1.1 path \"/\" query \"\" host \"a\" length 4 body \"body\" complete true\nHost=a\nContent-Length=004\n"},
	{"a body in HTTP/1.0", "PUT / HTTP/1.0\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\nbody",
		"PUT / 1.0 path \"/\" query \"\" host \"\" length 4 body \"body\" complete true\n" +
			"Content-Length=4\nConnection=keep-alive\n"},
	{"chunks", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A;b=\"c\"\r\n0123456789\r\n0\r\n\r\n",
		"PUT / 1.1 path \"/\" query \"\" host \"a\" length -1 body \"abc0123456789\" complete true\n" +
			"Host=a\nTransfer-Encoding=Chunked\n"},
	{"trailers, which are dropped", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0;y\r\nHost: b\r\nC: d\r\n\r\n",
		"PUT / 1.1 path \"/\" query \"\" host \"a\" length -1 body \"a\" complete true\nHost=a\nTransfer-Encoding=chunked\n"},
	{"an expectation nobody need wait for", "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 0\r\n\r\n",
		"PUT / 1.1 path \"/\" query \"\" host \"a\" length 0 body \"\" complete true\nHost=a\nExpect=100-Continue\nContent-Length=0\n"},
	{"an expectation in HTTP/1.0", "PUT / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx",
		"PUT / 1.0 path \"/\" query \"\" host \"\" length 1 body \"x\" complete true\n" +
			"Connection=keep-alive\nExpect=tea\nContent-Length=1\n"},
	{"as many fields as allowed", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 255) + "\r\n",
		"GET / 1.1 path \"/\" query \"\" host \"a\" length 0 body \"\" complete true\nHost=a\n" + strings.Repeat("X=y\n", 255)},
	{"a line as long as allowed", "GET /" + strings.Repeat("a", 16<<10-14) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /" + strings.Repeat("a", 16<<10-14) + " 1.1 path \"/" + strings.Repeat("a", 16<<10-14) +
			"\" query \"\" host \"a\" length 0 body \"\" complete true\nHost=a\n"},
}

func TestHandlersSeeRequestsAsTheyWereSent(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, dump)
		for _, test := range accepted {
			t.Run(test.name, func(t *testing.T) {
				repeated(t, func(t *testing.T) {
					c := s.dial(t)
					defer c.Close()
					// Twice on one connection, so that a wrong end of the first would show.
					c.send(test.in + test.in)
					checkBody(t, c.answer("PUT"), 200, test.want)
					checkBody(t, c.answer("PUT"), 200, test.want)
				})
			})
		}
	})
}

func checkBody(t *testing.T, got reply, status int, body string) {
	t.Helper()
	if got.StatusCode != status || got.err != nil {
		t.Errorf("got status %d, body error %v, want %d and none", got.StatusCode, got.err, status)
	}
	if diff := cmp.Diff(body, got.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestRequestsMayArriveByteByByte(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, dumpWhole)
		for _, test := range accepted {
			if len(test.in) > 300 {
				continue
			}
			t.Run(test.name, func(t *testing.T) {
				c := s.dial(t)
				for i := range len(test.in) {
					c.send(test.in[i : i+1])
				}
				got := c.answer("PUT")
				// Whether the body is complete at once depends on the clock.
				got.body = strings.Replace(got.body, "complete false", "complete true", 1)
				checkBody(t, got, 200, test.want)
			})
		}
	})
}

// dumpWhole is dump for bodies that arrive late.
func dumpWhole(x *Exchange, do func(func())) {
	if x.Complete {
		dump(x, do)
		return
	}
	// The slices of x are valid only now.
	copied := Exchange{Request: x.Request}
	for _, p := range []*[]byte{&copied.Method, &copied.Target, &copied.Path, &copied.Query, &copied.Host} {
		*p = bytes.Clone(*p)
	}
	copied.Fields = nil
	for _, f := range x.Fields {
		copied.Fields = append(copied.Fields, Field{bytes.Clone(f.Name), bytes.Clone(f.Value)})
	}
	x.Peer = &collector{whole: func(x *Exchange, body []byte) {
		copied.Body = body
		copied.road = x.road
		road := x.road
		x.Request = copied.Request
		x.road = road
		dump(x, do)
	}}
	do(x.Pull)
}

// collector is a Peer that waits for the whole body.
type collector struct {
	body  []byte
	whole func(*Exchange, []byte)
}

func (c *collector) Written(*Exchange, int) {}

func (c *collector) Body(x *Exchange, p []byte, last bool) {
	c.body = append(c.body, p...)
	if last {
		c.whole(x, c.body)
		return
	}
	x.Pull()
}

func (c *collector) Closed(x *Exchange, _ error) { x.Abort() }

func TestHalfSentRequestsDoNotMixUp(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, dumpWhole)
		// Several connections are in the middle of a head at once, each of another kind, and others come and go.
		var clients []*client
		for i := range accepted {
			c := s.dial(t)
			c.send(accepted[i].in[:len(accepted[i].in)/2])
			clients = append(clients, c)
			s.dial(t).get("/")
		}
		for i, c := range clients {
			other := s.dial(t)
			other.send("GET / HTTP/1.0\r\n\r\n")
			other.answer("GET")
			c.send(accepted[i].in[len(accepted[i].in)/2:])
			got := c.answer("PUT")
			got.body = strings.Replace(got.body, "complete false", "complete true", 1)
			checkBody(t, got, 200, accepted[i].want)
		}
	})
}

func TestRequestsMayBeCutAnywhereInTwo(t *testing.T) {
	const in = "POST /a HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\n" +
		"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, dumpWhole)
		for i := 1; i < len(in); i++ {
			c := s.dial(t)
			c.send(in[:i])
			c.send(in[i:])
			first, second := c.answer("POST"), c.answer("GET")
			if !strings.Contains(first.body, `body "abc0123456789"`) || !strings.Contains(second.body, "GET /b") {
				t.Errorf("got %q and %q when cut at %d", first.body, second.body, i)
			}
			c.Close()
		}
	})
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		// Answers are given later than asked for, the first ones last, were there more than one at a time.
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			path := string(x.Path)
			go do(func() { x.Respond(&Head{Status: 200}, []byte(path)) })
		})
		repeated(t, func(t *testing.T) {
			const n = 100
			c := s.dial(t)
			defer c.Close()
			var all strings.Builder
			for i := range n {
				fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", i)
			}
			go c.send(all.String())
			for i := range n {
				if got, want := c.answer("POST").body, fmt.Sprint("/", i); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
		})
	})
}

func TestAddressesAreThoseOfTheConnection(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, _ func(func())) {
			x.Respond(&Head{Status: 200}, fmt.Appendf(nil, "%v %v %s", x.Remote, x.Local, x.Scheme))
		})
		c := s.dial(t)
		got, want := c.get("/").body, fmt.Sprint(c.LocalAddr(), " ", c.RemoteAddr(), " http")
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestConnectionsFollowTheClientsWish(t *testing.T) {
	tests := []struct {
		name, in   string
		keep       bool
		connection string
	}{
		{"HTTP/1.1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, ""},
		{"HTTP/1.1 with close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false, "close"},
		{"HTTP/1.1 with close in a list", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x ,\tclose\r\n\r\n", false, "close"},
		{"HTTP/1.1 with close in a second field", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
			false, "close"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", false, "close"},
		{"HTTP/1.0 with keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, "keep-alive"},
		{"HTTP/1.0 with both", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false, "close"},
		{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", false, "close"},
	}
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				c := s.dial(t)
				c.send(test.in)
				got := c.answer("GET")
				if field := strings.ToLower(got.Header.Get("Connection")); field != test.connection && !(field == "" && got.Close) {
					t.Errorf("got Connection: %q, want %q", field, test.connection)
				}
				if !test.keep {
					c.ended()
					return
				}
				c.send(test.in)
				c.answer("GET")
			})
		}
	})
}

func TestConnectionsEndAfterTheirShareOfRequests(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{MaxRequestsPerConn: 3}, hello)
		c := s.dial(t)
		for i := range 3 {
			if got := c.get("/"); got.Close != (i == 2) {
				t.Errorf("got close %t after %d requests", got.Close, i+1)
			}
		}
		c.ended()
	})
}

func TestHalfClosedClientsGetTheirAnswers(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		c := s.dial(t)
		c.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
		c.Conn.(*net.TCPConn).CloseWrite()
		checkBody(t, c.answer("GET"), 200, "/a")
		checkBody(t, c.answer("GET"), 200, "/b")
		c.ended()
	})
}
