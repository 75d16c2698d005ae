package httpserver

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// holder is a filter that does as its test says before a request reaches the handler.
type holder struct {
	next Handler
	do   func(x *Exchange, next Handler)
}

func (h holder) Handle(x *Exchange) { h.do(x, h.next) }

// holding returns a Config with such a filter.
func holding(do func(x *Exchange, next Handler)) Config {
	return Config{Filters: []Filter{func(next Handler) Handler { return holder{next, do} }}}
}

func TestARequestThatWasKeptCanBeHandledLater(t *testing.T) {
	c := holding(func(x *Exchange, next Handler) {
		x.Keep()
		if !x.Thread().Post(func() { next.Handle(x) }) {
			t.Error("the thread of a request has ended")
		}
	})
	roads(t, func(t *testing.T, open opener) {
		s := open(t, c, func(x *Exchange, do func(func())) {
			if !x.Complete {
				echo(x, do)
				return
			}
			text := string(x.Method) + " " + string(x.Target) + " " + string(x.Path) + " " + string(x.Query) + " " + string(x.Host)
			for _, f := range x.Fields {
				text += " " + string(f.Name) + "=" + string(f.Value)
			}
			x.Respond(&Head{Status: 200}, append([]byte(text+" "), x.Body...))
		})
		repeated(t, func(t *testing.T) {
			client := s.dial(t)
			for range 3 {
				client.send("POST /a?b=c HTTP/1.1\r\nHost: test\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nbody")
				if got, want := client.answer("POST").body, "POST /a?b=c /a b=c test Host=test X-A=1 Content-Length=4 body"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				long := strings.Repeat("x", 100_000)
				client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n" + long)
				if got := client.answer("POST").body; got != long {
					t.Errorf("got %d bytes, want %d", len(got), len(long))
				}
			}
		})
	})
}

func TestAWatchedClientIsMissedWhileNobodyAnswers(t *testing.T) {
	for _, watching := range []bool{true, false} {
		w := newWatcher()
		held := make(chan Thread, 1)
		var x *Exchange
		c := holding(func(held1 *Exchange, next Handler) {
			x = held1
			x.Peer = w
			x.Watch(true)
			if !watching {
				x.Watch(false)
			}
			held <- x.Thread()
		})
		roads(t, func(t *testing.T, open opener) {
			s := open(t, c, hello)
			client := s.dial(t)
			client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			thread := receive(t, "the request", held)
			client.closeWrite()
			if watching {
				if err := receive(t, "the end of the client", w.closed); err == nil {
					t.Error("Closed was told no reason")
				}
				ended := make(chan error, 1)
				onLoop(t, s, func() { ended <- x.Respond(&Head{Status: 200}, nil) })
				if err := receive(t, "the end of the exchange", ended); err != ErrClosed {
					t.Errorf("got %v, want %v", err, ErrClosed)
				}
				return
			}
			thread.Post(func() { x.Respond(&Head{Status: 200}, []byte("all the same")) })
			if got := client.answer("GET").body; got != "all the same" {
				t.Errorf("got %q for a client that only closed its sending side", got)
			}
		})
	}
}

func (c *client) closeWrite() { c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// TestADetachedClientIsAnsweredWithoutItsHandler has a filter answer in the handler's place, before the handler has begun to
// and after.
func TestADetachedClientIsAnsweredWithoutItsHandler(t *testing.T) {
	for _, begun := range []bool{false, true} {
		w := newWatcher()
		type take struct {
			x    *Exchange
			rest Answerer
		}
		taken := make(chan take, 1)
		posts := make(chan func(), 1)
		c := holding(func(x *Exchange, next Handler) {
			if string(x.Path) == "/next" {
				next.Handle(x)
				return
			}
			a := answererOf(x)
			next.Handle(x)
			x.Peer = w
			thread := x.Thread()
			posts <- func() {
				thread.Post(func() {
					y, rest := x.Detach()
					if y == nil {
						t.Error("the exchange was over")
						return
					}
					if begun {
						a.Abort(y)
					} else {
						a.Respond(y, &Head{Status: 503}, []byte("too late"))
					}
					x.Peer.Closed(x, ErrTimeout)
					if again, _ := x.Detach(); again != nil {
						t.Error("an exchange was detached twice")
					}
					taken <- take{x, rest}
				})
			}
		})
		roads(t, func(t *testing.T, open opener) {
			s := open(t, c, func(x *Exchange, _ func(func())) {
				switch {
				case string(x.Path) == "/next":
					x.Respond(&Head{Status: 200}, []byte("next"))
				case begun:
					x.Start(&Head{Status: 200})
					x.Write([]byte("begun"))
				}
			})
			client := s.dial(t)
			client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if begun {
				head := make([]byte, len("HTTP/1.1"))
				if _, err := io.ReadFull(client.r, head); err != nil {
					t.Fatal(err)
				}
			}
			receive(t, "the request", posts)()
			if err := receive(t, "the verdict", w.closed); !errors.Is(err, ErrTimeout) {
				t.Errorf("got %v, want %v", err, ErrTimeout)
			}
			x := receive(t, "the exchange", taken)
			if begun {
				if rest, err := io.ReadAll(client.r); strings.Contains(string(rest), "0\r\n\r\n") {
					t.Errorf("got %q, %v, which has an end", rest, err)
				}
			} else {
				if got := client.answer("GET"); got.StatusCode != 503 || got.body != "too late" {
					t.Errorf("got %d %q", got.StatusCode, got.body)
				}
				// The connection goes on, and the handler of the first request still has its exchange.
				if got := client.get("/next"); got.body != "next" {
					t.Errorf("got %q", got.body)
				}
			}
			ended := make(chan error, 1)
			x.x.Peer = nil
			onLoop(t, s, func() { ended <- x.rest.Respond(x.x, &Head{Status: 200}, []byte("too late")) })
			if err := receive(t, "the end of the exchange", ended); err != ErrClosed {
				t.Errorf("got %v, want %v", err, ErrClosed)
			}
			until(t, "the counts to be right", func() bool { now := s.Stats(); return now.InFlight == 0 })
		})
	}
}

// answererOf returns what takes the calls of x.
func answererOf(x *Exchange) Answerer { return x.answerer() }
