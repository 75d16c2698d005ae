package observe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/observe"
)

// handler answers by what the path asks for.
type handler struct{}

func (handler) Handle(x *httpserver.Exchange) {
	if string(x.Path) == "/own" {
		x.Respond(ownHead, nil)
		return
	}
	head := &httpserver.Head{Status: 200}
	switch string(x.Path) {
	case "/stream":
		x.Start(head)
		x.Write([]byte("streamed "))
		x.Write([]byte("body"))
		x.Finish(nil)
	case "/bad":
		err := x.Respond(&httpserver.Head{Status: 200, Fields: []httpserver.Field{{Name: []byte("a b")}}}, nil)
		if _, refused := errors.AsType[*httpserver.HeadError](err); refused {
			x.Respond(&httpserver.Head{Status: 500}, []byte("bad"))
		}
	case "/abort":
		x.Abort()
	default:
		var names []string
		for _, f := range x.Fields {
			if strings.EqualFold(string(f.Name), "x-request-id") {
				names = append(names, string(f.Value))
			}
		}
		x.Respond(head, []byte(strings.Join(names, ",")))
	}
}

var ownHead = &httpserver.Head{Status: 200, Fields: []httpserver.Field{{Name: []byte("x-request-id"), Value: []byte("own")}}}

func (handler) FD() int      { return -1 }
func (handler) Flush()       {}
func (handler) Drain() int   { return 0 }
func (handler) Park() bool   { return true }
func (handler) Close() error { return nil }

// serve starts a server behind filters and returns its address. With short it has an event loop.
func serve(tb testing.TB, short bool, filters ...httpserver.Filter) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	c := httpserver.Config{Handler: handler{}, Filters: filters}
	if short {
		c.Open = func() (httpserver.Source, error) { return handler{}, nil }
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- httpserver.New(c).Serve(ctx, ln) }()
	tb.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	return ln.Addr().String()
}

// roads runs test once on each road.
func roads(t *testing.T, test func(t *testing.T, short bool)) {
	t.Run("long", func(t *testing.T) { test(t, false) })
	t.Run("short", func(t *testing.T) { test(t, true) })
}

func ask(t *testing.T, method, url string, fields ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		if strings.HasSuffix(url, "/abort") {
			return nil, ""
		}
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestRequestsAreCountedByMethodAndStatus(t *testing.T) {
	roads(t, func(t *testing.T, short bool) {
		counts := observe.NewCounts()
		url := "http://" + serve(t, short, observe.Filter(observe.Config{Counts: counts}))
		for _, r := range [][2]string{
			{"GET", "/"}, {"GET", "/stream"}, {"GET", "/bad"}, {"POST", "/bad"}, {"HEAD", "/stream"}, {"BREW", "/"}, {"POST", "/abort"},
		} {
			ask(t, r[0], url+r[1])
		}
		got := counts.Snapshot()
		want := []observe.Answers{
			{"GET", 200, 2}, {"GET", 500, 1}, {"POST", observe.StatusGone, 1}, {"POST", 500, 1}, {"HEAD", 200, 1}, {"other", 200, 1},
		}
		if diff := cmp.Diff(got.Answers, want); diff != "" {
			t.Errorf("got (-), want (+):\n%s", diff)
		}
		n := uint64(0)
		for _, b := range got.Buckets {
			n += b
		}
		if got.Requests != 7 || got.Begun != 7 || n != 7 {
			t.Errorf("got %d requests, %d begun, %d in the histogram, want 7", got.Requests, got.Begun, n)
		}
		if want := uint64(len("streamed body") + 2*len("bad")); got.Bytes != want {
			t.Errorf("got %d bytes, want %d", got.Bytes, want)
		}
	})
}

func TestQuantilesLieWithinTheirBucket(t *testing.T) {
	var s, none observe.Snapshot
	if got := s.Quantile(0.5, &none); got != 0 {
		t.Errorf("got %v of nothing, want 0", got)
	}
	s.Buckets[4] = 98 // 1 to 2.5 ms
	s.Buckets[9] = 2  // 50 to 100 ms
	if got := s.Quantile(0.5, &none); got < time.Millisecond || got > 2500*time.Microsecond {
		t.Errorf("got a median of %v, want it between 1 and 2.5 ms", got)
	}
	if got := s.Quantile(0.99, &none); got < 50*time.Millisecond || got > 100*time.Millisecond {
		t.Errorf("got %v, want it between 50 and 100 ms", got)
	}
	later := s
	later.Buckets[len(later.Buckets)-1] = 5
	if got := later.Quantile(0.5, &s); got != 10*time.Second {
		t.Errorf("got %v since then, want the last bound", got)
	}
}

func TestOnlyTrustedPeersNameTheirRequests(t *testing.T) {
	here := netip.MustParseAddr("127.0.0.1")
	roads(t, func(t *testing.T, short bool) {
		for _, c := range []struct {
			name    string
			trusted func(netip.Addr) bool
			fields  []string
			want    string // "": one of ours
		}{
			{"nobody is trusted", nil, []string{"X-Request-ID", "theirs"}, ""},
			{"another is trusted", func(a netip.Addr) bool { return a != here }, []string{"X-Request-ID", "theirs"}, ""},
			{"trusted", func(a netip.Addr) bool { return a == here }, []string{"X-Request-ID", "theirs"}, "theirs"},
			{"trusted twice", func(netip.Addr) bool { return true }, []string{"X-Request-ID", "theirs", "X-Request-ID", "b"}, "theirs"},
			{"trusted and silent", func(netip.Addr) bool { return true }, nil, ""},
			{"trusted with an invalid name", func(netip.Addr) bool { return true }, []string{"X-Request-ID", "a b"}, ""},
			{"trusted with a long name", func(netip.Addr) bool { return true }, []string{"X-Request-ID", strings.Repeat("a", 129)}, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				r, seen := ask(t, "GET", "http://"+serve(t, short, observe.Names(c.trusted, true))+"/", c.fields...)
				got := r.Header.Values("X-Request-Id")
				if len(got) != 1 || got[0] != seen {
					t.Errorf("the answer says %q, the handler saw %q, want the same, once", got, seen)
				}
				if c.want != "" && seen != c.want {
					t.Errorf("got %q, want %q", seen, c.want)
				}
				if c.want == "" && (len(seen) != 16 || strings.Trim(seen, "0123456789abcdef") != "") {
					t.Errorf("got %q, want 16 hexadecimal digits", seen)
				}
			})
		}
	})
}

