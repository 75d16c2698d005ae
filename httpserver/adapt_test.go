package httpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// adaptedRoads runs test with a net/http handler on each road.
func adaptedRoads(t *testing.T, h http.Handler, test func(t *testing.T, s *site)) {
	t.Helper()
	t.Run("long", func(t *testing.T) {
		checkLeaks(t)
		test(t, openSite(t, Config{Handler: Adapt(h)}))
	})
	if !haveLoops {
		return
	}
	t.Run("short", func(t *testing.T) {
		checkLeaks(t)
		test(t, openSite(t, Config{Handler: Adapt(h), Open: AdaptSource(h)}))
	})
}

// gallery is a handler with something of everything.
func gallery() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Write(body)
	})
	mux.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		b, err := httputil.DumpRequest(r, true)
		fmt.Fprintf(w, "%s\n%v %q %q %d %v %v\n", b, err, r.Host, r.RequestURI, r.ContentLength, r.TransferEncoding, r.Close)
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		for range 100 {
			w.Write([]byte(strings.Repeat("0123456789", 1000)))
		}
	})
	mux.HandleFunc("/flush", func(w http.ResponseWriter, r *http.Request) {
		for _, s := range []string{"a", "b", "c"} {
			io.WriteString(w, s)
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/length", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3")
		w.Header().Add("X", "1")
		w.Header().Add("X", "2")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "abc")
	})
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/notmodified", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotModified) })
	mux.HandleFunc("/empty", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/html", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") })
	mux.HandleFunc("/close", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Connection", "close") })
	mux.HandleFunc("/abort", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/trailer", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "A")
		io.WriteString(w, "body")
		w.Header().Set("A", "1")
		w.Header().Set(http.TrailerPrefix+"B", "2")
	})
	mux.HandleFunc("/unread", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
	return mux
}

// exchanges are requests net/http and this package must answer alike. OPTIONS * is not among them: net/http answers it
// without asking the handler.
var exchanges = []string{
	"GET /request?a=b HTTP/1.1\r\nHost: a:80\r\nX: y\r\nx: z\r\nUser-Agent: t\r\n\r\n",
	"GET http://b/request HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /request HTTP/1.0\r\n\r\n",
	"GET /request HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\n\r\n",
	"GET /request HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
	"POST /request HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
	"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n2\r\nxx\r\n0\r\nT: u\r\n\r\n",
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000),
	"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(strings.Repeat("x", 100000), 999),
	"POST /echo HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody",
	"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
	"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000),
	"GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /big HTTP/1.0\r\n\r\n",
	"GET /flush HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /flush HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"GET /length HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /notmodified HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /empty HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /html HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /close HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /abort HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /trailer HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
}

// transcript sends in and tells what came back. What may differ is left out: Date and Server, and the bytes of errors.
func transcript(t *testing.T, addr, in string) string {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, nc)
	defer c.Close()
	go c.send(in)
	method, _, _ := strings.Cut(in, " ")
	got := c.answer(method)
	for got.StatusCode == http.StatusContinue {
		got = c.answer(method)
	}
	var fields []string
	for name, values := range got.Header {
		if name != "Date" && name != "Server" {
			fields = append(fields, fmt.Sprintf("%s: %q", name, values))
		}
	}
	sort.Strings(fields)
	body := got.body
	if got.StatusCode == http.StatusBadRequest {
		fields, body = nil, ""
	}
	// Where the connection goes on another request is answered.
	next := "closed"
	if !got.Close && got.err == nil {
		c.send("GET /unread HTTP/1.1\r\nHost: a\r\n\r\n")
		next = c.answer("GET").body
	}
	return fmt.Sprintf("%d close %t %q body %q %v trailer %q then %s", got.StatusCode, got.Close, fields, body, got.err,
		got.Trailer, next)
}

func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	h := gallery()
	reference := httptest.NewServer(h)
	defer reference.Close()
	want := make(map[string]string)
	for _, in := range exchanges {
		want[in] = transcript(t, reference.Listener.Addr().String(), in)
	}
	adaptedRoads(t, h, func(t *testing.T, s *site) {
		for _, in := range exchanges {
			name, _, _ := strings.Cut(in, "\r\n")
			t.Run(name, func(t *testing.T) {
				repeated(t, func(t *testing.T) {
					if diff := cmp.Diff(want[in], transcript(t, s.addr, in)); diff != "" {
						t.Errorf("%.200q (-net/http +ours):\n%s", in, diff)
					}
				})
			})
		}
	})
}

