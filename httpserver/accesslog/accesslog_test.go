package accesslog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/observe"
)

func field(name, value string) httpserver.Field {
	return httpserver.Field{Name: []byte(name), Value: []byte(value)}
}

// request is what the tests log.
func request() *httpserver.Exchange {
	x := &httpserver.Exchange{Request: httpserver.Request{
		Method: []byte("GET"), Target: []byte("/a%20b?c=d"), Path: []byte("/a%20b"), Query: []byte("c=d"), Minor: 1,
		Fields: []httpserver.Field{
			field("Referer", "http://r/"), field("user-agent", "agent \"quoted\" \\ \t\xff"),
			field("Authorization", "Basic dXNlcjpzZWNyZXQ="), field("X-One", "1"),
		},
		Remote: netip.MustParseAddrPort("[::ffff:10.0.0.1]:5000"), Local: netip.MustParseAddrPort("127.0.0.1:80"), Scheme: "http",
	}}
	x.SetID([]byte("name-1"))
	return x
}

var done = &observe.Done{
	Status: 200, Bytes: 1234, Duration: 1500 * time.Millisecond, Began: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC),
}

// render returns the line of a format.
func render(t *testing.T, format string, x *httpserver.Exchange, h *httpserver.Head, d *observe.Done) string {
	t.Helper()
	f, err := Parse(format)
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{format: f}
	return string(f.line(nil, l.Head(l.Begin(nil, x), h), d))
}

func TestEachAtomIsWritten(t *testing.T) {
	head := &httpserver.Head{Status: 200, Fields: []httpserver.Field{field("Content-Type", "text/html")}}
	for atom, want := range map[string]string{
		"%(h)s": "10.0.0.1", "%(l)s": "-", "%(u)s": "user", "%(t)s": "[02/Jan/2026:03:04:05 +0000]",
		"%(r)s": "GET /a%20b?c=d HTTP/1.1", "%(m)s": "GET", "%(U)s": "/a%20b", "%(q)s": "c=d", "%(H)s": "HTTP/1.1",
		"%(s)s": "200", "%(B)s": "1234", "%(b)s": "1234", "%(f)s": "http://r/",
		"%(a)s": `agent \x22quoted\x22 \x5c \x09\xff`,
		"%(T)s": "1", "%(D)s": "1500000", "%(M)s": "1500", "%(L)s": "1.500000", "%(p)s": fmt.Sprintf("<%d>", os.Getpid()),
		"%({x-one}i)s": "1", "%({X-ONE}i)s": "1", "%({none}i)s": "-", "%({content-type}o)s": "text/html", "%({none}o)s": "-",
		"%({REMOTE_ADDR}e)s": "10.0.0.1", "%({REMOTE_PORT}e)s": "5000", "%({HTTP_X_ONE}e)s": "1", "%({none}e)s": "-",
		"%(unknown)s": "-", "%({a}z)s": "-", "100%%": "100%", "text": "text",
		"%(m)s%({x-one}i)s%({content-type}o)s-%(s)s": "GET1text/html-200",
	} {
		if got := render(t, atom, request(), head, done); got != want {
			t.Errorf("%s: got %q, want %q", atom, got, want)
		}
	}
}

