package httpclient

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// site is a server for a test and a client for it. It leaves no goroutines.
func site(t *testing.T, c Config, h http.HandlerFunc) (*Client, string) {
	t.Helper()
	before := runtime.NumGoroutine()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	cl := New(c)
	t.Cleanup(func() {
		cl.Close()
		s.Close()
		for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Errorf("%d goroutines are left, before there were %d", runtime.NumGoroutine(), before)
				return
			}
		}
	})
	return cl, s.URL
}

func fetch(t *testing.T, c *Client, r *Request) (*Response, string) {
	t.Helper()
	answer, err := c.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(b)
}

func kindOf(err error) Kind {
	e, _ := errors.AsType[*Error](err)
	if e == nil {
		return -1
	}
	return e.Kind
}

func TestRequestArrivesAsItWasAskedFor(t *testing.T) {
	c, at := site(t, Config{UserAgent: "tester"}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "%s %s %s %q %s:%s %q %s %s", r.Method, r.Host, r.URL.RawQuery, r.Header["X-Two"], user, password, body,
			r.UserAgent(), r.Header.Get("Cookie"))
	})
	_, got := fetch(t, c, &Request{
		Method: "PUT", URL: at + "/?a=1", Params: []Field{{"b", "x y"}, {"b", "&"}}, Body: []byte("\x00body"),
		Fields:  []Field{{"X-Two", "1"}, {"x-two", "2"}, {"Host", "other"}},
		Cookies: []Field{{"k", "v"}}, User: "me", Password: "se cret",
	})
	want := `PUT other a=1&b=x+y&b=%26 ["1" "2"] me:se cret "\x00body" tester k=v`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestVersionIsHTTP2ByPriorKnowledge(t *testing.T) {
	for _, prior := range []bool{false, true} {
		c, at := site(t, Config{HTTP2PriorKnowledge: prior}, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.Proto)
		})
		want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[prior]
		if r, got := fetch(t, c, &Request{Method: "GET", URL: at}); got != want || r.Version != want {
			t.Errorf("prior knowledge %v: got %s, %s, want %s", prior, got, r.Version, want)
		}
	}
}

func TestBodiesAreDecoded(t *testing.T) {
	text := strings.Repeat("a long text that compresses well. ", 4000)
	coders := map[string]func(w io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser { e, _ := zstd.NewWriter(w); return e },
	}
	c, at := site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		coding := r.URL.Path[1:]
		if !strings.Contains(r.Header.Get("Accept-Encoding"), coding) {
			t.Errorf("Accept-Encoding %q has no %s", r.Header.Get("Accept-Encoding"), coding)
		}
		w.Header().Set("Content-Encoding", coding)
		if r.Method == "HEAD" {
			return
		}
		e := coders[coding](w)
		io.WriteString(e, text)
		e.Close()
	})
	for coding := range coders {
		r, got := fetch(t, c, &Request{Method: "GET", URL: at + "/" + coding})
		if got != text {
			t.Errorf("%s: got %d bytes, want %d", coding, len(got), len(text))
		}
		if len(values(r.Fields, "content-encoding")) > 0 {
			t.Errorf("%s: the decoded answer still has Content-Encoding", coding)
		}
		if _, got := fetch(t, c, &Request{Method: "HEAD", URL: at + "/" + coding}); got != "" {
			t.Errorf("%s: HEAD got %q", coding, got)
		}
	}
}

// values are those of the fields with that name.
func values(f Fields, wanted string) (found []string) {
	for name, value := range f.All() {
		if name == wanted {
			found = append(found, value)
		}
	}
	return found
}

