package httpserver

import (
	"io"
	"net"
	"strings"
	"testing"
)

func TestAHandlerThatWatchesIsToldWhenTheClientIsGone(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w, handled, errs := newWatcher(), make(chan bool, 1), make(chan error, 3)
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = told(func(x *Exchange, err error) {
				errs <- x.Start(&Head{Status: 200})
				errs <- x.Write(nil)
				errs <- x.Respond(&Head{Status: 200}, nil)
				w.closed <- err
			})
			do(x.Pull)
			handled <- true
		})
		for range 10 {
			c := s.dial(t)
			c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			receive(t, "the handler", handled)
			c.Close()
			if err := receive(t, "the end", w.closed); err == nil {
				t.Error("got no error")
			}
			for range 3 {
				if err := <-errs; err != ErrClosed {
					t.Errorf("got %v, want ErrClosed", err)
				}
			}
		}
		until(t, "the exchanges to be over", func() bool { return s.Stats() == Stats{Requests: 10} })
	})
}

// told is a Peer that only listens for the end.
type told func(x *Exchange, err error)

func (told) Written(*Exchange, int)          {}
func (told) Body(*Exchange, []byte, bool)    {}
func (f told) Closed(x *Exchange, err error) { f(x, err) }

func TestAHandlerThatWatchesIsNotToldOfPipelinedRequests(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w, release := newWatcher(), make(chan func(), 10)
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			path := string(x.Path)
			x.Peer = told(func(x *Exchange, err error) { x.Abort(); w.closed <- err })
			do(x.Pull)
			release <- func() { do(func() { x.Respond(&Head{Status: 200}, []byte(path)) }) }
		})
		c := s.dial(t)
		c.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
		first := receive(t, "the handler", release)
		c.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
		c.Conn.(*net.TCPConn).CloseWrite()
		first()
		checkBody(t, c.answer("GET"), 200, "/a")
		// The second is alone: for its handler the client has hung up.
		receive(t, "the end", w.closed)
		c.ended()
	})
}

func TestAHandlerIsToldWhenWritingFails(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = &flood{closed: w.closed}
			x.Start(&Head{Status: 200})
			x.Write(make([]byte, 1000))
		})
		c := s.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		c.r.ReadByte()
		c.Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
		if err := receive(t, "the end", w.closed); err == nil {
			t.Error("got no error")
		}
	})
}

// flood writes more whenever something was written.
type flood struct{ closed chan error }

func (f *flood) Written(x *Exchange, n int)    { x.Write(make([]byte, n)) }
func (f *flood) Body(*Exchange, []byte, bool)  {}
func (f *flood) Closed(x *Exchange, err error) { x.Abort(); f.closed <- err }

func TestAHandlerWithinItsWindowIsStoppedByASlowClient(t *testing.T) {
	const window, total = 100_000, 20_000_000
	roads(t, func(t *testing.T, open opener) {
		for _, piece := range []int{1000, 50_000} {
			p := &windowed{left: total, window: window, piece: piece, stalled: make(chan int, 100000), done: make(chan bool, 1)}
			s := open(t, Config{}, func(x *Exchange, do func(func())) {
				x.Peer = p
				x.Start(&Head{Status: 200})
				p.fill(x)
			})
			c := s.dial(t)
			c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			// The kernel's buffers are smaller than the answer, so the handler must stall before it is done.
			for receive(t, "the handler to stall", p.stalled) < window-piece {
			}
			select {
			case <-p.done:
				t.Error("the handler is done before the client has read anything")
			default:
			}
			if got := c.answer("GET"); len(got.body) != total || got.err != nil {
				t.Errorf("got %d bytes, %v, want %d", len(got.body), got.err, total)
			}
			receive(t, "the handler", p.done)
			if p.told > total || p.told < total-window {
				t.Errorf("told of %d bytes, want at most %d less than %d", p.told, window, total)
			}
		}
	})
}

// windowed writes left bytes, of which never more than window are on their way.
type windowed struct {
	left, window, piece int
	flying, told        int
	stalled             chan int
	done                chan bool
}

func (p *windowed) fill(x *Exchange) {
	for p.left > 0 && p.flying+p.piece <= p.window {
		n := min(p.piece, p.left)
		x.Write(make([]byte, n))
		p.left -= n
		p.flying += n
	}
	if p.left == 0 {
		x.Finish(nil)
		p.done <- true
		p.left = -1
		return
	}
	p.stalled <- p.flying
}

func (p *windowed) Written(x *Exchange, n int) {
	if p.flying -= n; p.flying < 0 {
		panic("told of more than was written")
	}
	p.told += n
	p.fill(x)
}

func (p *windowed) Body(*Exchange, []byte, bool) {}
func (p *windowed) Closed(x *Exchange, _ error)  { x.Abort() }

