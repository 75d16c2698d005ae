package redis

// Connecting: while a server is away attempts are rare, and those between them fail at
// once with what the last one found.

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	firstPause = 20 * time.Millisecond // before the next attempt at a server that is away
	mostPause  = time.Second
)

// dialer makes the connections of a client. The library dials once for each command
// that finds none.
type dialer struct {
	count *counters

	mu   sync.Mutex
	away map[string]*absence // by address
}

// absence is a server that was not there.
type absence struct {
	err   error
	pause time.Duration
	next  time.Time // the next attempt
}

// dial connects to an address.
func (d *dialer) dial(ctx context.Context, address string, by *net.Dialer, secure *tls.Config) (net.Conn, error) {
	if err := d.absent(address); err != nil {
		return nil, err
	}
	network := "tcp"
	if strings.Contains(address, "/") {
		network = "unix"
	}
	conn, err := by.DialContext(ctx, network, address)
	if err != nil {
		d.count.failed.Add(1)
		if ctx.Err() == nil {
			d.missed(address, err)
		}
		return nil, err
	}
	d.mu.Lock()
	delete(d.away, address)
	d.mu.Unlock()
	before := d.count.dialed.Add(1) - 1
	if d.count.open.Add(1) == 1 && before > 0 {
		d.count.reconnected.Add(1)
	}
	counted := &counted{Conn: conn, count: d.count}
	if secure == nil || network == "unix" {
		return counted, nil
	}
	if secure.ServerName == "" && !secure.InsecureSkipVerify {
		secure = secure.Clone()
		secure.ServerName, _, _ = net.SplitHostPort(address)
	}
	client := tls.Client(counted, secure)
	limit := ctx
	if by.Timeout > 0 {
		var cancel context.CancelFunc
		limit, cancel = context.WithTimeout(ctx, by.Timeout)
		defer cancel()
	}
	if err := client.HandshakeContext(limit); err != nil {
		counted.Close()
		d.count.failed.Add(1)
		return nil, err
	}
	return client, nil
}

// absent returns why there is no use in trying now, nil if there is.
func (d *dialer) absent(address string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.away[address]; a != nil && time.Now().Before(a.next) {
		return a.err
	}
	return nil
}

// missed notes that nobody was there.
func (d *dialer) missed(address string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.away[address]
	if a == nil {
		a = &absence{}
		if d.away == nil {
			d.away = map[string]*absence{}
		}
		d.away[address] = a
	}
	a.err, a.pause = err, min(max(2*a.pause, firstPause), mostPause)
	a.next = time.Now().Add(a.pause)
}

// counted is a connection that is counted while it is open.
type counted struct {
	net.Conn
	count *counters
	once  sync.Once
}

// Close closes the connection.
func (c *counted) Close() error {
	c.once.Do(func() { c.count.open.Add(-1) })
	return c.Conn.Close()
}
