package compression_test

import (
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/compression"
	"github.com/puffstack/puff/internal/testkit"
)

var codings = []string{"gzip", "br", "zstd", "deflate"}

// decoder reads a coding.
func decoder(coding string, r io.Reader) (io.Reader, error) {
	switch coding {
	case "gzip":
		return gzip.NewReader(r)
	case "deflate":
		return zlib.NewReader(r)
	case "br":
		return brotli.NewReader(r), nil
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return r, nil
}

func decode(t *testing.T, coding, body string) string {
	t.Helper()
	r, err := decoder(coding, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return string(out)
}

// most is the longest body of a test.
const most = 2_000_000

var words, dice = makeText(most), makeNoise(most)

// text returns words that compress as prose does.
func text(n int) string { return words[:n] }

// noise returns bytes that do not compress.
func noise(n int) string { return dice[:n] }

func makeText(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d words of %x and ", random.IntN(100), random.IntN(1<<20))
	}
	return b.String()[:n]
}

func makeNoise(n int) string {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// app answers with ?n= bytes of the ?kind= (text, noise), streamed in pieces of ?piece=, with the fields ?f=.
var app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, _ := strconv.Atoi(q.Get("n"))
	piece, _ := strconv.Atoi(q.Get("piece"))
	body := text(n)
	if q.Get("kind") == "noise" {
		body = noise(n)
	}
	w.Header().Set("Content-Type", "text/plain")
	for _, f := range q["f"] {
		name, value, _ := strings.Cut(f, ":")
		w.Header().Set(name, value)
	}
	if s, _ := strconv.Atoi(q.Get("status")); s > 0 {
		w.WriteHeader(s)
	}
	if piece == 0 {
		io.WriteString(w, body)
		return
	}
	w.(http.Flusher).Flush()
	for len(body) > 0 {
		k := min(piece, len(body))
		if _, err := io.WriteString(w, body[:k]); err != nil {
			return
		}
		body = body[k:]
		if q.Get("flush") != "" {
			w.(http.Flusher).Flush()
		}
	}
})

func compressed(t *testing.T, test func(t *testing.T, s *testkit.Site)) {
	t.Helper()
	config := httpserver.Config{Filters: []httpserver.Filter{compression.Filter(compression.Config{})}}
	testkit.Roads(t, config, app, test)
}

func TestBodiesOfEverySizeComeBackInEveryCoding(t *testing.T) {
	compressed(t, func(t *testing.T, s *testkit.Site) {
		for _, coding := range codings {
			c := s.Dial(t)
			for _, kind := range []string{"text", "noise"} {
				for _, n := range []int{300, 5_000, 70_000, 200_000, 800_000} {
					for _, how := range []string{"", "&piece=1000", "&piece=100000", "&f=Content-Length:" + strconv.Itoa(n) + "&piece=30000"} {
						target := fmt.Sprintf("/?kind=%s&n=%d%s", kind, n, how)
						r := c.Ask("GET", target, "Accept-Encoding: "+coding)
						want := text(n)
						if kind == "noise" {
							want = noise(n)
						}
						got := r.Header.Get("Content-Encoding")
						if got != coding && (kind == "text" || got != "") {
							t.Errorf("%s as %s: got coding %q", target, coding, got)
						}
						if body := decode(t, got, r.Body); body != want || r.Err != nil || r.StatusCode != 200 {
							t.Errorf("%s as %s: got %d, %d bytes of %d, %v", target, coding, r.StatusCode, len(body), n, r.Err)
						}
						if got != "" && r.Header.Get("Vary") != "Accept-Encoding" {
							t.Errorf("%s as %s: got Vary %q", target, coding, r.Header.Get("Vary"))
						}
						if kind == "text" && len(r.Body) >= n {
							t.Errorf("%s as %s: %d bytes became %d", target, coding, n, len(r.Body))
						}
					}
				}
			}
		}
	})
}