func TestLengthIsThatOfTheBodyOrUnknown(t *testing.T) {
	c, at := site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/known":
			w.Header().Set("Content-Length", "5")
		case "/coded":
			w.Header().Set("Content-Encoding", "gzip")
			e := gzip.NewWriter(w)
			defer e.Close()
			io.WriteString(e, "coded")
			return
		case "/pieces":
			w.(http.Flusher).Flush()
		case "/none":
			w.WriteHeader(http.StatusNoContent)
			return
		case "/cut":
			w.Header().Set("Content-Length", "10")
		}
		if r.Method != http.MethodHead {
			io.WriteString(w, "bytes")
		}
	})
	for _, row := range []struct {
		method, path string
		want         int64
	}{
		{"GET", "/known", 5}, {"HEAD", "/known", -1}, {"GET", "/coded", -1}, {"GET", "/pieces", -1}, {"GET", "/none", 0},
	} {
		r, body := fetch(t, c, &Request{Method: row.method, URL: at + row.path})
		if r.Length != row.want || r.Length >= 0 && r.Length != int64(len(body)) {
			t.Errorf("%s %s: got length %d of %q, want %d", row.method, row.path, r.Length, body, row.want)
		}
	}
	r, err := c.Do(t.Context(), &Request{Method: "GET", URL: at + "/cut"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r.Body, make([]byte, r.Length)); kindOf(err) != KindExchange {
		t.Errorf("a body that is cut off: got %v, want an error of the exchange", err)
	}
}

func TestBrokenCodingIsAnErrorOfTheExchange(t *testing.T) {
	c, at := site(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "this is no gzip")
	})
	r, err := c.Do(t.Context(), &Request{Method: "GET", URL: at})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err = io.ReadAll(r.Body); kindOf(err) != KindExchange {
		t.Errorf("got %v, want an error of the exchange", err)
	}
}

func TestRedirectsAreFollowedAndCounted(t *testing.T) {
	c, at := site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n > 0 {
			w.Header().Set("X-Hop", fmt.Sprint(n))
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusTemporaryRedirect)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Method, body)
	})
	r, got := fetch(t, c, &Request{Method: "POST", URL: at + "/3", Body: []byte("kept"), MaxRedirects: 3})
	if got != "POST kept" || len(r.History) != 3 || r.URL != at+"/0" {
		t.Errorf("got %q from %s after %d redirects", got, r.URL, len(r.History))
	}
	if h := r.History[1]; h.Status != 307 || h.URL != at+"/2" || !slices.Equal(values(h.Fields, "x-hop"), []string{"2"}) {
		t.Errorf("second hop: got %+v", h)
	}
	if _, err := c.Do(t.Context(), &Request{Method: "GET", URL: at + "/4", MaxRedirects: 3}); kindOf(err) != KindRedirects {
		t.Errorf("four redirects: got %v", err)
	}
	if r, _ := fetch(t, c, &Request{Method: "GET", URL: at + "/1"}); r.Status != 307 {
		t.Errorf("without redirects: got %d, want 307", r.Status)
	}
}

func TestOnlyWhatMayBeRepeatedIsRetried(t *testing.T) {
	var calls atomic.Int32
	c, at := site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if calls.Add(1) < 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write(body)
	})
	if r, got := fetch(t, c, &Request{Method: "PUT", URL: at, Body: []byte("again"), Retries: 2}); r.Status != 200 || got != "again" {
		t.Errorf("PUT: got %d %q", r.Status, got)
	}
	calls.Store(0)
	if r, _ := fetch(t, c, &Request{Method: "POST", URL: at, Retries: 2}); r.Status != 503 || calls.Load() != 1 {
		t.Errorf("POST: got %d after %d calls, want 503 after one", r.Status, calls.Load())
	}
}

func TestStreamedBodyIsSentAsItComes(t *testing.T) {
	c, at := site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%v %s", r.TransferEncoding, body)
	})
	if _, got := fetch(t, c, &Request{Method: "POST", URL: at, Stream: io.NopCloser(strings.NewReader("pieces")), Length: -1}); got != "[chunked] pieces" {
		t.Errorf("got %q", got)
	}
}