func TestWhatIsMissingIsADash(t *testing.T) {
	x := &httpserver.Exchange{Request: httpserver.Request{Method: []byte("GET"), Target: []byte("/"), Path: []byte("/")}}
	got := render(t, "combined", x, nil, &observe.Done{Status: 499, Began: done.Began})
	want := `- - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.0" 499 - "-" "-"`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFormatsThatAreNoneAreRefused(t *testing.T) {
	for _, format := range []string{"%", "%(h", "%h", "a %( b", "%()s", "%(h)s %"} {
		if _, err := Parse(format); err == nil {
			t.Errorf("Parse(%q) accepts it", format)
		}
	}
}

func TestJSONLinesHaveTheirKeysInOrder(t *testing.T) {
	got := render(t, "json", request(), nil, done)
	want := `{"time":"2026-01-02T03:04:05.006Z","method":"GET","path":"/a%20b","query":"c=d","status":200,"bytes":1234,` +
		`"duration_ms":1500.000,"client":"10.0.0.1","user_agent":"agent \"quoted\" \\ \u0009` + "\ufffd" +
		`","request_id":"name-1","worker":` + fmt.Sprint(os.Getpid()) + `}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("that is no JSON")
	}
}

func FuzzNothingThatAClientSendsEndsItsLine(f *testing.F) {
	f.Add([]byte("a\r\nb\x00\"\\\u2028\xff"))
	f.Fuzz(func(t *testing.T, value []byte) {
		text, object := appendEscaped(nil, value), appendJSON(nil, value)
		if bytes.ContainsAny(text, "\r\n\"\x00\x1b") {
			t.Errorf("%q became %q", value, text)
		}
		var back string
		if err := json.Unmarshal(object, &back); err != nil {
			t.Fatalf("%q became %q: %v", value, object, err)
		}
		if want := strings.ToValidUTF8(string(value), "\ufffd"); len(bytes.Runes(value)) == len([]rune(want)) && back != want {
			t.Errorf("%q came back as %q", value, back)
		}
	})
}

func open(t *testing.T, c Config) *Log {
	t.Helper()
	var err error
	if c.Format, err = Parse("%(m)s %(U)s %(s)s"); err != nil {
		t.Fatal(err)
	}
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (l *Log) request(path string) {
	x := &httpserver.Exchange{Request: httpserver.Request{Method: []byte("GET"), Path: []byte(path)}}
	l.End(l.Head(l.Begin(nil, x), nil), done)
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCloseWritesWhatIsLeft(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	l := open(t, Config{File: name, Delay: time.Hour})
	l.request("/a")
	l.request("/b")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, name), "GET /a 200\nGET /b 200\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.request("/late")
	if l.Dropped() != 1 {
		t.Errorf("got %d lines dropped, want the late one", l.Dropped())
	}
}

func TestReopenWritesToAFileOfTheSameName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	l := open(t, Config{File: name, Delay: time.Hour})
	l.request("/a")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.request("/b")
	l.Close()
	got := []string{read(t, name+".1"), read(t, name)}
	if diff := cmp.Diff(got, []string{"GET /a 200\n", "GET /b 200\n"}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestLinesThatFindNoRoomAreDroppedAndCounted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	l := open(t, Config{File: name, Delay: time.Hour, Room: 25})
	for _, path := range []string{"/a", "/b", "/c"} {
		l.request(path)
	}
	l.Close()
	if got := read(t, name); got != "GET /a 200\nGET /b 200\n" || l.Dropped() != 1 {
		t.Errorf("got %q and %d dropped, want two lines and one dropped", got, l.Dropped())
	}
}

func TestAFileThatCannotBeOpenedIsAnError(t *testing.T) {
	f, _ := Parse("common")
	if l, err := New(Config{Format: f, File: filepath.Join(t.TempDir(), "no", "such")}); err == nil {
		l.Close()
		t.Error("New opens a file in a folder that does not exist")
	}
}

func TestLinesOfManyWritersStayWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	l := open(t, Config{File: name, Delay: time.Millisecond})
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 500 {
				l.request(fmt.Sprintf("/%d", i))
			}
		})
	}
	writers.Wait()
	l.Close()
	seen := map[string]int{}
	for line := range strings.Lines(read(t, name)) {
		seen[line]++
	}
	for i := range 8 {
		if line := fmt.Sprintf("GET /%d 200\n", i); seen[line] != 500 {
			t.Errorf("got %d times %q, want 500", seen[line], line)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	for _, name := range []string{"combined", "json"} {
		b.Run(name, func(b *testing.B) {
			f, err := Parse(name)
			if err != nil {
				b.Fatal(err)
			}
			l, x, h := &Log{format: f}, request(), &httpserver.Head{Status: 200}
			var notes, line []byte
			b.ReportAllocs()
			for b.Loop() {
				notes = l.Head(l.Begin(notes[:0], x), h)
				line = f.line(line[:0], notes, done)
			}
		})
	}
}
