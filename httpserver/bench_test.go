package httpserver

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

const plainRequest = "GET /hello HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"

// browserRequest has the dozen fields a browser sends.
const browserRequest = "GET /articles/2024/05/some-longer-title?page=2&sort=desc HTTP/1.1\r\n" +
	"Host: www.example.org\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
	"Accept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Connection: keep-alive\r\n" +
	"Cookie: sessionid=abcdefghijklmnopqrstuvwxyz012345; csrftoken=ABCDEFGHIJKLMNOPQRSTUVWXYZ012345\r\n" +
	"Upgrade-Insecure-Requests: 1\r\n" +
	"Sec-Fetch-Dest: document\r\n" +
	"Sec-Fetch-Mode: navigate\r\n" +
	"Sec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-User: ?1\r\n\r\n"

var helloBody = []byte("hello, world")

var helloHead = &Head{Status: 200, Fields: []Field{field("Content-Type", "text/plain; charset=utf-8")}}

func BenchmarkHead(b *testing.B) {
	c := Config{}.withDefaults()
	for name, in := range map[string]string{"plain": plainRequest, "browser": browserRequest} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			in, x := []byte(in), new(Exchange)
			for b.Loop() {
				var s scan
				if n, r := s.head(in, &c, x); n != len(in) || r != nil {
					b.Fatal(n, r)
				}
			}
		})
	}
}

