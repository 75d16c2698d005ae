package httpserver

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// refused lists requests that no handler may see, and the status each is answered with.
var refused = []struct {
	name string
	want int
	in   string
}{
	{"a bare LF after the request line", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
	{"a bare LF after a field", 400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
	{"a bare LF as the empty line", 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
	{"a bare CR in a value", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n"},
	{"a bare CR in the target", 400, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"two CR before LF", 400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"},
	{"two empty lines first", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a bare LF first", 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"NUL in a value", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\x00z\r\n\r\n"},
	{"DEL in a value", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\x7fz\r\n\r\n"},
	{"a control character in a long value", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789\x01abcdefghijkl\r\n\r\n"},
	{"NUL in the target", 400, "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a tab in the target", 400, "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"NUL in a name", 400, "GET / HTTP/1.1\r\nHost: a\r\nX\x00: y\r\n\r\n"},
	{"a folded field", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"},
	{"a field folded with a tab", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n"},
	{"a space before the first field", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
	{"a space before the colon", 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
	{"a tab before the colon", 400, "GET / HTTP/1.1\r\nHost: a\r\nX\t: y\r\n\r\n"},
	{"an empty name", 400, "GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n"},
	{"no colon", 400, "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"},
	{"a name with brackets", 400, "GET / HTTP/1.1\r\nHost: a\r\nX[1]: y\r\n\r\n"},
	{"a name beyond ASCII", 400, "GET / HTTP/1.1\r\nHost: a\r\nX\xe9: y\r\n\r\n"},

	{"HTTP/0.9", 400, "GET /\r\n"},
	{"HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
	{"HTTP/0.9 with a version", 505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
	{"a version in lower case", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
	{"a version with two digits", 400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
	{"a version with a sign", 400, "GET / HTTP/1.+\r\nHost: a\r\n\r\n"},
	{"another protocol", 400, "GET / HTCP/1.1\r\nHost: a\r\n\r\n"},
	{"no version but a space", 400, "GET / \r\nHost: a\r\n\r\n"},
	{"two spaces before the target", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"two spaces before the version", 400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a space after the version", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
	{"a space in the target", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a space before the method", 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"no method", 400, " / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an invalid method", 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a TLS greeting", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"},

	{"a relative target", 400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a query alone", 400, "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a fragment", 400, "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an asterisk with GET", 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"two asterisks", 400, "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"another scheme", 400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute target without host", 400, "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute target with a user", 400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute target with a bad port", 400, "GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an authority with GET", 400, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT with a path", 400, "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT without a port", 400, "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT with an empty port", 400, "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n"},

	{"no Host", 400, "GET / HTTP/1.1\r\n\r\n"},
	{"two Hosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
	{"two Hosts in HTTP/1.0", 400, "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"},
	{"two Hosts beside an absolute target", 400, "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
	{"an absolute target without Host", 400, "GET http://a/ HTTP/1.1\r\n\r\n"},
	{"an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
	{"a Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
	{"a Host with a space", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
	{"a Host with a user", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
	{"a Host with a bad port", 400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"},
	{"a Host with a large port", 400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"},
	{"a Host with two ports", 400, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"},
	{"a Host with an open bracket", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
	{"a Host with a name in brackets", 400, "GET / HTTP/1.1\r\nHost: [name]\r\n\r\n"},
	{"a Host with something behind brackets", 400, "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"},
	{"a Host with half an escape", 400, "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n"},
	{"a bad Host beside an absolute target", 400, "GET http://a/ HTTP/1.1\r\nHost: b/c\r\n\r\n"},

	{"two Content-Lengths", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"},
	{"a list of lengths", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"},
	{"a signed length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"},
	{"a negative length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx"},
	{"an empty length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nx"},
	{"a hexadecimal length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx"},
	{"a length with a unit", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1b\r\n\r\nx"},
	{"a length beyond int64", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\nx"},
	{"a length beyond uint64", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\nx"},
	{"length and chunked", 400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunked and length", 400,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
	{"chunked in HTTP/1.0", 400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"two Transfer-Encodings", 400,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"identity", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
	{"chunked twice", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
	{"chunked before another coding", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"},
	{"chunked with a parameter", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"},
	{"quoted chunked", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
	{"chunked behind a vertical tab", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"},
	{"no coding", 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n"},
	{"an unknown coding", 501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
	{"an unknown expectation", 417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx"},

	{"a chunk size with a prefix", 400, chunkedHead + "0x1\r\nx\r\n0\r\n\r\n"},
	{"a chunk size with a sign", 400, chunkedHead + "+1\r\nx\r\n0\r\n\r\n"},
	{"a negative chunk size", 400, chunkedHead + "-1\r\nx\r\n0\r\n\r\n"},
	{"a chunk size behind a space", 400, chunkedHead + " 1\r\nx\r\n0\r\n\r\n"},
	{"a chunk size before a space", 400, chunkedHead + "1 \r\nx\r\n0\r\n\r\n"},
	{"a space before a chunk extension", 400, chunkedHead + "1 ;a\r\nx\r\n0\r\n\r\n"},
	{"no chunk size", 400, chunkedHead + "\r\nx\r\n0\r\n\r\n"},
	{"a chunk size that is no number", 400, chunkedHead + "g\r\nx\r\n0\r\n\r\n"},
	{"a chunk size beyond int64", 400, chunkedHead + "10000000000000001\r\nx\r\n0\r\n\r\n"},
	{"a bare LF after a chunk size", 400, chunkedHead + "1\nx\r\n0\r\n\r\n"},
	{"a bare LF in a chunk extension", 400, chunkedHead + "1;a\nx\r\n0\r\n\r\n"},
	{"a control character in a chunk extension", 400, chunkedHead + "1;a\x01\r\nx\r\n0\r\n\r\n"},
	{"a bare CR after a chunk size", 400, chunkedHead + "1\rx\r\n0\r\n\r\n"},
	{"a bare LF after a chunk", 400, chunkedHead + "1\r\nx\n0\r\n\r\n"},
	{"a chunk longer than its size", 400, chunkedHead + "1\r\nxy\r\n0\r\n\r\n"},
	{"a bare LF after the last chunk", 400, chunkedHead + "0\n\r\n"},
	{"a bare LF after the trailers", 400, chunkedHead + "0\r\n\n"},
	{"a trailer without a name", 400, chunkedHead + "0\r\n: a\r\n\r\n"},
	{"a trailer without a colon", 400, chunkedHead + "0\r\na\r\n\r\n"},
	{"a trailer with a bare LF", 400, chunkedHead + "0\r\na: b\n\r\n"},
	{"a trailer with NUL", 400, chunkedHead + "0\r\na: b\x00\r\n\r\n"},
	{"a folded trailer", 400, chunkedHead + "0\r\na: b\r\n c\r\n\r\n"},
	{"long chunk extensions", 400, chunkedHead + "1;" + strings.Repeat("a", 20<<10) + "\r\nx\r\n0\r\n\r\n"},
	{"many chunk extensions", 400, chunkedHead + strings.Repeat("1;"+strings.Repeat("a", 99)+"\r\nx\r\n", 200) + "0\r\n\r\n"},
	{"long trailers", 400, chunkedHead + "0\r\na: " + strings.Repeat("b", 20<<10) + "\r\n\r\n"},

	{"a long request line", 414, "GET /" + strings.Repeat("a", 20<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a long request line without end", 414, "GET /" + strings.Repeat("a", 20<<10)},
	{"a long field", 431, "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 70<<10) + "\r\n\r\n"},
	{"long fields", 431, "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 70) + "\r\n"},
	{"a long field without end", 431, "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 70<<10)},
	{"many fields", 431, "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 256) + "\r\n"},
	{"a large body", 413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n"},
	{"a large body that is expected", 413, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000001\r\n\r\n"},
}

const chunkedHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestRefusedRequestsNeverReachAHandler(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		var handled atomic.Int64
		// What is not refused by its head would be read by Pull and refused then.
		s := open(t, Config{MaxBody: 1e6}, func(x *Exchange, do func(func())) {
			if x.Complete {
				handled.Add(1)
			}
			x.Peer = &drainPeer{}
			do(x.Pull)
		})
		for _, test := range refused {
			t.Run(test.name, func(t *testing.T) {
				repeated(t, func(t *testing.T) { checkRefused(t, s, test.in, test.want) })
			})
		}
		if n := handled.Load(); n > 0 {
			t.Errorf("the handler saw %d of the requests", n)
		}
	})
}

func checkRefused(t *testing.T, s *site, in string, want int) {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	// What follows must not be taken for a request.
	c.send(in + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	got := c.answer("GET")
	if got.StatusCode != want || !got.Close || got.ContentLength != int64(len(got.body)) || got.body == "" {
		t.Errorf("got %d, close %t, body %q, want %d and close, for %.200q", got.StatusCode, got.Close, got.body, want, in)
	}
	c.ended()
}

// drainPeer reads a body and answers after its end.
type drainPeer struct{}

func (drainPeer) Written(*Exchange, int) {}

func (drainPeer) Body(x *Exchange, _ []byte, last bool) {
	if !last {
		x.Pull()
		return
	}
	x.Respond(&Head{Status: 200}, nil)
}

func (drainPeer) Closed(x *Exchange, _ error) { x.Abort() }

func TestRefusalsDoNotDependOnHowBytesArrive(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{MaxBody: 1e6}, func(x *Exchange, do func(func())) {
			x.Peer = &drainPeer{}
			do(x.Pull)
		})
		for _, test := range refused {
			if len(test.in) > 200 {
				continue
			}
			t.Run(test.name, func(t *testing.T) {
				c := s.dial(t)
				// Errors are expected: the server closes as soon as it has seen enough.
				for i := range len(test.in) {
					if _, err := c.Write([]byte{test.in[i]}); err != nil {
						break
					}
				}
				c.Conn.(*net.TCPConn).CloseWrite()
				if got := c.answer("GET"); got.StatusCode != test.want {
					t.Errorf("got %d, want %d for %q", got.StatusCode, test.want, test.in)
				}
				c.ended()
			})
		}
	})
}

func TestEndlessLinesAreRefusedBeforeTheirEnd(t *testing.T) {
	tests := []struct {
		in   string
		want int
	}{
		{"GET /" + strings.Repeat("a", 20<<10), 414},
		{strings.Repeat("G", 20<<10), 414},
		{"GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 70<<10), 431},
		{"GET / HTTP/1.1\r\n" + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 65) + strings.Repeat("a", 1000), 431},
		{chunkedHead + "1;" + strings.Repeat("a", 20<<10), 400},
		{chunkedHead + "0\r\na: " + strings.Repeat("a", 20<<10), 400},
	}
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = &drainPeer{}
			do(x.Pull)
		})
		for _, test := range tests {
			c := s.dial(t)
			c.send(test.in)
			if got := c.answer("GET"); got.StatusCode != test.want || !got.Close {
				t.Errorf("got %d, close %t, want %d and close for %.50q", got.StatusCode, got.Close, test.want, test.in)
			}
			c.ended()
		}
	})
}

func TestUnfinishedRequestsAreRefusedAtTheEnd(t *testing.T) {
	const whole = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = &drainPeer{}
			do(x.Pull)
		})
		for i := 1; i < len(whole); i++ {
			c := s.dial(t)
			c.send(whole[:i])
			c.Conn.(*net.TCPConn).CloseWrite()
			if got := c.answer("POST"); got.StatusCode != 400 || !got.Close {
				t.Errorf("got %d, close %t, want 400 and close for %q", got.StatusCode, got.Close, whole[:i])
			}
			c.ended()
			c.Close()
		}
	})
}

func ExampleHeadError() {
	err := error(&HeadError{Field: "X", Problem: "has control characters in its value"})
	fmt.Println(err)
	// Output: send head: the field "X" has control characters in its value
}
