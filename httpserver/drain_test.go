package httpserver

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// shutdown starts a Shutdown and returns its result to be.
func (s *site) shutdown(ctx context.Context) chan error {
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	return done
}

// draining waits until the server has begun to drain.
func (s *site) draining(t *testing.T) {
	t.Helper()
	until(t, "the listener to be closed", func() bool {
		nc, err := net.Dial("tcp", s.addr)
		if err == nil {
			nc.Close()
		}
		return err != nil
	})
}

func TestShutdownWaitsForRequestsThatHaveBegun(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		respond := make(chan func(), 1)
		s := open(t, Config{DrainGrace: time.Millisecond}, func(x *Exchange, do func(func())) {
			respond <- func() { do(func() { x.Respond(&Head{Status: 200}, nil) }) }
		})
		inFlight, halfSent := s.dial(t), s.dial(t)
		inFlight.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		first := receive(t, "the handler", respond)
		halfSent.send("GET / HTTP/1.1\r\nHost")
		until(t, "the connections to be there", func() bool { return s.Stats().Connections == 2 })
		done := s.shutdown(t.Context())
		s.draining(t)
		first()
		if got := inFlight.answer("GET"); got.StatusCode != 200 || !got.Close {
			t.Errorf("got %d, close %t, want 200 and close", got.StatusCode, got.Close)
		}
		inFlight.ended()
		inFlight.Close()
		halfSent.send(": a\r\n\r\n")
		select {
		case second := <-respond:
			second()
			if got := halfSent.answer("GET"); got.StatusCode != 200 || !got.Close {
				t.Errorf("got %d, close %t, want 200 and close", got.StatusCode, got.Close)
			}
		case err := <-done:
			// The head was not read before the drain began: then the connection was idle, and its grace short.
			done <- err
		}
		halfSent.Close()
		if err := receive(t, "Shutdown", done); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
	})
}

func TestIdleConnectionsMayBeginOneMoreRequestWhileDraining(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{DrainGrace: time.Hour}, hello)
		var idle []*client
		for range 10 {
			c := s.dial(t)
			c.get("/")
			idle = append(idle, c)
		}
		fresh := s.dial(t)
		until(t, "the connections to be there", func() bool { return s.Stats().Connections == 11 })
		done := s.shutdown(t.Context())
		s.draining(t)
		for _, c := range append(idle, fresh) {
			if got := c.get("/last"); got.body != "/last" || !got.Close {
				t.Errorf("got %q, close %t, want the answer and close", got.body, got.Close)
			}
			c.ended()
			c.Close()
		}
		if err := receive(t, "Shutdown", done); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
	})
}

func TestIdleConnectionsAreClosedAfterTheirGrace(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{DrainGrace: time.Millisecond}, hello)
		c, fresh := s.dial(t), s.dial(t)
		c.get("/")
		until(t, "the connections to be there", func() bool { return s.Stats().Connections == 2 })
		done := s.shutdown(t.Context())
		c.ended()
		fresh.ended()
		if err := receive(t, "Shutdown", done); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
	})
}

func TestShutdownCutsWhatIsLeftWhenItsContextEnds(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w, handled := newWatcher(), make(chan bool, 10)
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = told(func(x *Exchange, err error) { x.Abort(); w.closed <- err })
			switch string(x.Path) {
			case "/started":
				x.Start(&Head{Status: 200})
				x.Write(make([]byte, 20<<20))
			case "/body":
				x.Pull()
			}
			handled <- true
		})
		for _, in := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /started HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"} {
			s.dial(t).send(in)
			receive(t, "the handler", handled)
		}
		idle, half := s.dial(t), s.dial(t)
		half.send("GET / HTTP/1.1\r\n")
		until(t, "the connections to be there", func() bool { return s.Stats().Connections == 5 })
		ctx, cancel := context.WithCancel(t.Context())
		done := s.shutdown(ctx)
		s.draining(t)
		cancel()
		if err := receive(t, "Shutdown", done); err != context.Canceled {
			t.Errorf("Shutdown returned %v", err)
		}
		for range 3 {
			if err := receive(t, "the end", w.closed); !errors.Is(err, ErrServerClosed) {
				t.Errorf("got %v, want %v", err, ErrServerClosed)
			}
		}
		idle.ended()
		half.ended()
	})
}