func TestEachWrittenByteIsToldExactlyOnce(t *testing.T) {
	const total = 300_000
	roads(t, func(t *testing.T, open opener) {
		for _, in := range []string{"GET /?", "HEAD /?", "GET /?1000"} {
			w := newWatcher()
			ended := make(chan *Exchange, 1)
			s := open(t, Config{}, func(x *Exchange, do func(func())) {
				x.Peer = w
				h := &Head{Status: 200}
				if len(x.Query) > 0 {
					h.Fields = []Field{field("Content-Length", string(x.Query))}
				}
				x.Start(h)
				for n := 1; n <= total; n *= 3 {
					x.Write(make([]byte, n))
				}
				ended <- x
			})
			c := s.dial(t)
			c.send(in + " HTTP/1.1\r\nHost: a\r\n\r\n")
			go io.Copy(io.Discard, c.r)
			<-ended
			want := 0
			for n := 1; n <= total; n *= 3 {
				want += n
			}
			for want > 0 {
				want -= receive(t, "the rest", w.written)
			}
			if want < 0 || len(w.written) > 0 {
				t.Errorf("told of %d bytes too much for %q", -want, in)
			}
			c.Close()
			s.stop()
			<-s.err
			s.err <- nil
		}
	})
}

func TestBodyErrorsAreToldAndAnsweredUnlessAnAnswerBegan(t *testing.T) {
	tests := []struct {
		name, head, rest string
		status           int
	}{
		{"a bad chunk", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello", "\r\nx", 400},
		{"an early end", "Content-Length: 10\r\n\r\nhello", "x", 400},
		{"an early end of chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello", "\r\n", 400},
		{"too large a body", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello", "\r\n100\r\n" + strings.Repeat("x", 256), 413},
		{"long trailers", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello", "\r\n0\r\nX: " + strings.Repeat("y", 20<<10), 400},
	}
	roads(t, func(t *testing.T, open opener) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				watchers := make(chan *watcher, 1)
				s := open(t, Config{MaxBody: 200}, func(x *Exchange, do func(func())) {
					if string(x.Path) == "/began" {
						x.Start(&Head{Status: 200})
					}
					x.Peer = &bodyWatcher{<-watchers}
					do(x.Pull)
				})
				for _, path := range []string{"/fresh", "/began"} {
					c, w := s.dial(t), newWatcher()
					watchers <- w
					c.send("POST " + path + " HTTP/1.1\r\nHost: a\r\n" + test.head)
					for got := ""; got != "hello"; {
						got += receive(t, "the first piece", w.body)
					}
					c.send(test.rest)
					c.Conn.(*net.TCPConn).CloseWrite()
					if path == "/fresh" {
						if got := c.answer("POST"); got.StatusCode != test.status || !got.Close {
							t.Errorf("got %d, close %t, want %d", got.StatusCode, got.Close, test.status)
						}
						c.ended()
					} else if rest := receiveRest(c); strings.Contains(rest, "\r\n0\r\n\r\n") || strings.Contains(rest, "HTTP/1.1 4") {
						t.Errorf("got %q, want a cut", rest)
					}
					checkBroken(t, w)
				}
			})
		}
	})
}

// receiveRest reads to the end, however it comes.
func receiveRest(c *client) string {
	var b strings.Builder
	c.r.WriteTo(&b)
	return b.String()
}

// checkBroken checks that a handler was told of an error and of no complete body.
func checkBroken(t *testing.T, w *watcher) {
	t.Helper()
	if err := receive(t, "the error", w.closed); err == nil {
		t.Error("got no error")
	}
	for len(w.last) > 0 {
		if <-w.last {
			t.Error("the body was told to be complete")
		}
	}
}

// bodyWatcher pulls to the end.
type bodyWatcher struct{ *watcher }

func (w *bodyWatcher) Body(x *Exchange, p []byte, last bool) {
	w.watcher.Body(x, p, last)
	x.Pull()
}

func (w *bodyWatcher) Closed(x *Exchange, err error) {
	x.Abort()
	w.watcher.Closed(x, err)
}

func TestAnswersMayBeginBeforeTheBodyEnds(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, echo)
		c := s.dial(t)
		for range 2 {
			c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
			for _, piece := range []string{"one", "two", "three"} {
				c.send(chunked(piece, 100)[:len(piece)+5])
				want := "\r\n" + piece + "\r\n"
				for got := ""; !strings.HasSuffix(got, want); {
					b, err := c.r.ReadByte()
					if err != nil {
						t.Fatalf("got %q, %v before %q", got, err, want)
					}
					got += string(b)
				}
			}
			c.send("0\r\n\r\n")
			for got := ""; !strings.HasSuffix(got, "0\r\n\r\n"); {
				b, err := c.r.ReadByte()
				if err != nil {
					t.Fatal(err)
				}
				got += string(b)
			}
		}
	})
}
