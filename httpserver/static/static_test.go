package static_test

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/static"
	"github.com/puffstack/puff/internal/testkit"
)

// app is the handler behind the files.
var app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(299)
	io.WriteString(w, "app "+r.Method+" "+r.URL.Path)
})

const big = 300_000

// folder makes a folder of files.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret.txt")
	write(t, secret, "secret")
	for name, text := range map[string]string{
		"a.css":                     "body {}",
		"empty.txt":                 "",
		"big.bin":                   strings.Repeat("0123456789", big/10),
		"b c.txt":                   "a space",
		"zipped.js":                 "plain",
		"zipped.js.gz":              "gzipped",
		"zipped.js.br":              "brotli",
		"docs/index.html":           "<h1>docs</h1>",
		"docs/sub/page.html":        "page",
		".env":                      "KEY=secret",
		".git/config":               "secret",
		"docs/.hidden/x.txt":        "secret",
		".well-known/security.txt":  "Contact: mailto:a@example.com",
		"docs/.well-known/none.txt": "secret",
		"unknown.zzz":               "?",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	for name, to := range map[string]string{"out.txt": secret, "out": filepath.Dir(secret), "in.txt": "a.css", "up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// served runs test with files in front of app.
func served(t *testing.T, mounts []static.Mount, test func(t *testing.T, s *testkit.Site)) {
	t.Helper()
	filter := static.Filter(static.Config{Mounts: mounts})
	testkit.Roads(t, httpserver.Config{Filters: []httpserver.Filter{filter}}, app, test)
}

func TestFilesAreServedWithTypeLengthAndValidators(t *testing.T) {
	dir := folder(t)
	served(t, []static.Mount{{URL: "/s", Dir: dir, CacheAge: time.Hour}}, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		for _, want := range []struct {
			target, kind string
			length       int
		}{
			{"/s/a.css", "text/css; charset=utf-8", 7},
			{"/s/a.css?v=2", "text/css; charset=utf-8", 7},
			{"/s/empty.txt", "text/plain; charset=utf-8", 0},
			{"/s/big.bin", "application/octet-stream", big},
			{"/s/b%20c.txt", "text/plain; charset=utf-8", 7},
			{"/s/docs/sub/page.html", "text/html; charset=utf-8", 4},
			{"/s/unknown.zzz", "application/octet-stream", 1},
			{"/s/in.txt", "text/plain; charset=utf-8", 7},
			{"/s/.well-known/security.txt", "text/plain; charset=utf-8", 29},
			{"/s/%61.css", "text/css; charset=utf-8", 7},
		} {
			for _, method := range []string{"GET", "HEAD"} {
				r := c.Ask(method, want.target)
				length := want.length
				if method == "HEAD" {
					length = 0
				}
				if r.StatusCode != 200 || r.ContentLength != int64(want.length) || len(r.Body) != length || r.Err != nil {
					t.Errorf("%s %s: got %d, length %d, %d bytes, %v; want 200 and %d", method, want.target, r.StatusCode,
						r.ContentLength, len(r.Body), r.Err, want.length)
				}
				if got := r.Header.Get("Content-Type"); got != want.kind {
					t.Errorf("%s: got type %q, want %q", want.target, got, want.kind)
				}
				if got := r.Header.Get("Cache-Control"); got != "public, max-age=3600" {
					t.Errorf("%s: got Cache-Control %q", want.target, got)
				}
				if tag, date := r.Header.Get("ETag"), r.Header.Get("Last-Modified"); len(tag) < 8 || tag[0] != '"' || date == "" {
					t.Errorf("%s: got ETag %q, Last-Modified %q", want.target, tag, date)
				}
			}
		}
	})
}

func TestWhatIsNoFileGoesToTheHandler(t *testing.T) {
	dir := folder(t)
	served(t, []static.Mount{{URL: "/s/", Dir: dir}}, func(t *testing.T, s *testkit.Site) {
		for _, target := range []string{
			"/", "/sx/a.css", "/s", "/s/", "/s/none.txt", "/s/docs", "/s/docs/", "/s/a.css/", "/s/a.css/x", "/s//a.css",
			"/s/.env", "/s/.git/config", "/s/docs/.hidden/x.txt", "/s/docs/.well-known/none.txt",
			"/s/../s/a.css", "/s/docs/../a.css", "/s/./a.css", "/s/%2e%2e/a.css", "/s/%2e/a.css", "/s/docs%2fsub%2fpage.html",
			"/s/docs%5csub", "/s/docs\\sub", "/s/a.css%00", "/s/a%0a.css", "/s/%zz", "/s/%4", "/s/a.css%",
			"/s/out.txt", "/s/out/secret.txt", "/s/up/x", "/s/pipe",
			"/s/" + strings.Repeat("a", 300), "/s/" + strings.Repeat("a/", 3000),
		} {
			if r := s.Ask(t, "GET", target); r.StatusCode != 299 && r.StatusCode != 400 || strings.Contains(r.Body, "secret\n") {
				t.Errorf("%s: got %d %q, want the handler's answer", target, r.StatusCode, r.Body)
			}
		}
		if r := s.Ask(t, "POST", "/s/none.txt", "Content-Length: 0"); r.StatusCode != 299 {
			t.Errorf("POST to no file: got %d, want the handler's answer", r.StatusCode)
		}
		if r := s.Ask(t, "DELETE", "/s/a.css"); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("DELETE of a file: got %d, Allow %q", r.StatusCode, r.Header.Get("Allow"))
		}
	})
}