func TestTheEndOfServesContextCutsEverything(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w, handled := newWatcher(), make(chan bool, 1)
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = told(func(x *Exchange, err error) { x.Abort(); w.closed <- err })
			handled <- true
		})
		c := s.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		receive(t, "the handler", handled)
		s.stop()
		if err := receive(t, "the end", w.closed); err != ErrServerClosed {
			t.Errorf("got %v, want %v", err, ErrServerClosed)
		}
		c.ended()
	})
}

func TestNoRequestIsLostWhileDraining(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		var served atomic.Int64
		s := open(t, Config{DrainGrace: time.Hour}, func(x *Exchange, do func(func())) {
			served.Add(1)
			hello(x, do)
		})
		const n = 30
		errs := make(chan error, n)
		var clients []*client
		for range n {
			clients = append(clients, s.dial(t))
		}
		for _, c := range clients {
			go func() {
				for {
					c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
					if got := c.answer("GET"); got.StatusCode != 200 || got.err != nil {
						errs <- errors.New(got.Status)
						return
					} else if got.Close {
						c.Close()
						errs <- nil
						return
					}
				}
			}()
		}
		until(t, "some requests", func() bool { return served.Load() > 10*n })
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
		for range n {
			if err := receive(t, "a client", errs); err != nil {
				t.Errorf("a client got %v", err)
			}
		}
	})
}

func TestShutdownBeforeServe(t *testing.T) {
	s := New(Config{Handler: direct(hello)})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
	if err := s.Serve(t.Context()); err == nil {
		t.Error("Serve after Shutdown returned no error")
	}
}

func TestConnectionsBeyondTheLimitWait(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{MaxConnections: 2}, hello)
		var clients []*client
		for range 5 {
			c := s.dial(t)
			c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			clients = append(clients, c)
		}
		for _, c := range clients {
			checkBody(t, c.answer("GET"), 200, "/")
			if n := s.Stats().Connections; n > 2 {
				t.Errorf("got %d connections, want 2", n)
			}
			c.Close()
		}
	})
}

func TestFailingSourcesEndServe(t *testing.T) {
	if !haveLoops {
		t.Skip("no short road")
	}
	checkLeaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	s := New(Config{Handler: direct(hello), Open: func() (Source, error) { return nil, broken }})
	if err := s.Serve(t.Context(), ln); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestSeveralLoopsShareAListener(t *testing.T) {
	if !haveLoops {
		t.Skip("no short road")
	}
	checkLeaks(t)
	s := openSite(t, onShort(Config{Loops: 3}, hello))
	repeated(t, func(t *testing.T) {
		c := s.dial(t)
		defer c.Close()
		for range 10 {
			checkBody(t, c.get("/"), 200, "/")
		}
	})
	if n := s.Stats().Requests; n < 510 {
		until(t, "the count", func() bool { return s.Stats().Requests == 510 })
	}
}

func TestUnixSocketsHaveNoAddresses(t *testing.T) {
	roadsAt(t, func(t *testing.T, configure configurer) {
		path := t.TempDir() + "/socket"
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		s := serveOn(t, configure(Config{}, func(x *Exchange, do func(func())) {
			if x.Remote.IsValid() || x.Local.IsValid() {
				t.Errorf("got addresses %v and %v, want none", x.Remote, x.Local)
			}
			echo(x, do)
		}), ln)
		nc, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, nc)
		checkBody(t, c.get("/"), 200, "")
		body := strings.Repeat("x", 100_000)
		go c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body)
		checkBody(t, c.answer("POST"), 200, body)
		checkBody(t, c.get("/"), 200, "")
		c.Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
}
