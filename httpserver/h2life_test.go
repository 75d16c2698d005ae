package httpserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// selfSigned returns a certificate for 127.0.0.1, made for the test.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestHTTP2IsChosenByALPN(t *testing.T) {
	checkLeaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, NextProtos: []string{"h2", "http/1.1"}}
	s := serveOn(t, onLong(Config{}, func(x *Exchange, do func(func())) {
		if x.Scheme != "https" {
			t.Errorf("got scheme %q, want https", x.Scheme)
		}
		echo(x, do)
	}), tls.NewListener(ln, config))
	for _, want := range []int{2, 1} {
		tr := &http.Transport{ForceAttemptHTTP2: want == 2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		if want == 1 {
			tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		body := strings.Repeat("x", 300_000)
		client := &http.Client{Transport: tr, Timeout: patience}
		res, err := client.Post("https://"+s.addr, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		tr.CloseIdleConnections()
		if res.ProtoMajor != want || string(got) != body || err != nil {
			t.Errorf("got %s, %d bytes, %v; want HTTP/%d and %d bytes", res.Proto, len(got), err, want, len(body))
		}
	}
}

// A client that never ends its handshake holds nothing but its connection, and not for long.
func TestHandshakesHaveADeadline(t *testing.T) {
	checkLeaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	s := serveOn(t, onLong(Config{HeadTimeout: 50 * time.Millisecond}, hello), tls.NewListener(ln, config))
	s.dial(t).ended()
}

func TestHTTP2DrainServesWhatHasBegunAndWhatIsOnItsWay(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		var mu sync.Mutex
		var answer func()
		waiting := make(chan struct{}, 1)
		s := open(t, Config{DrainGrace: 100 * time.Millisecond}, func(x *Exchange, do func(func())) {
			if string(x.Path) == "/slow" {
				mu.Lock()
				defer mu.Unlock()
				answer = func() { do(func() { x.Respond(&Head{Status: 200}, nil) }) }
				waiting <- struct{}{}
				return
			}
			hello(x, do)
		})
		c := s.dialH2(t)
		c.request(1, true, get("/slow")...)
		receive(t, "the request", waiting)
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(context.Background()) }()
		first, ok := c.next().(*http2.GoAwayFrame)
		if !ok || first.LastStreamID != 1<<31-1 || first.ErrCode != http2.ErrCodeNo {
			t.Fatalf("got %v, want GOAWAY without a last stream", first)
		}
		c.request(3, true, get("/late")...)
		if got := c.status(3); got != "200" {
			t.Errorf("got %s for a request that was on its way, want 200", got)
		}
		last, ok := c.next().(*http2.GoAwayFrame)
		if !ok || last.LastStreamID != 3 {
			t.Fatalf("got %v, want GOAWAY with stream 3", last)
		}
		c.request(5, true, get("/too-late")...)
		mu.Lock()
		answer()
		mu.Unlock()
		if got := c.status(1); got != "200" {
			t.Errorf("got %s for the request that had begun, want 200", got)
		}
		if _, err := c.ReadFrame(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v after the last answer, want the end", err)
		}
		c.Close()
		if err := receive(t, "the server to stop", done); err != nil {
			t.Error(err)
		}
	})
}

func TestHTTP2ShutdownWithoutGraceTellsEveryHandler(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		waiting := make(chan struct{}, 10)
		s := open(t, Config{}, func(x *Exchange, _ func(func())) {
			x.Peer = aborter{w}
			waiting <- struct{}{}
		})
		c := s.dialH2(t)
		for id := uint32(1); id < 20; id += 2 {
			c.request(id, true, get("/")...)
		}
		for range 10 {
			receive(t, "the requests", waiting)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown returned %v, want that it was cut short", err)
		}
		for range 10 {
			if err := receive(t, "the handlers to hear", w.closed); !errors.Is(err, ErrServerClosed) {
				t.Errorf("got %v, want ErrServerClosed", err)
			}
		}
	})
}

// aborter is a watcher that ends the exchange when it is told to.
type aborter struct{ *watcher }

func (a aborter) Closed(x *Exchange, err error) {
	x.Abort()
	a.watcher.Closed(x, err)
}

