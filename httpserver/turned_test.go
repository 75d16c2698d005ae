package httpserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"

// parrot says back whatever it hears, one piece at a time, until the client ends.
type parrot struct {
	unsent int
	last   bool
}

func (p *parrot) Body(x *Exchange, b []byte, last bool) {
	p.last = last
	p.unsent += len(b)
	x.Write(b)
	if last && p.unsent == 0 {
		x.Finish(nil)
	}
}

func (p *parrot) Written(x *Exchange, n int) {
	if p.unsent -= n; p.unsent > 0 {
		return
	}
	if p.last {
		x.Finish(nil)
		return
	}
	x.Pull()
}

func (p *parrot) Closed(x *Exchange, _ error) { x.Abort() }

// turn agrees to every request for another protocol.
func turn(peer func() Peer, farewell string) script {
	return func(x *Exchange, do func(func())) {
		if x.Protocol == nil {
			hello(x, do)
			return
		}
		x.Peer = peer()
		x.Farewell = []byte(farewell)
		do(func() {
			x.Start(&Head{Status: 101, Fields: []Field{field("X-Own", "1")}})
			x.Pull()
		})
	}
}

func echoing() Peer { return &parrot{} }

// turned reads the answer that turns a connection.
func (c *client) turned() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil || res.StatusCode != 101 {
		c.t.Fatalf("got %v, %v, want the status 101", res, err)
	}
	return res
}

func TestConnectionsTurnToBytesBothWays(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{WebSocket: true}, turn(echoing, ""))
		repeated(t, func(t *testing.T) {
			c := s.dial(t)
			c.send(upgrade + "early")
			if res := c.turned(); res.Header.Get("Upgrade") != "websocket" || res.Header.Get("Connection") != "Upgrade" ||
				res.Header.Get("X-Own") != "1" || res.Header.Get("Content-Length") != "" || len(res.TransferEncoding) > 0 {
				t.Errorf("got the fields %v", res.Header)
			}
			want := "early"
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c.r, got); err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
			big := strings.Repeat("0123456789abcdef", 20<<10)
			go func() {
				c.send(big)
				c.Conn.(interface{ CloseWrite() error }).CloseWrite()
			}()
			all, err := io.ReadAll(c.r)
			if err != nil || string(all) != big {
				t.Errorf("got %d bytes, %v, want %d", len(all), err, len(big))
			}
		})
	})
}

func TestRequestsForAnotherProtocolAreOrdinaryUnlessTheyKeepTheRules(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: a\r\n"
	roads(t, func(t *testing.T, open opener) {
		for _, c := range []struct {
			name, in string
			allowed  bool
			want     int
		}{
			{"a good one", get + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", true, 101},
			{"among others", get + "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n\r\n", true, 101},
			{"not allowed", get + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", false, 200},
			{"no Connection", get + "Upgrade: websocket\r\n\r\n", true, 200},
			{"no Upgrade", get + "Connection: upgrade\r\n\r\n", true, 200},
			{"another protocol", get + "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", true, 200},
			{"another method", "POST" + get[3:] + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", true, 200},
			{"a body", get + "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx", true, 200},
			{"HTTP/1.0", "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", true, 200},
		} {
			s := open(t, Config{WebSocket: c.allowed}, turn(echoing, ""))
			conn := s.dial(t)
			conn.send(c.in)
			res, err := http.ReadResponse(conn.r, nil)
			if err != nil || res.StatusCode != c.want {
				t.Errorf("%s: got %v, %v, want %d", c.name, res, err, c.want)
			}
			conn.Close()
		}
	})
}

func TestStatus101NeedsARequestForIt(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		errs := make(chan error, 2)
		s := open(t, Config{WebSocket: true}, func(x *Exchange, do func(func())) {
			asked := x.Protocol != nil
			do(func() {
				h := Head{Status: 101}
				if asked {
					h.Fields = []Field{field("Content-Length", "1")}
				}
				errs <- x.Start(&h)
				x.Respond(&Head{Status: 200}, nil)
			})
		})
		c := s.dial(t)
		c.get("/")
		c.send(upgrade)
		c.answer("GET")
		for range 2 {
			if _, ok := errors.AsType[*HeadError](receive(t, "the error", errs)); !ok {
				t.Error("Start with the status 101 gave no HeadError")
			}
		}
	})
}

func TestShutdownLeavesTurnedConnectionsUntilItCutsThemWithTheirFarewell(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		s := open(t, Config{WebSocket: true}, turn(func() Peer { return w }, "farewell"))
		c := s.dial(t)
		c.send(upgrade)
		c.turned()
		ctx, cut := context.WithCancel(t.Context())
		done := s.shutdown(ctx)
		s.draining(t)
		c.send("still here")
		if got := receive(t, "a piece", w.body); got != "still here" {
			t.Errorf("got %q while draining", got)
		}
		cut()
		if got, err := io.ReadAll(c.r); string(got) != "farewell" || err != nil {
			t.Errorf("got %q, %v, want the farewell", got, err)
		}
		if err := receive(t, "Closed", w.closed); !errors.Is(err, ErrServerClosed) {
			t.Errorf("Closed was told %v", err)
		}
		if err := receive(t, "Shutdown", done); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown returned %v", err)
		}
	})
}

type ticking struct {
	*watcher
	ticks chan struct{}
}

func (p ticking) Tick(*Exchange) {
	select {
	case p.ticks <- struct{}{}:
	default:
	}
}

func TestTurnedConnectionsTickAlsoAfterTheyWrote(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		p := ticking{newWatcher(), make(chan struct{}, 1)}
		write := make(chan func(), 1)
		s := open(t, Config{WebSocket: true, TickInterval: time.Millisecond}, func(x *Exchange, do func(func())) {
			x.Peer = p
			write <- func() { do(func() { x.Write([]byte("x")) }) }
			do(func() {
				x.Start(&Head{Status: 101})
				x.Pull()
			})
		})
		c := s.dial(t)
		c.send(upgrade)
		c.turned()
		for range 3 {
			receive(t, "a tick", p.ticks)
		}
		receive(t, "the handler", write)()
		if n := receive(t, "Written", p.written); n != 1 {
			t.Errorf("Written was told %d bytes, want 1", n)
		}
		for range 3 {
			receive(t, "a tick", p.ticks)
		}
	})
}

func TestTurnedConnectionsTellWhenTheClientBreaksOrDoesNotRead(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		s := open(t, Config{WebSocket: true, WriteTimeout: 10 * time.Millisecond}, func(x *Exchange, do func(func())) {
			x.Peer = w
			flood := string(x.Path) == "/flood"
			do(func() {
				x.Start(&Head{Status: 101})
				if flood {
					x.Write(make([]byte, 64<<20))
				} else {
					x.Pull()
				}
			})
		})
		broken := s.dial(t)
		broken.send(upgrade)
		broken.turned()
		broken.Conn.(interface{ SetLinger(int) error }).SetLinger(0)
		broken.Close()
		if err := receive(t, "Closed", w.closed); errors.Is(err, ErrServerClosed) {
			t.Errorf("Closed was told %v", err)
		}
		deaf := s.dial(t)
		deaf.send(strings.Replace(upgrade, "/ws", "/flood", 1))
		deaf.turned()
		if err := receive(t, "Closed", w.closed); !errors.Is(err, errSlowClient) {
			t.Errorf("Closed was told %v, want %v", err, errSlowClient)
		}
		until(t, "the connections to be gone", func() bool { return s.Stats().Connections == 0 })
	})
}
