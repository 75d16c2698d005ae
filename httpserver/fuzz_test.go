package httpserver

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed is what this package and net/http must agree on about a head that both accept.
type parsed struct {
	Method, Target, Host string
	Minor                int
	Fields               map[string][]string
	Length               int64
	Close                bool
}

// deviation names a reason for which net/http may refuse, or read differently, a head this package accepts.
func deviation(x *Exchange) string {
	switch {
	case string(x.Method) == "CONNECT":
		return "the target of CONNECT is a URL for net/http"
	case string(x.Method) == "PRI":
		return "net/http takes PRI for HTTP/2"
	case bytes.IndexByte(x.Target, '%') >= 0 || bytes.IndexByte(x.Host, '%') >= 0:
		return "net/http decodes percent escapes of the target while it parses"
	case x.Target[0] != '/' && x.Target[0] != '*':
		return "net/http's idea of which host is valid in a URL is narrower"
	}
	return ""
}

func FuzzHead(f *testing.F) {
	for _, test := range accepted {
		f.Add([]byte(test.in))
	}
	for _, test := range refused {
		if len(test.in) < 500 {
			f.Add([]byte(test.in))
		}
	}
	c := Config{}.withDefaults()
	f.Fuzz(func(t *testing.T, in []byte) {
		var x Exchange
		var s scan
		n, r := s.head(in, &c, &x)
		checkPieces(t, in, &c, n, r)
		if n == 0 || r != nil {
			return
		}
		if n > len(in) || !bytes.HasSuffix(in[:n], []byte("\r\n\r\n")) {
			t.Fatalf("got a head of %d bytes", n)
		}
		checkReference(t, in[:n], &x)
	})
}

// checkPieces checks that a head means the same when it arrives byte by byte.
func checkPieces(t *testing.T, in []byte, c *Config, n int, r *refusal) {
	t.Helper()
	if len(in) > 300 {
		return
	}
	var s scan
	var x Exchange
	for i := range len(in) + 1 {
		// A new buffer each time: nothing may be kept of the old one.
		k, again := s.head(bytes.Clone(in[:i]), c, &x)
		if k == 0 && again == nil {
			continue
		}
		if k != n && r == nil || again != r {
			t.Fatalf("got %d, %v byte by byte, %d, %v at once", k, again, n, r)
		}
		return
	}
	if n != 0 || r != nil {
		t.Fatalf("got no end byte by byte, %d, %v at once", n, r)
	}
}

func checkReference(t *testing.T, head []byte, x *Exchange) {
	t.Helper()
	// net/http knows of no empty line before a request.
	head = bytes.TrimPrefix(head, []byte("\r\n"))
	reference, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	why := deviation(x)
	if err != nil {
		if why == "" {
			t.Fatalf("net/http refuses it: %v", err)
		}
		return
	}
	if why != "" {
		return
	}
	want := parsed{
		Method: reference.Method, Target: reference.RequestURI, Host: reference.Host, Minor: min(reference.ProtoMinor, 1),
		Fields: reference.Header, Length: reference.ContentLength, Close: reference.Close,
	}
	got := parsed{
		Method: string(x.Method), Target: string(x.Target), Host: string(x.Host), Minor: x.Minor,
		Fields: map[string][]string{}, Length: x.ContentLength, Close: !x.lasting(),
	}
	for _, f := range x.Fields {
		name := http.CanonicalHeaderKey(string(f.Name))
		if name != "Host" && name != "Transfer-Encoding" {
			got.Fields[name] = append(got.Fields[name], string(f.Value))
		}
	}
	// net/http adds a field for caches of old.
	if got.Fields["Pragma"] != nil {
		delete(want.Fields, "Cache-Control")
		delete(got.Fields, "Cache-Control")
	}
	// net/http takes announced trailers out.
	delete(want.Fields, "Trailer")
	delete(got.Fields, "Trailer")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-net/http +ours):\n%s", diff)
	}
}

