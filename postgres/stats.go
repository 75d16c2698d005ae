package postgres

// What a pool counts, for who watches it.

import (
	"sync/atomic"
	"time"
)

// Stats tell what a pool has done and holds.
type Stats struct {
	// Size is the most connections, Open those there are or are being made; of these
	// InUse are somebody's and Idle nobody's. Listening ones come on top.
	Size, Open, Idle, InUse, Listening int
	// Waiting is how many callers wait for a connection now.
	Waiting int

	// The others count since the beginning.

	// Acquired counts connections that were handed out, Waited those that somebody had
	// to wait for, TimedOut who waited in vain; WaitTime is what all of them waited.
	Acquired, Waited, TimedOut int64
	WaitTime                   time.Duration
	// Shared counts statements that went to the server together with others.
	Shared int64
	// Dialed counts connections that were made, Reconnected those among them in the
	// place of one that was lost, Failed attempts that came to nothing.
	Dialed, Reconnected, Failed int64
	// Queries counts statements, QueryTime is how long they took, planning included.
	Queries   int64
	QueryTime time.Duration
	// Refused counts statements that the server objected to, Lost connections that broke.
	Refused, Lost int64

	// Server is the URL without the password; "" while nobody knows it.
	Server string
	// DownSince is since when the server can not be reached, Why the last reason; zero: it can.
	DownSince time.Time
	Why       string
}

// counters are of the connections of a pool, or of those without one.
type counters struct {
	queries, refused, lost atomic.Int64
	took                   atomic.Int64 // nanoseconds
}

// ran notes a number of statements that began then.
func (c *counters) ran(n int, began time.Time) {
	c.queries.Add(int64(n))
	c.took.Add(int64(time.Since(began)))
}

// add puts them into s.
func (c *counters) add(s *Stats) {
	s.Queries, s.QueryTime = c.queries.Load(), time.Duration(c.took.Load())
	s.Refused, s.Lost = c.refused.Load(), c.lost.Load()
}

// Stats returns what the pool has done and holds.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	p.count.add(&s)
	s.Size, s.Open, s.Idle, s.InUse = p.config.Size, p.open, len(p.idle), len(p.held)
	s.Waiting, s.Listening = len(p.waiting), len(p.listeners)
	s.Server, s.DownSince = p.server, p.since
	if p.why != nil {
		s.Why = p.why.Error()
	}
	return s
}