func BenchmarkPlainText(b *testing.B) {
	var values [][]byte
	for line := range strings.SplitSeq(browserRequest, "\r\n") {
		if _, value, ok := strings.Cut(line, ":"); ok {
			values = append(values, []byte(value))
		}
	}
	checks := map[string]func([]byte) bool{
		"words": plainText,
		"table": func(p []byte) bool { return all(p, inValue) },
	}
	for name, check := range checks {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, v := range values {
					if !check(v) {
						b.Fatal("a value is refused")
					}
				}
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	b.ReportAllocs()
	st := newStamp(&Config{ServerName: "puff"})
	buf, x := make([]byte, 0, 1024), &Exchange{Request: Request{Minor: 1}}
	for b.Loop() {
		a := newAnswer(x, true)
		if _, _, err := a.whole(buf, helloHead, 12, st); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunks(b *testing.B) {
	c := Config{}.withDefaults()
	in := []byte(chunked(strings.Repeat("x", 64<<10), 4<<10))
	raw := make([]byte, len(in))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		copy(raw, in)
		var d chunks
		if _, _, r := d.take(raw, &c); r != nil || !d.done() {
			b.Fatal(r)
		}
	}
}

// instant is a source that answers within Handle.
type instant struct{}

func (instant) Handle(x *Exchange) { x.Respond(helloHead, helloBody) }
func (instant) FD() int            { return -1 }
func (instant) Flush()             {}
func (instant) Drain() int         { return 0 }
func (instant) Park() bool         { return true }
func (instant) Close() error       { return nil }

func openInstant() (Source, error) { return instant{}, nil }

// streamed is instant with streamed answers.
type streamed struct{ instant }

func (streamed) Handle(x *Exchange) {
	x.Start(helloHead)
	x.Write(helloBody[:5])
	x.Write(helloBody[5:])
	x.Finish(nil)
}

// collected is instant with answers that are given in Drain.
type collected struct {
	instant
	waiting []*Exchange
}

func (s *collected) Handle(x *Exchange) { s.waiting = append(s.waiting, x) }

func (s *collected) Drain() int {
	n := len(s.waiting)
	for _, x := range s.waiting {
		x.Respond(helloHead, helloBody)
	}
	s.waiting = s.waiting[:0]
	return n
}

// benchRoads are the roads as benchmarks and tests of allocations take them: with a handler that costs nothing.
var benchRoads = map[string]Config{
	"long":  {Handler: instant{}},
	"short": {Handler: instant{}, Open: openInstant},
}

// BenchmarkRoundTrip is one request at a time on one connection: the latency of a road.
func BenchmarkRoundTrip(b *testing.B) {
	for name, c := range benchRoads {
		b.Run(name, func(b *testing.B) { benchClients(b, c, 1, plainRequest) })
	}
}

// BenchmarkHello is 64 connections at once.
func BenchmarkHello(b *testing.B) {
	for name, c := range benchRoads {
		b.Run(name, func(b *testing.B) { benchClients(b, c, 64, plainRequest) })
	}
}

// BenchmarkBrowser is 64 connections at once, with the fields of a browser.
func BenchmarkBrowser(b *testing.B) {
	for name, c := range benchRoads {
		b.Run(name, func(b *testing.B) { benchClients(b, c, 64, browserRequest) })
	}
}

// BenchmarkUpload is a body that takes the long road.
func BenchmarkUpload(b *testing.B) {
	c := Config{Handler: direct(func(x *Exchange, do func(func())) {
		x.Peer = drainPeer{}
		if x.Complete {
			instant{}.Handle(x)
			return
		}
		x.Pull()
	})}
	clients, _ := warmClients(b, c, 1, plainRequest)
	in := []byte("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1_000_000))
	out := make([]byte, 4096)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := clients[0].Write(in); err != nil {
			b.Fatal(err)
		}
		if _, err := clients[0].Read(out); err != nil {
			b.Fatal(err)
		}
	}
}

// benchClients sends request on each of n connections and then reads the answers, so that the server meets them as a batch.
func benchClients(b *testing.B, c Config, n int, request string) {
	clients, size := warmClients(b, c, n, request)
	in, out := []byte(request), make([]byte, size)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += n {
		roundTrip(b, clients, in, out)
	}
}

func roundTrip(tb testing.TB, clients []net.Conn, in, out []byte) {
	for _, c := range clients {
		if _, err := c.Write(in); err != nil {
			tb.Fatal(err)
		}
	}
	for _, c := range clients {
		if _, err := io.ReadFull(c, out); err != nil {
			tb.Fatal(err)
		}
	}
}

// warmClients starts a server and n connections that have done a request, and returns the size of an answer.
func warmClients(tb testing.TB, c Config, n int, request string) (clients []net.Conn, size int) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := New(c)
	served := make(chan error, 1)
	go func() { served <- s.Serve(tb.Context(), ln) }()
	for range n {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			tb.Fatal(err)
		}
		clients = append(clients, nc)
		b := make([]byte, 4096)
		nc.Write([]byte(request))
		if size, err = nc.Read(b); err != nil || !bytes.Contains(b[:size], []byte("world")) {
			tb.Fatalf("got %q, %v", b[:size], err)
		}
	}
	tb.Cleanup(func() {
		for _, c := range clients {
			c.Close()
		}
		<-served
	})
	return clients, size
}

func TestTheShortRoadAllocatesNothingPerRequest(t *testing.T) {
	if !haveLoops {
		t.Skip("no short road")
	}
	post := "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("x", 10000)
	chunks := "POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(strings.Repeat("x", 10000), 999)
	sources := map[string]func() (Source, error){
		"instant":   openInstant,
		"streamed":  func() (Source, error) { return streamed{}, nil },
		"collected": func() (Source, error) { return &collected{}, nil },
	}
	for name, open := range sources {
		c := Config{Handler: instant{}, Open: open}
		for _, request := range []string{plainRequest, browserRequest, post, chunks} {
			clients, size := warmClients(t, c, 16, request)
			in, out := []byte(request), make([]byte, size)
			for range 10 {
				roundTrip(t, clients, in, out)
			}
			if n := testing.AllocsPerRun(100, func() { roundTrip(t, clients, in, out) }); n >= 1 {
				t.Errorf("got %v allocations in %d requests of %d bytes with answers %s, want none", n, len(clients), len(request), name)
			}
		}
	}
}
