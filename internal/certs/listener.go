package certs

// Connections that know which certificate they were shown.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// Listen returns a listener whose connections are TLS on those of l. Accepting waits for no
// handshake: that happens with the first read or write, or when Handshake is called.
func (k *Keeper) Listen(l net.Listener) net.Listener { return &listener{l, k.outer} }

type listener struct {
	net.Listener
	config *tls.Config
}

// Accept returns a *tls.Conn that stands on a *Conn.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(&Conn{Conn: c}, l.config), nil
}

// SetDeadline ends Accept at t, if the listener below can do that.
func (l *listener) SetDeadline(t time.Time) error {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return errors.ErrUnsupported
}

// Conn is what a TLS connection of a Listener stands on.
type Conn struct {
	net.Conn
	shown atomic.Pointer[x509.Certificate]
}

// Certificate returns the certificate that was shown; nil: none, as when the client goes on
// with an earlier session.
func (c *Conn) Certificate() *x509.Certificate { return c.shown.Load() }

// NetConn returns what c stands on.
func (c *Conn) NetConn() net.Conn { return c.Conn }
