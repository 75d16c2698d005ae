package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. No test passes by waiting so long.
const patience = 20 * time.Second

// script is a handler of a test. do calls a function where methods of x may be called.
type script func(x *Exchange, do func(func()))

// opener starts a server on one of the roads.
type opener func(t *testing.T, c Config, h script) *site

// roads runs test once on each road. Each run must leave as many goroutines and descriptors as it found.
func roads(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	roadsAt(t, func(t *testing.T, configure configurer) {
		test(t, func(t *testing.T, c Config, h script) *site {
			t.Helper()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return serveOn(t, configure(c, h), ln)
		})
	})
}

// configurer makes c serve with h on one of the roads.
type configurer func(c Config, h script) Config

// roadsAt is roads for tests that bring their own listener.
func roadsAt(t *testing.T, test func(t *testing.T, configure configurer)) {
	t.Helper()
	t.Run("long", func(t *testing.T) {
		checkLeaks(t)
		test(t, onLong)
	})
	if !haveLoops {
		return
	}
	t.Run("short", func(t *testing.T) {
		checkLeaks(t)
		test(t, onShort)
	})
}

func onLong(c Config, h script) Config {
	c.Handler = direct(h)
	return c
}

func onShort(c Config, h script) Config {
	c.Handler = direct(h)
	c.Open = shortOpen(h)
	return c
}

func checkLeaks(t *testing.T) {
	t.Helper()
	// The runtime opens descriptors of its own for the first listener.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ended := until(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
		until(t, "the descriptors to be closed", func() bool { return openFiles(t) <= files })
		if !ended {
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(names)
}

// until polls for what has no event to wait for.
func until(t *testing.T, what string, done func() bool) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Errorf("gave up waiting for %s", what)
			return false
		}
	}
	return true
}

// site is a running server.
type site struct {
	*Server
	addr string
	log  *logBuffer
	stop context.CancelFunc
	err  chan error
}

type direct script

func (h direct) Handle(x *Exchange) { h(x, func(f func()) { f() }) }

func openSite(t *testing.T, c Config) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, c, ln)
}

func serveOn(t *testing.T, c Config, ln net.Listener) *site {
	t.Helper()
	log := &logBuffer{}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &site{Server: New(c), addr: ln.Addr().String(), log: log, stop: stop, err: make(chan error, 1)}
	go func() { s.err <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-s.err; err != nil {
			t.Errorf("Serve returned %v", err)
		}
		s.err <- nil
	})
	return s
}

// logBuffer is a log one may read.
type logBuffer struct {
	mu sync.Mutex

	b bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// client is a raw connection to a site.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (s *site) dial(t *testing.T) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, nc)
}

func newClient(t *testing.T, nc net.Conn) *client {
	nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	return &client{nc, t, bufio.NewReader(nc)}
}

// send sends s. That the server has closed the connection meanwhile is no fault of the test.
func (c *client) send(s string) {
	c.t.Helper()
	io.WriteString(c.Conn, s)
}

// reply is an answer, read to its end.
type reply struct {
	*http.Response
	body string
	err  error // of the body
}

// answer reads an answer to a request of the given method.
func (c *client) answer(method string) reply {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("read answer: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	return reply{res, string(body), err}
}

// ended checks that nothing more comes.
func (c *client) ended() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if len(rest) > 0 || isTimeout(err) {
		c.t.Errorf("got %q, %v after the last answer, want the end", rest, err)
	}
}

// get sends a request without a body and reads the answer.
func (c *client) get(path string) reply {
	c.t.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n")
	return c.answer("GET")
}

// hello answers every request with its path.
func hello(x *Exchange, _ func(func())) {
	x.Respond(&Head{Status: 200}, x.Path)
}

// field makes a Field of strings.
func field(name, value string) Field { return Field{[]byte(name), []byte(value)} }

// echo answers with the body of the request, in pieces as it arrives, within the window it is given.
func echo(x *Exchange, do func(func())) {
	if x.Complete {
		x.Respond(&Head{Status: 200}, x.Body)
		return
	}
	x.Peer = &echoPeer{}
	do(func() {
		x.Start(&Head{Status: 200})
		x.Pull()
	})
}

type echoPeer struct{ last bool }

func (p *echoPeer) Body(x *Exchange, b []byte, last bool) {
	p.last = last
	x.Write(b)
	if last {
		x.Finish(nil)
		return
	}
	if len(b) == 0 {
		x.Pull()
	}
}

func (p *echoPeer) Written(x *Exchange, n int) {
	if !p.last {
		x.Pull()
	}
}

func (p *echoPeer) Closed(x *Exchange, err error) { x.Abort() }

// watcher is a Peer that passes on what it is told.
type watcher struct {
	written chan int
	body    chan string
	last    chan bool
	closed  chan error
}

func newWatcher() *watcher {
	return &watcher{make(chan int, 1000), make(chan string, 1000), make(chan bool, 1000), make(chan error, 1000)}
}

func (w *watcher) Written(_ *Exchange, n int) { w.written <- n }

func (w *watcher) Body(_ *Exchange, p []byte, last bool) {
	w.body <- string(p)
	w.last <- last
}

func (w *watcher) Closed(_ *Exchange, err error) { w.closed <- err }

// receive waits for a value.
func receive[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("gave up waiting for %s", what)
	}
	return v
}

// repeated runs test once, and fifty times in parallel.
func repeated(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	test(t)
	if t.Failed() {
		return
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { test(t) })
	}
	group.Wait()
}

func isReset(err error) bool {
	return err != nil && (errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "reset"))
}
