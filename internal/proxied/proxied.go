// Package proxied takes connections of which a proxy says who the client is, by the PROXY
// protocol, version 1 or 2.
//
//	listener = proxied.Listen(listener, proxied.Config{From: networks})
//
// The header is required of those who may send one, and anybody else is turned away: who could
// choose would choose an address. It is read with the first use of a connection, or when
// Handshake is called, not by Accept. TLS, where there is any, comes behind it.
package proxied

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
)

// Config says who is believed.
type Config struct {
	// From lists the networks of the proxies. Clients of unix sockets are believed in any case:
	// the permissions of the socket say who they are. Default: nobody else.
	From []netip.Prefix
	// Logger hears of clients that were turned away. Default: silence.
	Logger *slog.Logger
}

// Listen returns a listener for the clients of proxies that connect to l.
func Listen(l net.Listener, c Config) net.Listener {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &listener{Listener: l, config: c}
}

type listener struct {
	net.Listener
	config Config

	warned   time.Time // by Accept only
	unwarned int
}

// Accept returns the next connection of a proxy, a *Conn, and closes those of others.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.believed(c.RemoteAddr()) {
			return &Conn{Conn: c, in: bufio.NewReaderSize(c, maxHeader)}, nil
		}
		l.warn(c.RemoteAddr())
		c.Close()
	}
}

func (l *listener) believed(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return true
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range l.config.From {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// warn logs who was turned away, once a minute: a proxy that is not on the list tries often.
func (l *listener) warn(a net.Addr) {
	const pause = time.Minute
	if now := time.Now(); l.warned.IsZero() || now.Sub(l.warned) > pause {
		l.config.Logger.Warn("a client that may not speak the PROXY protocol was turned away",
			"client", a.String(), "before", l.unwarned)
		l.warned, l.unwarned = now, 0
		return
	}
	l.unwarned++
}

// Prefixed says that the connections are those of the listener below, behind a header.
func (l *listener) Prefixed() {}

// SetDeadline ends Accept at t, if the listener below can do that.
func (l *listener) SetDeadline(t time.Time) error {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return errors.ErrUnsupported
}

// Conn is a connection that begins with a header of the PROXY protocol. Its addresses are those
// of the proxy's connection until the header was read, and those of the header then.
type Conn struct {
	net.Conn
	in     *bufio.Reader // until it is empty
	once   sync.Once
	failed error
	said   atomic.Pointer[addresses]
}

type addresses struct{ remote, local net.Addr }

// Handshake reads the header.
func (c *Conn) Handshake() error {
	c.once.Do(func() {
		said, err := readHeader(c.in)
		if err != nil {
			c.failed = fmt.Errorf("read the header of the PROXY protocol: %w", err)
		}
		c.said.Store(said)
	})
	return c.failed
}

// Read reads what follows the header.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if c.in != nil {
		if c.in.Buffered() > 0 {
			return c.in.Read(p)
		}
		c.in = nil
	}
	return c.Conn.Read(p)
}

// Bare returns the proxy's connection and what was read of it behind the header. Handshake has returned; the addresses are
// still asked of c, and nothing else is.
func (c *Conn) Bare() (net.Conn, []byte) {
	if c.in == nil {
		return c.Conn, nil
	}
	early, _ := c.in.Peek(c.in.Buffered()) // as much as there is
	c.in = nil
	return c.Conn, early
}

// RemoteAddr returns the address of the client.
func (c *Conn) RemoteAddr() net.Addr {
	if said := c.said.Load(); said != nil {
		return said.remote
	}
	return c.Conn.RemoteAddr()
}

// LocalAddr returns the address that the client has connected to.
func (c *Conn) LocalAddr() net.Addr {
	if said := c.said.Load(); said != nil {
		return said.local
	}
	return c.Conn.LocalAddr()
}

// CloseWrite says that no more will be written.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn returns the proxy's connection.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Lengths of headers, of both versions. What comes behind the addresses of version 2 may be
// longer than anybody has a use for.
const (
	maxHeader  = 4 << 10
	minHeader1 = len("PROXY UNKNOWN\r\n")
	maxHeader1 = 107
	fixed2     = 16
)

// readHeader reads the header and nothing more. It returns nil if the header names no addresses
// of TCP or unix sockets: those of the proxy's connection hold then.
func readHeader(in *bufio.Reader) (*addresses, error) {
	n, err := headerLength(in)
	if err != nil {
		return nil, err
	}
	head, err := in.Peek(n)
	if err != nil {
		return nil, err
	}
	if unspecified(head) {
		_, err = in.Discard(n)
		return nil, err
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(head), n))
	if err != nil {
		return nil, err
	}
	if _, err := in.Discard(n); err != nil {
		return nil, err
	}
	if h.Command.IsLocal() {
		return nil, nil
	}
	if remote, local, ok := h.TCPAddrs(); ok {
		return &addresses{remote, local}, nil
	}
	if remote, local, ok := h.UnixAddrs(); ok {
		return &addresses{remote, local}, nil
	}
	return nil, nil
}

// headerLength waits for as much as it takes to know how long the header is. It may come in
// pieces.
func headerLength(in *bufio.Reader) (int, error) {
	start, err := in.Peek(len(proxyproto.SIGV1))
	if err != nil {
		return 0, err
	}
	switch {
	case bytes.Equal(start, proxyproto.SIGV1):
		for n := minHeader1; n <= maxHeader1; n++ {
			head, err := in.Peek(n)
			if err != nil {
				return 0, err
			}
			if head[n-1] == '\n' {
				return n, nil
			}
		}
		return 0, errors.New("its line does not end")
	case bytes.HasPrefix(proxyproto.SIGV2, start):
		head, err := in.Peek(fixed2)
		if err != nil {
			return 0, err
		}
		if n := fixed2 + int(binary.BigEndian.Uint16(head[14:])); n <= maxHeader {
			return n, nil
		}
		return 0, errors.New("it is too long")
	}
	return 0, proxyproto.ErrNoProxyProtocol
}

// unspecified reports whether head is of version 2 and says "proxied", but not for whom.
func unspecified(head []byte) bool {
	return bytes.HasPrefix(head, proxyproto.SIGV2) && head[12] == 0x21 && head[13] == 0
}