func TestWhatDoesNotGainIsSentAsItIs(t *testing.T) {
	compressed(t, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		for _, want := range []struct {
			query, accept, coding, vary string
		}{
			{"n=1000", "gzip", "gzip", "Accept-Encoding"},
			{"n=1000", "", "", "Accept-Encoding"},
			{"n=1000", "identity", "", "Accept-Encoding"},
			{"n=1000", "gzip;q=0", "", "Accept-Encoding"},
			{"n=1000", "compress", "", "Accept-Encoding"},
			{"n=1000", "*", "zstd", "Accept-Encoding"},
			{"n=1000", "gzip, deflate, br, zstd", "zstd", "Accept-Encoding"},
			{"n=1000", "gzip, deflate, br", "br", "Accept-Encoding"},
			{"n=1000", "gzip;q=0.8, br;q=0.5", "gzip", "Accept-Encoding"},
			{"n=100", "gzip", "", ""},
			{"n=100", "gzip, identity;q=0", "gzip", "Accept-Encoding"},
			{"n=1000&f=Content-Type:image/png", "gzip", "", ""},
			{"n=1000&f=Content-Type:application/octet-stream", "gzip", "", ""},
			{"n=1000&f=Content-Type:Application/JSON;x=y", "gzip", "gzip", "Accept-Encoding"},
			{"n=1000&f=Content-Type:application/problem%2bjson", "gzip", "gzip", "Accept-Encoding"},
			{"n=1000&f=Content-Type:image/svg%2bxml", "gzip", "gzip", "Accept-Encoding"},
			{"n=1000&f=Content-Encoding:br", "gzip", "br", ""},
			{"n=1000&f=Content-Encoding:identity", "gzip", "identity", ""},
			{"n=1000&f=Cache-Control:public,No-Transform", "gzip", "", ""},
			{"n=1000&f=Content-Range:bytes%200-999/2000&status=206", "gzip", "", ""},
			{"n=1000&f=Vary:Cookie", "gzip", "gzip", "Cookie|Accept-Encoding"},
			{"n=1000&f=Vary:accept-encoding", "gzip", "gzip", "accept-encoding"},
			{"n=1000&status=500", "gzip", "gzip", "Accept-Encoding"},
			{"n=0&status=204", "gzip", "", ""},
			{"n=0&status=304", "gzip", "", ""},
			{"n=1000&kind=noise", "gzip", "", "Accept-Encoding"},
		} {
			fields := []string{"Accept-Encoding: " + want.accept}
			if want.accept == "" {
				fields = nil
			}
			r := c.Ask("GET", "/?"+want.query, fields...)
			if got := r.Header.Get("Content-Encoding"); got != want.coding {
				t.Errorf("%s, %q: got coding %q, want %q", want.query, want.accept, got, want.coding)
			}
			if got := strings.Join(r.Header["Vary"], "|"); got != want.vary {
				t.Errorf("%s, %q: got Vary %q, want %q", want.query, want.accept, got, want.vary)
			}
		}
	})
}

func TestTheHeadSpeaksOfTheBytesThatAreSent(t *testing.T) {
	compressed(t, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		const query = "/?n=1000&f=Accept-Ranges:bytes&f=Content-Length:1000&f=Content-Digest:x&f=ETag:"
		for _, method := range []string{"GET", "HEAD"} {
			for tag, want := range map[string]string{`"a"`: `W/"a"`, `W/"a"`: `W/"a"`} {
				r := c.Ask(method, query+strings.ReplaceAll(tag, `"`, "%22"), "Accept-Encoding: br")
				if got := r.Header.Get("ETag"); got != want {
					t.Errorf("%s: got ETag %s, want %s", method, got, want)
				}
				if r.Header.Get("Content-Encoding") != "br" || r.Header.Get("Accept-Ranges")+r.Header.Get("Content-Digest") != "" {
					t.Errorf("%s: got %v", method, r.Header)
				}
				if method == "HEAD" && (r.ContentLength > 0 || r.Body != "") {
					t.Errorf("HEAD: got length %d and %q", r.ContentLength, r.Body)
				}
				if method == "GET" && r.ContentLength != int64(len(r.Body)) {
					t.Errorf("got length %d and %d bytes", r.ContentLength, len(r.Body))
				}
			}
		}
	})
}

func TestWhatAStreamHasWrittenReachesTheClientAtOnce(t *testing.T) {
	read := make(chan bool)
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 5 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			select {
			case <-read:
			case <-r.Context().Done():
				return
			}
		}
	})
	config := httpserver.Config{Filters: []httpserver.Filter{compression.Filter(compression.Config{})}}
	testkit.Roads(t, config, app, func(t *testing.T, s *testkit.Site) {
		for _, coding := range codings {
			c := s.Dial(t)
			c.Send("GET", "/", "Accept-Encoding: "+coding)
			r := c.Head("GET")
			body, err := decoder(r.Header.Get("Content-Encoding"), r.Body)
			if err != nil || r.Header.Get("Content-Encoding") != coding {
				t.Fatalf("%s: %v, %v", coding, err, r.Header)
			}
			for i := range 5 {
				want := fmt.Sprintf("data: %d\n\n", i)
				got := make([]byte, len(want))
				if _, err := io.ReadFull(body, got); err != nil || string(got) != want {
					t.Fatalf("%s: got %q, %v, want %q", coding, got, err, want)
				}
				read <- true
			}
			if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
				t.Errorf("%s: got %q, %v at the end", coding, rest, err)
			}
		}
	})
}

