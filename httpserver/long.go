// long.go is the long road: a goroutine that owns a connection and reads requests from it with blocking calls. Next:
// longturn.go for what it does while a request is being answered, longanswer.go for what the handler does meanwhile.

package httpserver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// longConn is a connection on the long road. Its goroutine owns what stands above the mutex.
type longConn struct {
	s             *Server
	nc            net.Conn
	home          *loop // where it goes between requests; nil: nowhere
	scheme        string
	tls           *TLS // nil: not encrypted
	remote, local netip.AddrPort
	served        int

	in    []byte // in[off:] was read and not used
	off   int
	scan  scan
	head  int  // length of a head that stands at in[off:]
	body  body // the body that belongs to it
	ready int  // bytes of content that stand at in[off+head:]
	eof   bool // the client has closed its side
	asked bool // the client wants the connection closed

	mu   sync.Mutex
	wake sync.Cond // the goroutine waits for its handler

	x         *Exchange // nil when the handler ended it or was told that it is dead
	out       outbox
	credit    int // bytes of body that were dropped instead of sent
	fate      fate
	aborted   bool
	untilEnd  bool  // the answer ends with the connection
	unread    int64 // of the body: 0 none, negative: unknown
	expecting bool  // the client waits for 100 Continue
	pulled    bool  // the handler asked for body
	drawn     bool  // it has done so at least once
	told      bool  // the handler was given the last of it
	watching  bool  // the handler wants to know when the client hangs up
	turned    bool  // it speaks another protocol
	reading   bool  // the goroutine is in Read and may be interrupted
	poked     bool  // it was
	idle      bool  // it waits for a request
	draining  bool
	cut       bool
	posted    []func() // to be called by the goroutine
	gone      bool     // it will call nothing any more
	stamp     stamp
	h2        *h2Long // the connection speaks HTTP/2
}

func newLongConn(s *Server, nc net.Conn) *longConn {
	c := &longConn{s: s, nc: nc, scheme: "http", stamp: *newStamp(&s.c)}
	c.wake.L = &c.mu
	return c
}

func netAddrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// serve serves the connection until it ends or goes back to its loop.
func (c *longConn) serve() {
	if !c.s.register(c) {
		c.close()
		return
	}
	defer c.s.unregister(c)
	defer c.leave()
	if c.home == nil {
		if !c.shake() {
			c.close()
			return
		}
		if c.unwrap() {
			return
		}
	}
	isH2, ok := c.greet()
	if isH2 {
		c.newH2("").serve(func() {})
	}
	if isH2 || !ok {
		c.close()
		return
	}
	for {
		x := c.next()
		if x == nil || x.framing.h2c && c.upgradeH2(x) || !c.answer(x) {
			c.close()
			return
		}
		if c.goHome() {
			return
		}
	}
}

// leave has nothing posted any more. What was is called: it finds that its exchange is over.
func (c *longConn) leave() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	c.call()
}

func (c *longConn) close() {
	c.nc.Close()
	c.s.gate.leave()
}

// next reads the next head. It returns nil if there is none to answer.
func (c *longConn) next() *Exchange {
	x := &Exchange{Request: Request{Scheme: c.scheme, TLS: c.tls, Remote: c.remote, Local: c.local}}
	if c.head > 0 {
		// The short road has read it, and perhaps some of its body, which the scan does not go as far as.
		var again scan
		again.head(c.in[c.off:], &c.s.c, x)
		return x
	}
	var deadline time.Time
	for {
		var r *refusal
		if c.head, r = c.scan.head(c.in[c.off:], &c.s.c, x); r != nil {
			c.refuse(r)
			return nil
		}
		if c.head > 0 {
			break
		}
		begun := len(c.in) > c.off
		if begun && deadline.IsZero() {
			deadline = time.Now().Add(c.s.c.HeadTimeout)
		}
		if !c.readHead(begun, deadline) {
			return nil
		}
	}
	c.scan = scan{}
	c.body = newBody(x)
	content, used, r := c.body.take(c.in[c.off+c.head:], &c.s.c)
	if r != nil {
		c.refuse(r)
		return nil
	}
	raw := c.in[c.off+c.head:]
	c.in = append(c.in[:c.off+c.head+content], raw[used:]...)
	c.ready = content
	return x
}