func TestErrorsSayWhichPartFailed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + ln.Addr().String()
	ln.Close()
	release := make(chan struct{})
	c, at := site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
		<-release
	})
	defer close(release)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		r    Request
		want Kind
	}{
		{"nobody listens", t.Context(), Request{URL: closed}, KindConnect},
		{"no such host", t.Context(), Request{URL: "http://no-such-host.invalid/"}, KindConnect},
		{"whole time", t.Context(), Request{URL: at, Timeout: time.Millisecond}, KindTimeout},
		{"time of the head", t.Context(), Request{URL: at, HeadTimeout: time.Millisecond}, KindTimeout},
		{"cut", t.Context(), Request{URL: at + "/cut"}, KindExchange},
		{"no TLS there", t.Context(), Request{URL: strings.Replace(at, "http:", "https:", 1)}, KindTLS},
		{"cancelled", cancelled, Request{URL: at}, KindCancelled},
		{"no URL", t.Context(), Request{URL: "localhost:8000"}, KindRequest},
		{"odd method", t.Context(), Request{Method: "A B", URL: at}, KindRequest},
		{"odd field", t.Context(), Request{URL: at, Fields: []Field{{"a", "b\r\nc: d"}}}, KindRequest},
		{"odd cookie", t.Context(), Request{URL: at, Cookies: []Field{{"a", "b\r\n"}}}, KindRequest},
	}
	for _, tt := range tests {
		_, err := c.Do(tt.ctx, &tt.r)
		if kindOf(err) != tt.want {
			t.Errorf("%s: got %v (%d), want kind %d", tt.name, err, kindOf(err), tt.want)
		}
	}
}

func TestPasswordsAreNotInErrors(t *testing.T) {
	c := New(Config{})
	_, err := c.Do(t.Context(), &Request{Method: "GET", URL: "http://me:secret@127.0.0.1:1/"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownAuthorityIsRefusedAndKnownOneTaken(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "safe") }))
	defer s.Close()
	s.Config.ErrorLog = nil
	c := New(Config{})
	if _, err := c.Do(t.Context(), &Request{Method: "GET", URL: s.URL}); kindOf(err) != KindTLS {
		t.Errorf("unknown authority: got %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	known := New(Config{TLS: &tls.Config{RootCAs: pool}})
	defer known.Close()
	if _, got := fetch(t, known, &Request{Method: "GET", URL: s.URL}); got != "safe" {
		t.Errorf("known authority: got %q", got)
	}
}

func TestJarKeepsCookies(t *testing.T) {
	c, at := site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set" {
			http.SetCookie(w, &http.Cookie{Name: "k", Value: "v", Path: "/"})
			return
		}
		io.WriteString(w, r.Header.Get("Cookie"))
	})
	jar := NewJar()
	r, _ := fetch(t, c, &Request{Method: "GET", URL: at + "/set", Jar: jar})
	if !slices.Equal(r.Cookies, []Field{{"k", "v"}}) {
		t.Errorf("got %v", r.Cookies)
	}
	if _, got := fetch(t, c, &Request{Method: "GET", URL: at, Jar: jar}); got != "k=v" {
		t.Errorf("with the jar: got %q", got)
	}
	if _, got := fetch(t, c, &Request{Method: "GET", URL: at}); got != "" {
		t.Errorf("without: got %q", got)
	}
	u, _ := url.Parse(at)
	if got := jar.Cookies(u); got["k"] != "v" {
		t.Errorf("got %v", got)
	}
}

func TestPartsCannotAddFields(t *testing.T) {
	body, kind := EncodeMultipart([]Part{{Name: "a\"\r\nX: y", Filename: "f\"\n", Content: []byte("c")}})
	if !strings.HasPrefix(kind, "multipart/form-data; boundary=") || bytes.Contains(body, []byte("\nX: y")) {
		t.Errorf("got %s\n%s", kind, body)
	}
}
