package redis

import (
	"context"
	"sync/atomic"
	"time"
)

// counters are what a client counts.
type counters struct {
	commands, refused, unreached, lost, late atomic.Uint64
	took                                     atomic.Int64 // nanoseconds

	open, dialed, reconnected, failed atomic.Int64 // connections

	waited, timedOut atomic.Uint64 // for a place
	waitTime         atomic.Int64  // nanoseconds
}

// ran notes how long a trip took that began then.
func (c *counters) ran(began time.Time) { c.took.Add(int64(time.Since(began))) }

// Stats tells what a Client has done and holds.
type Stats struct {
	// Commands counts what was sent, CommandTime is how long it took, without commands
	// that wait by their nature.
	Commands    uint64
	CommandTime time.Duration
	// Errors counts what was not answered: Unreached before it was sent, Late in time,
	// Lost since the connection broke. Refused is what Redis answered with an error.
	Errors, Unreached, Late, Lost, Refused uint64
	// Connections are those there are; of them Held and Waiting are the ones that
	// transactions and commands that wait use now, the others serve everybody.
	Connections, Held, Waiting int
	// Dialed counts connections that were made, Reconnected how often there was none
	// any more, Failed attempts that came to nothing.
	Dialed, Reconnected, Failed int64
	// Waited counts who had to wait for a connection of their own, TimedOut who did in
	// vain, WaitTime is what all of them waited.
	Waited, TimedOut uint64
	WaitTime         time.Duration
	// Open: the client has been used.
	Open bool
	// DownSince is since when the service can not be reached, Why the last reason;
	// zero: it can.
	DownSince time.Time
	Why       string
	// URL is what it was last opened with, without its password.
	URL string
}

// Stats returns what the client has done and holds.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &c.count
	s := Stats{
		Commands: n.commands.Load(), CommandTime: time.Duration(n.took.Load()),
		Unreached: n.unreached.Load(), Late: n.late.Load(), Lost: n.lost.Load(), Refused: n.refused.Load(),
		Connections: int(n.open.Load()), Held: len(c.held.room), Waiting: len(c.waits.room),
		Dialed: n.dialed.Load(), Reconnected: n.reconnected.Load(), Failed: n.failed.Load(),
		Waited: n.waited.Load(), TimedOut: n.timedOut.Load(), WaitTime: time.Duration(n.waitTime.Load()),
		Open: c.link.Load() != nil, DownSince: c.down, URL: Redact(c.url),
	}
	s.Errors = s.Unreached + s.Late + s.Lost
	if !c.down.IsZero() && c.why != nil {
		s.Why = reason(c.why)
	}
	return s
}

// Ping asks the service whether it is there.
func (c *Client) Ping(ctx context.Context) error {
	reply, err := c.Do(ctx, []string{"PING"})
	if err != nil {
		return err
	}
	return reply.Err()
}