func TestABodyThatIsTooShortHasNoEnd(t *testing.T) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if r.URL.Path == "/panic" {
			w.(http.Flusher).Flush()
			io.WriteString(w, text(1000))
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Length", "100000")
		io.WriteString(w, text(50_000))
	})
	config := httpserver.Config{Filters: []httpserver.Filter{compression.Filter(compression.Config{})}}
	testkit.Roads(t, config, app, func(t *testing.T, s *testkit.Site) {
		for _, path := range []string{"/short", "/panic"} {
			if r := s.Ask(t, "GET", path, "Accept-Encoding: gzip"); r.Err == nil {
				t.Errorf("%s: got %d and a whole body of %d bytes", path, r.StatusCode, len(r.Body))
			}
		}
	})
}

func TestAClientThatGoesAwayEndsItsStream(t *testing.T) {
	compressed(t, func(t *testing.T, s *testkit.Site) {
		for _, query := range []string{"kind=noise&n=2000000&piece=10000", "kind=noise&n=2000000&piece=10000&f=Content-Length:2000000", "kind=text&n=2000000"} {
			c := s.Dial(t)
			c.Send("GET", "/?"+query, "Accept-Encoding: gzip")
			if _, err := c.Head("GET").Body.Read(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		testkit.Wait(t, "the exchanges to be over", func() bool { return s.Stats().InFlight == 0 })
	})
}

func TestOnlySoManyStreamsAreCompressed(t *testing.T) {
	config := httpserver.Config{Filters: []httpserver.Filter{compression.Filter(compression.Config{MaxStreams: 1})}}
	hold, begun := make(chan bool), make(chan bool, 1)
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.(http.Flusher).Flush()
		if r.URL.Path == "/hold" {
			begun <- true
			<-hold
		}
		io.WriteString(w, "done")
	})
	testkit.Roads(t, config, app, func(t *testing.T, s *testkit.Site) {
		first := s.Dial(t)
		first.Send("GET", "/hold", "Accept-Encoding: gzip")
		first.Head("GET")
		<-begun
		if r := s.Ask(t, "GET", "/", "Accept-Encoding: gzip"); r.Header.Get("Content-Encoding") != "" || r.Body != "done" {
			t.Errorf("the second stream: got %v %q", r.Header, r.Body)
		}
		hold <- true
		testkit.Wait(t, "the first stream to be over", func() bool { return s.Stats().InFlight == 0 })
		if r := s.Ask(t, "GET", "/", "Accept-Encoding: gzip"); r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("the third stream: got %v", r.Header)
		}
	})
}

// sender sends files, on either road.
type sender struct{ name string }

func (s sender) Handle(x *httpserver.Exchange) {
	f, err := os.Open(s.name)
	if err != nil {
		x.Abort()
		return
	}
	n, _ := strconv.ParseInt(string(x.Query), 10, 64)
	x.Start(&httpserver.Head{Status: 200, Fields: []httpserver.Field{
		{Name: []byte("Content-Type"), Value: []byte("text/css")},
		{Name: []byte("Content-Length"), Value: fmt.Append(nil, n+4)},
	}})
	x.Write([]byte("<<"))
	x.SendFile(f, 0, n)
	x.Write([]byte(">>"))
	x.Finish(nil)
}

func (sender) FD() int      { return -1 }
func (sender) Flush()       {}
func (sender) Drain() int   { return 0 }
func (sender) Park() bool   { return true }
func (sender) Close() error { return nil }

func TestFilesAreCompressedPieceByPiece(t *testing.T) {
	want := text(most)
	name := filepath.Join(t.TempDir(), "file.css")
	if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	config := httpserver.Config{Filters: []httpserver.Filter{compression.Filter(compression.Config{})}}
	h := sender{name}
	testkit.RoadsOf(t, config, h, func() (httpserver.Source, error) { return h, nil }, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		for _, coding := range codings {
			r := c.Ask("GET", fmt.Sprintf("/?%d", len(want)), "Accept-Encoding: "+coding)
			if r.Header.Get("Content-Encoding") != coding || decode(t, coding, r.Body) != "<<"+want+">>" {
				t.Errorf("%s: got %v, %d bytes", coding, r.Header, len(r.Body))
			}
		}
		if r := s.Ask(t, "GET", fmt.Sprintf("/?%d", len(want)+1), "Accept-Encoding: gzip"); r.Err == nil {
			t.Error("a file that is too short was sent as a whole one")
		}
		testkit.Wait(t, "the exchanges to be over", func() bool { return s.Stats().InFlight == 0 })
	})
}