func TestHTTP2ResetsAreToldToTheHandlerAndSpareTheOthers(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		waiting := make(chan struct{}, 1)
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			if string(x.Path) == "/" {
				hello(x, do)
				return
			}
			x.Peer = aborter{w}
			do(func() {
				x.Start(&Head{Status: 200})
				waiting <- struct{}{}
			})
		})
		c := s.dialH2(t)
		c.request(1, true, get("/wait")...)
		receive(t, "the request", waiting)
		c.head(1)
		c.WriteRSTStream(1, http2.ErrCodeCancel)
		if err := receive(t, "the handler to hear", w.closed); !errors.Is(err, errReset) {
			t.Errorf("got %v, want that the stream was reset", err)
		}
		c.request(3, true, get("/")...)
		if got := c.status(3); got != "200" {
			t.Errorf("got %s for the next stream, want 200", got)
		}
		// And when the client hangs up.
		c.request(5, true, get("/wait")...)
		receive(t, "the request", waiting)
		c.Close()
		receive(t, "the handler to hear", w.closed)
	})
}

func TestHTTP2AbortsResetTheStreamAndSpareTheOthers(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			switch string(x.Path) {
			case "/abort":
				do(x.Abort)
			case "/cut":
				do(func() {
					x.Start(&Head{Status: 200})
					x.Abort()
				})
			case "/short":
				do(func() {
					x.Start(&Head{Status: 200, Fields: []Field{field("Content-Length", "10")}})
					x.Write([]byte("five!"))
					x.Finish(nil)
				})
			default:
				hello(x, do)
			}
		})
		c := s.dialH2(t)
		c.request(1, true, get("/abort")...)
		c.reset(1, http2.ErrCodeInternal)
		c.request(3, true, get("/cut")...)
		c.head(3)
		c.reset(3, http2.ErrCodeInternal)
		c.request(5, true, get("/short")...)
		c.head(5)
		if d, ok := c.next().(*http2.DataFrame); !ok || string(d.Data()) != "five!" || d.StreamEnded() {
			t.Errorf("got %v, want five bytes and no end", d)
		}
		c.reset(5, http2.ErrCodeInternal)
		c.request(7, true, get("/")...)
		if got := c.status(7); got != "200" {
			t.Errorf("got %s for the next stream, want 200", got)
		}
	})
}

func TestHTTP2TimeoutsEndWhatIsLate(t *testing.T) {
	const short = 40 * time.Millisecond
	roads(t, func(t *testing.T, open opener) {
		pull := func(x *Exchange, do func(func())) {
			if x.Complete {
				hello(x, do)
				return
			}
			x.Peer = &gatherer{}
			do(x.Pull)
		}
		// The client says no settings, or does not acknowledge those of the server, or leaves a head incomplete.
		s := open(t, Config{HeadTimeout: short}, pull)
		nc := s.dial(t)
		nc.send(http2.ClientPreface)
		c := &rawH2{Conn: nc, Framer: http2.NewFramer(nc, nc), t: t}
		c.ends(http2.ErrCodeSettingsTimeout)
		s.dialH2(t).ends(http2.ErrCodeSettingsTimeout)
		c = s.dialH2(t)
		c.WriteSettingsAck()
		c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(get("/")...)})
		c.ends(http2.ErrCodeEnhanceYourCalm)

		// It sends nothing more of a body.
		s = open(t, Config{BodyTimeout: short}, pull)
		c = s.dialH2(t)
		c.request(1, false, post("/")...)
		c.WriteData(1, false, []byte("some"))
		if got := c.status(1); got != "408" {
			t.Errorf("got %s for a body that does not end, want 408", got)
		}

		// It has nothing to ask.
		s = open(t, Config{IdleTimeout: short}, pull)
		c = s.dialH2(t)
		c.request(1, true, get("/")...)
		if got := c.status(1); got != "200" {
			t.Errorf("got %s, want 200", got)
		}
		c.ends(http2.ErrCodeNo)
	})
}

func TestHTTP2ConnectionsCarryAsManyRequestsAsTheyMay(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{MaxRequestsPerConn: 2}, hello)
		c := s.dialH2(t)
		c.request(1, true, get("/")...)
		if got := c.status(1); got != "200" {
			t.Errorf("got %s, want 200", got)
		}
		c.request(3, true, get("/")...)
		c.request(5, true, get("/")...)
		if g, ok := c.next().(*http2.GoAwayFrame); !ok || g.LastStreamID != 3 || g.ErrCode != http2.ErrCodeNo {
			t.Errorf("got %v, want GOAWAY with stream 3", g)
		}
		if got := c.status(3); got != "200" {
			t.Errorf("got %s, want 200", got)
		}
		if _, err := c.ReadFrame(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want the end", err)
		}
	})
}

