// handshake.go is what a connection has to settle before its first request: TLS, or who the client of a proxy is. It happens
// on the long road, on the goroutine of the connection, so that nobody waits for a client that takes its time. What goes on
// without it, as behind a proxy, changes to the short road then.

package httpserver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"time"
)

// Handshaker is a connection that has to settle something before its first request, as a *tls.Conn does. The engine calls
// Handshake once, with deadlines set that end [Config.HeadTimeout] later, and asks for the addresses afterwards.
type Handshaker interface{ Handshake() error }

var _ Handshaker = (*tls.Conn)(nil)

// Prefixed is a connection that is a bare socket once Handshake has returned.
type Prefixed interface {
	Handshaker
	// Bare returns the socket, and what was read from it of what comes behind the handshake. The engine uses the socket
	// from then on.
	Bare() (net.Conn, []byte)
}

// PrefixedListener is a listener whose connections are Prefixed: they take the short road, where [Config.Open] is set.
type PrefixedListener interface {
	net.Listener
	// Prefixed does nothing.
	Prefixed()
}

// Certified is what a *tls.Conn may stand on, if somebody wants to know which certificate the server has shown.
type Certified interface {
	// Certificate returns it; nil: none, as when the client goes on with an earlier session.
	Certificate() *x509.Certificate
}

// TLS is what was settled for an encrypted connection. The exchanges of a connection share one.
type TLS struct {
	tls.ConnectionState
	// Certificate is what the server has shown; nil: not known.
	Certificate *x509.Certificate

	once sync.Once
	memo any
}

// Memo returns what was made by the first call: a handler's own, made once for each connection.
func (t *TLS) Memo(make func(*TLS) any) any {
	t.once.Do(func() { t.memo = make(t) })
	return t.memo
}

// shake has the connection settle what it must, and reports whether to go on.
func (c *longConn) shake() bool {
	if h, ok := c.nc.(Handshaker); ok {
		c.awaitShake()
		err := h.Handshake()
		if err != nil {
			c.unshaken(err)
			return false
		}
		c.shaken()
	}
	if secure, ok := c.nc.(*tls.Conn); ok {
		c.scheme, c.tls = "https", newTLS(secure)
	}
	c.remote, c.local = netAddrPort(c.nc.RemoteAddr()), netAddrPort(c.nc.LocalAddr())
	return true
}

// unwrap goes on with the socket of a connection whose handshake is over and behind it. It reports whether it goes on on the
// short road.
func (c *longConn) unwrap() bool {
	p, ok := c.nc.(Prefixed)
	if !ok {
		return false
	}
	nc, early := p.Bare()
	c.in = append(c.in, early...)
	c.mu.Lock()
	c.nc = nc // with the deadlines it has
	c.mu.Unlock()
	c.home = c.s.anyLoop(nc)
	return c.goHome()
}

func (c *longConn) awaitShake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = true // no request has begun
	if !c.cut {
		c.nc.SetDeadline(time.Now().Add(c.patience()))
	}
}

func (c *longConn) shaken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = false
	if !c.cut {
		c.nc.SetDeadline(time.Time{})
	}
}

// unshaken ends a connection that did not get as far as a request.
func (c *longConn) unshaken(err error) {
	c.s.c.Logger.Debug("handshake failed", "client", c.nc.RemoteAddr(), "error", err)
	// Whoever speaks HTTP to a port for HTTPS can be told, in the clear.
	if clear, ok := errors.AsType[tls.RecordHeaderError](err); ok && clear.Conn != nil && token(clear.RecordHeader[:3]) {
		c.mu.Lock()
		c.nc = clear.Conn
		c.mu.Unlock()
		c.refuse(refuseClear)
		return
	}
	c.sever()
}

func newTLS(c *tls.Conn) *TLS {
	t := &TLS{ConnectionState: c.ConnectionState()}
	if known, ok := c.NetConn().(Certified); ok {
		t.Certificate = known.Certificate()
	}
	return t
}

// tlsPiece is how much is written to a TLS connection under one deadline: a record. After a write that was not done in time
// no other is possible, however much the client has taken.
const tlsPiece = 16 << 10

// bare returns the socket beneath nc.
func bare(nc net.Conn) net.Conn {
	for {
		above, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nc
		}
		nc = above.NetConn()
	}
}

// sever closes the socket. A TLS connection is not told so: its client cannot take what it has for everything.
func (c *longConn) sever() {
	if _, ok := c.nc.(*tls.Conn); ok {
		bare(c.nc).Close()
	}
}
