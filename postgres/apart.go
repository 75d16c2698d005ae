package postgres

// Connections of no pool: to the servers that callers name themselves.

import (
	"context"
	"sync"
)

// Apart makes connections that belong to no pool, counts them, and ends them. The zero
// Apart is ready for use.
type Apart struct {
	count counters

	mu     sync.Mutex
	closed bool
	conns  map[*Conn]struct{}
	stats  Stats
}

// Dial opens one. Its Release closes it.
func (a *Apart) Dial(ctx context.Context, c Config) (*Conn, error) {
	c = c.filled()
	d, err := newDialer(c)
	if err != nil {
		return nil, err
	}
	d.count = &a.count
	conn, err := d.dial(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.stats.Failed++
		return nil, &DownError{Server: d.server, Hint: c.Hint, Err: err}
	}
	if a.closed {
		conn.close()
		return nil, ErrClosed
	}
	a.stats.Dialed++
	if a.conns == nil {
		a.conns = map[*Conn]struct{}{}
	}
	a.conns[conn] = struct{}{}
	conn.apart = a
	return conn, nil
}

// forget takes a connection off the list; false: it has been ended already.
func (a *Apart) forget(c *Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.conns[c]
	delete(a.conns, c)
	return ok
}

// Stats returns what the connections have done, and how many are in use.
func (a *Apart) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	a.count.add(&s)
	s.Open, s.InUse, s.Acquired = len(a.conns), len(a.conns), a.stats.Dialed
	return s
}

// End closes all of them, in order where ctx leaves the time, and lets none be made.
func (a *Apart) End(ctx context.Context) {
	a.mu.Lock()
	a.closed = true
	conns := a.conns
	a.conns = nil
	a.mu.Unlock()
	var all sync.WaitGroup
	for c := range conns {
		all.Go(func() { c.end(ctx) })
	}
	all.Wait()
}