func TestHTTP2CarriesAHundredRequestsAtATime(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, echo)
		client := h2Client(t)
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				for j := range 5 {
					want := strings.Repeat(fmt.Sprint(i, j, " "), 1+i*j*100)
					res, err := client.Post("http://"+s.addr, "text/plain", strings.NewReader(want))
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(res.Body)
					res.Body.Close()
					if string(got) != want || err != nil {
						t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
					}
				}
			})
		}
		group.Wait()
		if got := s.Stats(); got.Requests != 500 || got.InFlight != 0 {
			t.Errorf("got %+v, want 500 requests and none under way", got)
		}
	})
}

func TestHTTP2AsksForABodyThatIsExpected(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, echo)
		c := s.dialH2(t)
		c.request(1, false, append(post("/"), "expect", "100-continue", "content-length", "4")...)
		// echo begins its answer before it asks, so there is nothing to wait for.
		if fields, _ := c.head(1); fields[":status"] != "200" {
			t.Errorf("got %v, want 200", fields)
		}
		s = open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = &gatherer{}
			do(x.Pull)
		})
		c = s.dialH2(t)
		c.request(1, false, append(post("/"), "expect", "100-continue", "content-length", "4")...)
		if fields, ended := c.head(1); fields[":status"] != "100" || ended {
			t.Errorf("got %v, want 100", fields)
		}
		c.WriteData(1, true, []byte("body"))
		if fields, _ := c.head(1); fields[":status"] != "200" {
			t.Errorf("got %v, want 200", fields)
		}
	})
}

// gatherer answers with the whole body.
type gatherer struct{ body []byte }

func (p *gatherer) Body(x *Exchange, b []byte, last bool) {
	p.body = append(p.body, b...)
	if last {
		x.Respond(&Head{Status: 200}, p.body)
		return
	}
	x.Pull()
}

func (p *gatherer) Written(*Exchange, int)      {}
func (p *gatherer) Closed(x *Exchange, _ error) { x.Abort() }

// What the client of an extended CONNECT sends is content, and so is what it gets.
func TestHTTP2StreamsTurnToOtherProtocols(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{WebSocket: true}, func(x *Exchange, do func(func())) {
			if string(x.Protocol) != "websocket" || string(x.Method) != "CONNECT" || string(x.Path) != "/chat" || x.Complete {
				t.Errorf("got %s %s for %q, complete %t", x.Method, x.Path, x.Protocol, x.Complete)
			}
			x.Peer = &echoPeer{}
			do(func() {
				x.Start(&Head{Status: 101, Fields: []Field{field("Sec-WebSocket-Protocol", "chat")}})
				x.Pull()
			})
		})
		c := s.dialH2(t)
		c.request(1, false, append([]string{":protocol", "websocket", ":method", "CONNECT"}, get("/chat")[2:]...)...)
		if fields, ended := c.head(1); fields[":status"] != "200" || fields["sec-websocket-protocol"] != "chat" || ended {
			t.Errorf("got %v, want 200 and an open stream", fields)
		}
		for _, p := range []string{"one", "two"} {
			c.WriteData(1, false, []byte(p))
			if d, ok := c.next().(*http2.DataFrame); !ok || string(d.Data()) != p {
				t.Errorf("got %v, want %s", d, p)
			}
		}
		c.WriteData(1, true, nil)
		if d, ok := c.next().(*http2.DataFrame); !ok || !d.StreamEnded() {
			t.Errorf("got %v, want the end", d)
		}
	})
}

func TestHTTP2ShutdownCutsTurnedStreamsWithTheirFarewell(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		w := newWatcher()
		s := open(t, Config{WebSocket: true}, turn(func() Peer { return w }, "farewell"))
		c := s.dialH2(t)
		c.request(1, false, append([]string{":protocol", "websocket", ":method", "CONNECT"}, get("/chat")[2:]...)...)
		if fields, _ := c.head(1); fields[":status"] != "200" {
			t.Fatalf("got %v, want 200", fields)
		}
		ctx, cut := context.WithCancel(t.Context())
		done := s.shutdown(ctx)
		if _, ok := c.next().(*http2.GoAwayFrame); !ok {
			t.Fatal("the client was not asked to leave")
		}
		c.WriteData(1, false, []byte("still here"))
		if got := receive(t, "a piece", w.body); got != "still here" {
			t.Errorf("got %q while draining", got)
		}
		cut()
		if d, ok := c.next().(*http2.DataFrame); !ok || string(d.Data()) != "farewell" || !d.StreamEnded() {
			t.Errorf("got %v, want the farewell and the end", d)
		}
		if err := receive(t, "Closed", w.closed); !errors.Is(err, ErrServerClosed) {
			t.Errorf("Closed was told %v", err)
		}
		if err := receive(t, "Shutdown", done); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown returned %v", err)
		}
	})
}