func TestLinksAreFollowedOutsideOnlyWhenToldSo(t *testing.T) {
	dir := folder(t)
	served(t, []static.Mount{{URL: "/", Dir: dir, FollowSymlinks: true}}, func(t *testing.T, s *testkit.Site) {
		for target, want := range map[string]string{"/out.txt": "secret", "/out/secret.txt": "secret", "/in.txt": "body {}"} {
			if r := s.Ask(t, "GET", target); r.StatusCode != 200 || r.Body != want {
				t.Errorf("%s: got %d %q, want %q", target, r.StatusCode, r.Body, want)
			}
		}
		if r := s.Ask(t, "GET", "/pipe"); r.StatusCode != 299 {
			t.Errorf("a pipe: got %d, want the handler's answer", r.StatusCode)
		}
	})
}

func TestFoldersHaveAnIndexAndARedirectToIt(t *testing.T) {
	dir := folder(t)
	mounts := []static.Mount{{URL: "/", Dir: dir, Index: "index.html"}, {URL: "/d", Dir: filepath.Join(dir, "docs"), Index: "index.html"}}
	served(t, mounts, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		for _, target := range []string{"/docs/", "/d/"} {
			if r := c.Ask("GET", target); r.StatusCode != 200 || r.Body != "<h1>docs</h1>" {
				t.Errorf("%s: got %d %q", target, r.StatusCode, r.Body)
			}
		}
		for target, want := range map[string]string{"/docs": "/docs/", "/docs?a=b": "/docs/?a=b", "/d": "/d/"} {
			if r := c.Ask("GET", target); r.StatusCode != 301 || r.Header.Get("Location") != want {
				t.Errorf("%s: got %d to %q, want 301 to %q", target, r.StatusCode, r.Header.Get("Location"), want)
			}
		}
		// No redirect may lead to another host, and a folder without an index has none.
		for _, target := range []string{"//docs", "//example.com/..", "/", "/docs/sub", "/docs/sub/"} {
			if r := c.Ask("GET", target); r.StatusCode != 299 {
				t.Errorf("%s: got %d, want the handler's answer", target, r.StatusCode)
			}
		}
	})
}

func TestTheLongestURLWinsAndAmongEqualsTheFirst(t *testing.T) {
	dir, other := folder(t), t.TempDir()
	write(t, filepath.Join(other, "a.css"), "other")
	mounts := []static.Mount{{URL: "/", Dir: other}, {URL: "/s", Dir: dir}, {URL: "/s", Dir: other}}
	served(t, mounts, func(t *testing.T, s *testkit.Site) {
		for target, want := range map[string]string{"/a.css": "other", "/s/a.css": "body {}"} {
			if r := s.Ask(t, "GET", target); r.Body != want {
				t.Errorf("%s: got %q, want %q", target, r.Body, want)
			}
		}
	})
}