func TestAdaptedHandlersHearOfClientsThatGo(t *testing.T) {
	started, ended := make(chan bool), make(chan error)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		<-r.Context().Done()
		ended <- r.Context().Err()
	})
	adaptedRoads(t, h, func(t *testing.T, s *site) {
		c := s.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		receive(t, "the handler", started)
		c.Close()
		if err := receive(t, "the end of its context", ended); err != context.Canceled {
			t.Errorf("got %v", err)
		}
	})
}

func TestAdaptedHandlersWaitForSlowClients(t *testing.T) {
	const total = 50 << 20
	stalled, done := make(chan int, 1), make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		progress := make(chan bool)
		go func() {
			n := 0
			for range progress {
				n++
			}
			stalled <- n
		}()
		for n := 0; n < total; n += 1 << 16 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				close(progress)
				done <- err
				return
			}
			progress <- true
		}
		close(progress)
		done <- nil
	})
	adaptedRoads(t, h, func(t *testing.T, s *site) {
		// One client reads everything, the other nothing: then the handler gets an error, long before it is through.
		c := s.dial(t)
		if got := c.get("/"); len(got.body) != total || got.err != nil {
			t.Errorf("got %d bytes, %v", len(got.body), got.err)
		}
		if err := receive(t, "the handler", done); err != nil {
			t.Errorf("the handler got %v", err)
		}
		receive(t, "the count", stalled)
		lazy := s.dial(t)
		lazy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		lazy.r.ReadByte()
		lazy.Conn.(*net.TCPConn).SetLinger(0)
		lazy.Close()
		if err := receive(t, "the handler", done); err == nil {
			t.Error("the handler got no error")
		}
		if n := receive(t, "the count", stalled); n >= total>>16 {
			t.Errorf("the handler wrote all of its %d pieces", n)
		}
	})
}

func TestAdaptedHandlersMayStreamBothWays(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1000)
		for {
			n, err := r.Body.Read(b)
			w.Write(b[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	})
	adaptedRoads(t, h, func(t *testing.T, s *site) {
		c := s.dial(t)
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		for _, piece := range []string{"one", "two", "three"} {
			c.send(chunked(piece, 100)[:len(piece)+5])
			if err := readUntil(c.r, "\r\n"+piece+"\r\n"); err != nil {
				t.Fatalf("got %v before %q", err, piece)
			}
		}
		c.send("0\r\n\r\n")
		if err := readUntil(c.r, "0\r\n\r\n"); err != nil {
			t.Error(err)
		}
	})
}

// readUntil reads up to and with end.
func readUntil(r *bufio.Reader, end string) error {
	for got := ""; !strings.HasSuffix(got, end); {
		b, err := r.ReadByte()
		if err != nil {
			return fmt.Errorf("%w after %q", err, got)
		}
		got += string(b)
	}
	return nil
}

func TestAdaptedHandlersMaySendHintsAndBreakTheRules(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hints":
			w.Header().Set("Link", "</a>")
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "body")
		case "/invalid":
			w.Header().Set("X\n", "y")
		case "/late":
			go func() {
				<-r.Context().Done()
				w.Write(make([]byte, 10000))
			}()
		case "/split":
			w.Header().Set("X", "a\r\nY: b")
		case "/bare":
			w.WriteHeader(http.StatusNoContent)
			if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(fmt.Sprint("Write returned ", err))
			}
		}
	})
	adaptedRoads(t, h, func(t *testing.T, s *site) {
		c := s.dial(t)
		c.send("GET /hints HTTP/1.1\r\nHost: a\r\n\r\n")
		if got := c.answer("GET"); got.StatusCode != 103 || got.Header.Get("Link") != "</a>" {
			t.Errorf("got %d, %v", got.StatusCode, got.Header)
		}
		checkBody(t, c.answer("GET"), 200, "body")
		if got := c.get("/invalid"); got.StatusCode != 500 {
			t.Errorf("got %d, want 500", got.StatusCode)
		}
		if got := c.get("/split"); got.Header.Get("X") != "a  Y: b" {
			t.Errorf("got %q", got.Header)
		}
		for range 10 {
			checkBody(t, c.get("/late"), 200, "")
		}
		checkBody(t, c.get("/bare"), 204, "")
	})
}

func TestStoppingEndsAdaptedHandlers(t *testing.T) {
	started := make(chan bool)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		io.Copy(io.Discard, r.Body)
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	adaptedRoads(t, h, func(t *testing.T, s *site) {
		for _, in := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"} {
			s.dial(t).send(in)
			receive(t, "the handler", started)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("Shutdown returned %v", err)
		}
	})
}
