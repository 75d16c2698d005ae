package dev

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/puffstack/puff/httpserver"
)

var report = Report{
	Text: "Traceback (most recent call last):\nValueError: <script>alert(1)</script>\n",
	Errors: []Exception{
		{Kind: "ValueError", Message: "<script>alert(1)</script>", Omitted: 3, Frames: []Frame{
			{File: "lib/<i>.py", Line: 1, Name: "<lambda>"},
			{File: "app.py", Line: 2, First: 1, Source: []string{"def f():", `    g("</td>") + 1`, ""}, Start: 4, End: 14, Own: true},
		}},
		{Relation: "caused by", Kind: "KeyError", Message: "'x'"},
	},
}

// serve serves handler behind filters, and returns how to send it a request.
func serve(t *testing.T, h httpserver.Handler, filters ...httpserver.Filter) func(request string) (*http.Response, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpserver.New(httpserver.Config{Handler: h, Filters: filters})
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), listener) }()
	t.Cleanup(func() {
		server.SetDrainGrace(0)
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return func(request string) (*http.Response, string) {
		t.Helper()
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		method, _, _ := strings.Cut(request, " ")
		if _, err := io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n")+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			return nil, ""
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, string(body)
	}
}

func TestAPageShowsTheReportAndEscapesAllOfIt(t *testing.T) {
	ask := serve(t, (&Pages{Generation: "17"}).Handler(report))
	r, body := ask("GET /a?b=<u> HTTP/1.1\nHost: localhost:1\nAccept: application/xml, text/html;q=0.9")
	if r.StatusCode != 500 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		t.Errorf("got %d and %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
	for _, want := range []string{
		"<title>ValueError: &lt;script&gt;alert(1)&lt;/script&gt;</title>",
		"/a?b=&lt;u&gt;", "lib/&lt;i&gt;.py", "&lt;lambda&gt;",
		`<tr class="current"><th>2</th><td>    <mark>g(&#34;&lt;/td&gt;&#34;)</mark> &#43; 1</td></tr>`,
		`<details class="own" open>`, `<details class="library">`,
		"3 frames in the middle", "caused by", "KeyError", "Traceback (most recent call last):",
		`data-generation="17"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<script>alert", "<u>", "<i>", "<lambda>", `g("</td>`} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	_, nonce, _ := strings.Cut(policy, "script-src 'nonce-")
	nonce, _, _ = strings.Cut(nonce, "'")
	if n := strings.Count(body, `nonce="`+nonce+`"`); nonce == "" || n != 2 {
		t.Errorf("the nonce %q stands in %d places, want style and script", nonce, n)
	}
	if r.Header.Get("Cache-Control") != "no-store" {
		t.Error("the page may be stored")
	}
}

func TestWhoWantsNoHTMLGetsTheTextOfIt(t *testing.T) {
	ask := serve(t, (&Pages{}).Handler(Report{Text: report.Text, Summary: "import app: no"}))
	for _, accept := range []string{"", "\nAccept: */*", "\nAccept: application/json"} {
		r, body := ask("GET / HTTP/1.1\nHost: 127.0.0.1" + accept)
		if want := report.Text + "\nimport app: no\n"; r.StatusCode != 500 || body != want ||
			r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q: got %d %v and %q, want %q", accept, r.StatusCode, r.Header, body, want)
		}
	}
}

func TestOnlyNamesOfThisMachineSeeAReport(t *testing.T) {
	ask := serve(t, (&Pages{}).Handler(report))
	for host, shown := range map[string]bool{
		"localhost": true, "LocalHost:80": true, "my.localhost:8000": true, "127.0.0.1": true, "127.8.0.1:1": true,
		"shop.test": true, "a.example:1": true, "test": true, "[::1]": true, "[::1]:8000": true,
		"example.org": false, "test.org": false, "shop.test.": false, "localhost.example.org": false, "10.0.0.1": false, "127.0.0.1.example.org": false, "0.0.0.0": false,
	} {
		for _, accept := range []string{"text/html", "*/*"} {
			r, body := ask("GET / HTTP/1.1\nHost: " + host + "\nAccept: " + accept)
			if got := strings.Contains(body, "ValueError"); r.StatusCode != 500 || got != shown {
				t.Errorf("Host %s, Accept %s: got %d, shown %t, want %t", host, accept, r.StatusCode, got, shown)
			}
		}
	}
}

func TestAPageOfARequestThatChangesThingsDoesNotLoadAgain(t *testing.T) {
	ask := serve(t, (&Pages{Generation: "17"}).Handler(report))
	if _, body := ask("POST / HTTP/1.1\nHost: localhost\nContent-Length: 0\nAccept: text/html"); !strings.Contains(body, "ValueError") || strings.Contains(body, "<script nonce") {
		t.Errorf("got %s", body)
	}
}

func TestAPageHearsOfAnotherWorker(t *testing.T) {
	p := &Pages{Generation: "17"}
	var log bytes.Buffer
	lines := &Lines{To: &log}
	ask := serve(t, p.Handler(report), lines.Filter, p.Filter)
	if r, body := ask("GET " + GenerationPath + " HTTP/1.1\nHost: localhost"); r.StatusCode != 200 || body != "17" {
		t.Errorf("got %d and %q", r.StatusCode, body)
	}
	if log.Len() > 0 {
		t.Errorf("logged %q", &log)
	}
}

// answers is a handler that a test writes.
type answers func(x *httpserver.Exchange)

// Handle implements httpserver.Handler.
func (f answers) Handle(x *httpserver.Exchange) { f(x) }

// lineReader has a test read what is written.
type lineReader chan string

// Write implements io.Writer.
func (l lineReader) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestEachRequestIsALine(t *testing.T) {
	log := make(lineReader, 1)
	lines := &Lines{To: log}
	ask := serve(t, answers(func(x *httpserver.Exchange) {
		switch string(x.Path) {
		case "/stream":
			_ = x.Start(&httpserver.Head{Status: 404})
			_ = x.Write([]byte("no"))
			_ = x.Finish(nil)
		case "/cut":
			x.Abort()
		case "/bad":
			_ = x.Respond(&httpserver.Head{Status: 200, Fields: []httpserver.Field{field("a b", "")}}, nil)
			_ = x.Respond(&httpserver.Head{Status: 500}, nil)
		default:
			_ = x.Respond(&httpserver.Head{Status: 200}, nil)
		}
	}), lines.Filter)
	for _, c := range []struct{ path, want string }{
		{"/a?b=c", "GET /a?b=c 200 "},
		{"/stream", "GET /stream 404 "},
		{"/cut", "GET /cut --- "},
		{"/bad", "GET /bad 500 "},
		{"/\xc2\x9b31m", "GET /?31m 200 "},
		{"/" + strings.Repeat("x", 300), "GET /" + strings.Repeat("x", 199) + "... 200 "},
	} {
		ask("GET " + c.path + " HTTP/1.1\nHost: localhost\nConnection: close")
		got := <-log
		if !strings.HasPrefix(got, c.want) || !strings.Contains(got, " ms") || strings.Count(got, "\n") != 1 || strings.Contains(got, "\x1b") {
			t.Errorf("%s: got %q, want %q", c.path, got, c.want)
		}
	}
}

func TestColoursTellTheClassesOfStatuses(t *testing.T) {
	for status, want := range map[int]string{0: "\x1b[31m---", 200: "\x1b[32m200", 304: "\x1b[36m304", 404: "\x1b[33m404", 500: "\x1b[31m500", 799: "\x1b[31m799"} {
		var log bytes.Buffer
		(&Lines{To: &log, Colour: true}).write("GET", "/", status, 0, "")
		if !strings.Contains(log.String(), want+"\x1b[0m") {
			t.Errorf("%d: got %q, want %q", status, &log, want)
		}
	}
}

func TestMarksOutsideOfTheLineAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		text       string
		start, end int
		want       lineView
	}{
		{"ab cd", 0, 2, lineView{1, true, "", "ab", " cd"}},
		{"ab cd", 3, 99, lineView{1, true, "ab ", "cd", ""}},
		{"ab cd", 9, 99, lineView{1, true, "ab cd", "", ""}},
		{"ab cd", -1, 2, lineView{1, true, "ab cd", "", ""}},
		{"ab cd", 2, 2, lineView{1, true, "ab cd", "", ""}},
		{"  ab cd", 2, 7, lineView{1, true, "  ab cd", "", ""}},
		{"\u00e9\u00e9\u00e9 x", 1, 3, lineView{1, true, "\u00e9\u00e9\u00e9 x", "", ""}},
	} {
		if got := lineOf(Frame{Line: 1, Start: c.start, End: c.end}, 1, c.text); got != c.want {
			t.Errorf("%q[%d:%d]: got %+v, want %+v", c.text, c.start, c.end, got, c.want)
		}
	}
}