// readHead reads more of a head and reports whether to go on.
func (c *longConn) readHead(begun bool, deadline time.Time) bool {
	if c.off > 0 {
		c.in = c.in[:copy(c.in, c.in[c.off:])]
		c.off = 0
	}
	if len(c.in) == cap(c.in) {
		c.in = append(make([]byte, 0, max(4<<10, 2*cap(c.in))), c.in...)
	}
	n, err := c.readSome(begun, deadline)
	c.in = c.in[:len(c.in)+n]
	switch {
	case n > 0:
		return true
	case !begun || !isTimeout(err) && !isEnd(err):
		return false
	case isTimeout(err):
		c.refuse(refuseSlowHead)
	default:
		c.refuse(refuseEarlyEnd)
	}
	return false
}

// readSome reads behind in. While no request has begun the deadline is that of an idle connection.
func (c *longConn) readSome(begun bool, deadline time.Time) (int, error) {
	c.mu.Lock()
	c.idle = !begun
	if !begun {
		deadline = time.Now().Add(c.patience())
	}
	c.setReadDeadline(deadline)
	c.mu.Unlock()
	free := c.in[len(c.in):cap(c.in)]
	n, err := c.nc.Read(free)
	if n == 0 && !begun && isTimeout(err) {
		// A request that came in at the last moment is served.
		c.mu.Lock()
		c.setReadDeadline(time.Now().Add(time.Millisecond))
		c.mu.Unlock()
		n, err = c.nc.Read(free)
	}
	c.mu.Lock()
	c.idle = false
	c.mu.Unlock()
	return n, err
}

// patience is how long to wait for a request to begin.
func (c *longConn) patience() time.Duration {
	switch {
	case c.draining:
		return c.s.drainGrace()
	case c.served == 0:
		return c.s.c.HeadTimeout
	}
	return c.s.c.IdleTimeout
}

// setReadDeadline is called with the lock held, so that no deadline replaces the one by which stop ends a read.
func (c *longConn) setReadDeadline(t time.Time) {
	if c.cut {
		return
	}
	c.nc.SetReadDeadline(t)
	if c.tls != nil {
		// TLS may have to answer what it reads.
		if !t.IsZero() {
			t = t.Add(c.s.c.WriteTimeout)
		}
		c.nc.SetWriteDeadline(t)
	}
}

// past is a deadline that ends a read which is under way.
var past = time.Unix(1, 0)

// drain lets the connection finish what it does, or a moment to begin something.
func (c *longConn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if c.h2 != nil {
		c.h2.drain()
		return
	}
	if c.idle {
		c.setReadDeadline(time.Now().Add(c.s.drainGrace()))
	}
}

// stop ends the connection wherever it is.
func (c *longConn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	c.nc.SetDeadline(past)
	if c.h2 != nil {
		c.nc.SetWriteDeadline(time.Now().Add(farewellTime))
		c.h2.stop()
	}
	c.wake.Signal()
}

// refuse answers a request that is not served, and closes.
func (c *longConn) refuse(r *refusal) {
	c.mu.Lock()
	c.stamp.at(time.Now())
	b := appendRefusal(nil, r, &c.stamp)
	c.mu.Unlock()
	for len(b) > 0 {
		n, err := c.put(b)
		if err != nil {
			return
		}
		b = b[n:]
	}
	c.linger()
}

// linger lets the client read the last answer. Closing with unread bytes would reset the connection before it has.
func (c *longConn) linger() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.discard(lingerReads*scratchSize, lingerTime)
}

// discard reads and forgets up to n bytes, for at most d.
func (c *longConn) discard(n int, d time.Duration) {
	c.mu.Lock()
	c.setReadDeadline(time.Now().Add(d))
	c.mu.Unlock()
	b := c.s.pieces.take()
	defer c.s.pieces.give(b)
	for n > 0 {
		k, err := c.nc.Read(*b)
		if err != nil {
			return
		}
		n -= k
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// piecePool holds buffers for a piece of a body. Without it each piece would be allocated (BenchmarkUpload: 1 MB takes
// 0.2 ms with it and 1.1 ms without).
type piecePool struct{ pool sync.Pool }

func (p *piecePool) take() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, scratchSize)
	return &b
}

func (p *piecePool) give(b *[]byte) { p.pool.Put(b) }