func FuzzChunks(f *testing.F) {
	for _, test := range accepted {
		if _, body, ok := strings.Cut(test.in, "\r\n\r\n"); ok && body != "" {
			f.Add([]byte(body), uint8(3))
		}
	}
	for _, test := range refused {
		if body, ok := strings.CutPrefix(test.in, chunkedHead); ok && len(body) < 500 {
			f.Add([]byte(body), uint8(1))
		}
	}
	f.Add([]byte(chunked(strings.Repeat("x", 100), 7)+"GET"), uint8(2))
	c := Config{MaxTrailers: 64}.withDefaults()
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		content, used, done, r := decodeAll(in, len(in), &c)
		again, usedAgain, doneAgain, rAgain := decodeAll(in, int(piece)+1, &c)
		if content != again || done != doneAgain || r != rAgain || r == nil && used != usedAgain {
			t.Fatalf("got %q, %d, %t, %v at once and %q, %d, %t, %v in pieces of %d", content, used, done, r,
				again, usedAgain, doneAgain, rAgain, int(piece)+1)
		}
		if !done {
			return
		}
		reference, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(chunkedHead), bytes.NewReader(in[:used]))))
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(reference.Body)
		if err != nil && strings.Contains(err.Error(), "trailer") || len(reference.Trailer) > 0 {
			return // which names may stand in trailers is for net/http's users to know
		}
		if err != nil || string(want) != content {
			t.Fatalf("got %q, net/http %q, %v", content, want, err)
		}
	})
}

// decodeAll takes the coding off in, of which n bytes arrive at a time.
func decodeAll(in []byte, n int, c *Config) (content string, used int, done bool, r *refusal) {
	var d chunks
	for len(in) > 0 && !d.done() && r == nil {
		raw := bytes.Clone(in[:min(n, len(in))])
		var k, u int
		k, u, r = d.take(raw, c)
		content += string(raw[:k])
		used += u
		in = in[len(raw):]
	}
	return content, used, d.done(), r
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "", "X", "y", "Content-Length", "3", []byte("abc"), uint8(0))
	f.Add(304, "Fine", "Date", "", "Connection", "close", []byte("abc"), uint8(3))
	f.Add(200, "", "Transfer-Encoding", "chunked", "Server", "", []byte("abc"), uint8(2))
	f.Add(200, "\r\n", "A:", "b\r\n", "", "", []byte(""), uint8(1))
	st := newStamp(&Config{NoServerName: true, NoDate: true})
	f.Fuzz(func(t *testing.T, status int, reason, name1, value1, name2, value2 string, body []byte, kind uint8) {
		x := &Exchange{Request: Request{Minor: int(kind & 1), Method: []byte([]string{"GET", "HEAD"}[kind>>1&1])}}
		a := newAnswer(x, true)
		h := &Head{Status: status, Reason: []byte(reason), Fields: []Field{field(name1, value1), field(name2, value2)}}
		b, n, err := a.whole([]byte("before"), h, len(body), st)
		if err != nil {
			if string(b) != "before" {
				t.Fatalf("got %q with an error", b)
			}
			return
		}
		if a.short() {
			return
		}
		b = append(b[len("before"):], body[:n]...)
		// What a client reads is one answer with the fields given, and nothing behind it.
		r := bufio.NewReader(bytes.NewReader(b))
		res, err := http.ReadResponse(r, &http.Request{Method: string(x.Method)})
		if err != nil {
			t.Fatalf("%v for %q", err, b)
		}
		got, err := io.ReadAll(res.Body)
		if rest, _ := io.ReadAll(r); err != nil || len(rest) > 0 || len(got) > len(body) || !bytes.Equal(got, body[:len(got)]) {
			t.Fatalf("got %q, %v, rest %q for %q", got, err, rest, b)
		}
		lines := strings.Split(strings.TrimSuffix(string(b[:len(b)-n]), "\r\n\r\n"), "\r\n")
		if len(lines) > 5 {
			t.Fatalf("got %d lines: %q", len(lines), lines)
		}
		if want := fmt.Sprintf("HTTP/1.1 %d ", status); !strings.HasPrefix(lines[0], want) {
			t.Fatalf("got %q", lines[0])
		}
	})
}