func TestConditionsSaveTheBody(t *testing.T) {
	dir := folder(t)
	served(t, []static.Mount{{URL: "/s", Dir: dir}}, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		first := c.Ask("GET", "/s/a.css")
		tag, date := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
		const early, late = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
		for _, want := range []struct {
			fields []string
			status int
		}{
			{[]string{"If-None-Match: " + tag}, 304},
			{[]string{"If-None-Match: W/" + tag}, 304},
			{[]string{`If-None-Match: "a", ` + tag}, 304},
			{[]string{`If-None-Match: "a,b"`, "If-None-Match: " + tag}, 304},
			{[]string{"If-None-Match: *"}, 304},
			{[]string{`If-None-Match: "a"`}, 200},
			{[]string{`If-None-Match: "a"`, "If-Modified-Since: " + date}, 200},
			{[]string{"If-None-Match: nonsense"}, 200},
			{[]string{"If-Modified-Since: " + date}, 304},
			{[]string{"If-Modified-Since: " + late}, 304},
			{[]string{"If-Modified-Since: " + early}, 200},
			{[]string{"If-Modified-Since: yesterday"}, 200},
			{[]string{"If-Match: " + tag}, 200},
			{[]string{"If-Match: *"}, 200},
			{[]string{`If-Match: "a"`}, 412},
			{[]string{"If-Match: W/" + tag}, 412},
			{[]string{"If-Unmodified-Since: " + date}, 200},
			{[]string{"If-Unmodified-Since: " + early}, 412},
			{[]string{"If-Match: " + tag, "If-Unmodified-Since: " + early}, 200},
			{[]string{`If-Match: "a"`, "If-None-Match: " + tag}, 412},
		} {
			r := c.Ask("GET", "/s/a.css", want.fields...)
			if r.StatusCode != want.status {
				t.Errorf("%q: got %d, want %d", want.fields, r.StatusCode, want.status)
			}
			if r.StatusCode == 304 && (r.Body != "" || r.Header.Get("ETag") != tag || r.Header.Get("Last-Modified") != date) {
				t.Errorf("%q: got 304 with %q and %v", want.fields, r.Body, r.Header)
			}
		}
		write(t, filepath.Join(dir, "a.css"), "body { color: red }")
		if r := c.Ask("GET", "/s/a.css", "If-None-Match: "+tag); r.StatusCode != 200 || r.Header.Get("ETag") == tag {
			t.Errorf("changed: got %d, ETag %q", r.StatusCode, r.Header.Get("ETag"))
		}
	})
}

func TestRangesSendParts(t *testing.T) {
	dir := folder(t)
	served(t, []static.Mount{{URL: "/s", Dir: dir}}, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		whole := c.Ask("GET", "/s/big.bin")
		tag, date := whole.Header.Get("ETag"), whole.Header.Get("Last-Modified")
		for _, want := range []struct {
			value  string
			status int
			body   string
			part   string
		}{
			{"bytes=0-9", 206, "0123456789", "bytes 0-9/300000"},
			{"bytes=299995-", 206, "56789", "bytes 299995-299999/300000"},
			{"bytes=-3", 206, "789", "bytes 299997-299999/300000"},
			{"bytes=299999-999999", 206, "9", "bytes 299999-299999/300000"},
			{"bytes=0-99999", 206, whole.Body[:100_000], "bytes 0-99999/300000"},
			{"bytes=-999999", 206, whole.Body, "bytes 0-299999/300000"},
			{"Bytes= 5-5 ", 206, "5", "bytes 5-5/300000"},
			{"bytes=300000-, 0-0", 206, "0", "bytes 0-0/300000"},
			{"bytes=300000-", 416, "", "bytes */300000"},
			{"bytes=99999999999999999999-", 416, "", "bytes */300000"},
			{"bytes=-0", 416, "", "bytes */300000"},
			{"bytes=5-4", 200, whole.Body, ""},
			{"bytes=a-b", 200, whole.Body, ""},
			{"bytes=", 200, whole.Body, ""},
			{"lines=0-1", 200, whole.Body, ""},
			{"bytes=0-9, 5-14", 200, whole.Body, ""},
			{"bytes=" + strings.Repeat("0-0,", 17), 200, whole.Body, ""},
		} {
			r := c.Ask("GET", "/s/big.bin", "Range: "+want.value)
			if r.StatusCode != want.status || r.Header.Get("Content-Range") != want.part || r.Err != nil ||
				want.status != 416 && r.Body != want.body {
				t.Errorf("%q: got %d, %q, %d bytes, %v; want %d, %q, %d bytes", want.value, r.StatusCode,
					r.Header.Get("Content-Range"), len(r.Body), r.Err, want.status, want.part, len(want.body))
			}
		}
		for condition, status := range map[string]int{
			tag: 206, date: 206, `"a"`: 200, "W/" + tag: 200, "Mon, 01 Jan 2001 00:00:00 GMT": 200, "Wed, nonsense": 200,
		} {
			if r := c.Ask("GET", "/s/big.bin", "Range: bytes=0-9", "If-Range: "+condition); r.StatusCode != status {
				t.Errorf("If-Range %s: got %d, want %d", condition, r.StatusCode, status)
			}
		}
		if r := c.Ask("HEAD", "/s/big.bin", "Range: bytes=0-9"); r.StatusCode != 200 || r.ContentLength != big {
			t.Errorf("HEAD: got %d, length %d", r.StatusCode, r.ContentLength)
		}
	})
}