func TestAnApplicationsOwnNameStays(t *testing.T) {
	roads(t, func(t *testing.T, short bool) {
		r, _ := ask(t, "GET", "http://"+serve(t, short, observe.Names(nil, false))+"/own")
		if got := r.Header.Values("X-Request-Id"); len(got) != 1 || got[0] != "own" {
			t.Errorf("got %q, want the application's own", got)
		}
	})
}

func TestNamesAreUnique(t *testing.T) {
	url := "http://" + serve(t, false, observe.Names(nil, true)) + "/"
	var mu sync.Mutex
	seen := map[string]bool{}
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 50 {
				_, name := ask(t, "GET", url)
				mu.Lock()
				seen[name] = true
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if len(seen) != 400 {
		t.Errorf("got %d names for 400 requests", len(seen))
	}
}

// notes is a Log that keeps what it is told.
type notes struct {
	mu sync.Mutex

	lines []string
	told  chan struct{}
}

func (n *notes) Begin(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Target...) }

func (n *notes) Head(b []byte, h *httpserver.Head) []byte {
	if h == nil {
		return append(b, " none"...)
	}
	return append(b, " head"...)
}

func (n *notes) End(b []byte, d *observe.Done) {
	n.mu.Lock()
	defer n.mu.Unlock()
	cut := map[bool]string{true: " cut", false: ""}[d.Cut]
	n.lines = append(n.lines, string(b)+cut)
	n.told <- struct{}{}
}

func TestALogIsToldOfEachRequestOnce(t *testing.T) {
	roads(t, func(t *testing.T, short bool) {
		log := &notes{told: make(chan struct{}, 16)}
		url := "http://" + serve(t, short, observe.Filter(observe.Config{Log: log}))
		paths := []string{"/a?b", "/stream", "/bad", "/abort"}
		for _, path := range paths {
			ask(t, "POST", url+path)
			<-log.told
		}
		want := []string{"/a?b head", "/stream head", "/bad head", "/abort none cut"}
		if diff := cmp.Diff(log.lines, want); diff != "" {
			t.Errorf("got (-), want (+):\n%s", diff)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	cases := map[string][]httpserver.Filter{
		"none":  nil,
		"names": {observe.Names(nil, false)},
		"counts": {observe.Names(nil, false), observe.Filter(observe.Config{
			Counts: observe.NewCounts(), Slow: observe.NewSlowest(),
		})},
	}
	for _, name := range []string{"none", "names", "counts"} {
		b.Run(name, func(b *testing.B) {
			addr := serve(b, true, cases[name]...)
			const clients = 64
			var conns [clients]net.Conn
			for i := range conns {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				defer nc.Close()
				conns[i] = nc
			}
			request, answer := []byte("GET /own HTTP/1.1\r\nHost: a\r\n\r\n"), make([]byte, 4096)
			b.ReportAllocs()
			for done := 0; done < b.N; done += clients {
				for _, c := range conns {
					c.Write(request)
				}
				for _, c := range conns {
					c.Read(answer)
				}
			}
		})
	}
}