func TestSeveralRangesComeAsOneMultipart(t *testing.T) {
	dir := folder(t)
	served(t, []static.Mount{{URL: "/s", Dir: dir}}, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		want := []struct{ part, body string }{
			{"bytes 100000-249999/300000", strings.Repeat("0123456789", 15_000)},
			{"bytes 3-5/300000", "345"},
			{"bytes 299999-299999/300000", "9"},
		}
		r := c.Ask("GET", "/s/big.bin", "Range: bytes=100000-249999, 3-5, -1")
		if r.StatusCode != 206 || r.Err != nil || r.Header.Get("Content-Range") != "" {
			t.Fatalf("got %d, %v, %v", r.StatusCode, r.Err, r.Header)
		}
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts := multipart.NewReader(strings.NewReader(r.Body), params["boundary"])
		for _, w := range want {
			p, err := parts.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(p)
			if err != nil || string(body) != w.body || p.Header.Get("Content-Range") != w.part ||
				p.Header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("got %v, %d bytes, %v; want %q", p.Header, len(body), err, w.part)
			}
		}
		if _, err := parts.NextPart(); err != io.EOF {
			t.Errorf("got %v after the last part, want the end", err)
		}
		if r := c.Ask("GET", "/s/a.css"); r.Body != "body {}" {
			t.Errorf("the next answer is %q", r.Body)
		}
	})
}

func TestACompressedFileIsSentToWhoTakesIt(t *testing.T) {
	dir := folder(t)
	served(t, []static.Mount{{URL: "/s", Dir: dir}}, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		tags := map[string]bool{}
		for _, want := range []struct{ accept, coding, body string }{
			{"", "", "plain"},
			{"gzip", "gzip", "gzipped"},
			{"gzip, br", "br", "brotli"},
			{"gzip;q=1, br;q=0.5", "gzip", "gzipped"},
			{"zstd", "", "plain"},
			{"*", "br", "brotli"},
			{"*;q=0.5, br;q=0", "gzip", "gzipped"},
			{"identity, gzip;q=0.5", "", "plain"},
		} {
			fields := []string{"Accept-Encoding: " + want.accept}
			if want.accept == "" {
				fields = nil
			}
			r := c.Ask("GET", "/s/zipped.js", fields...)
			if r.Header.Get("Content-Encoding") != want.coding || r.Body != want.body ||
				r.Header.Get("Vary") != "Accept-Encoding" || r.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
				t.Errorf("%q: got %q, %v; want %q", want.accept, r.Body, r.Header, want.coding)
			}
			tags[r.Header.Get("ETag")] = true
		}
		if len(tags) != 3 {
			t.Errorf("got %d entity tags for 3 files", len(tags))
		}
		if r := c.Ask("GET", "/s/a.css", "Accept-Encoding: br"); r.Header.Get("Vary") != "" || r.Body != "body {}" {
			t.Errorf("without compressed files: got %q, %v", r.Body, r.Header)
		}
	})
}

func TestAFolderMayBeReplacedWhileItIsServed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	served(t, []static.Mount{{URL: "/", Dir: dir}}, func(t *testing.T, s *testkit.Site) {
		c := s.Dial(t)
		for _, text := range []string{"one", "two"} {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if r := c.Ask("GET", "/a.txt"); r.StatusCode != 299 {
				t.Errorf("without the folder: got %d, want the handler's answer", r.StatusCode)
			}
			write(t, filepath.Join(dir, "a.txt"), text)
			if r := c.Ask("GET", "/a.txt"); r.Body != text {
				t.Errorf("got %q, want %q", r.Body, text)
			}
		}
	})
}

func TestAFileThatShrinksWhileItIsSentIsCutOff(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "shrinks.bin")
	const size = 64 << 20
	served(t, []static.Mount{{URL: "/", Dir: dir}}, func(t *testing.T, s *testkit.Site) {
		write(t, name, "")
		if err := os.Truncate(name, size); err != nil { // a hole: takes no room
			t.Fatal(err)
		}
		c := s.Dial(t)
		c.Send("GET", "/shrinks.bin")
		r := c.Head("GET")
		if err := os.Truncate(name, 1000); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil || n >= size {
			t.Errorf("got %d bytes, %v; want fewer than %d and an error", n, err, size)
		}
	})
}
