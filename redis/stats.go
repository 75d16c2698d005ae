package redis

import (
	"context"
	"sync/atomic"
	"time"
)

type counters struct {
	commands, errors atomic.Uint64
}

// Stats tells what a Client has done and holds.
type Stats struct {
	// Commands counts what was sent, Errors what was not answered.
	Commands, Errors uint64
	// Held and Waiting are the connections that transactions and commands that wait use now.
	Held, Waiting int
	// Open: the client has been used.
	Open bool
	// DownSince is since when the service can not be reached; zero: it can.
	DownSince time.Time
	// URL is what it was last opened with, without its password.
	URL string
}

// Stats returns what the client has done and holds.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Commands: c.count.commands.Load(), Errors: c.count.errors.Load(),
		Held: len(c.held), Waiting: len(c.waits),
		Open: c.link.Load() != nil, DownSince: c.down, URL: Redact(c.url),
	}
}

// Ping asks the service whether it is there.
func (c *Client) Ping(ctx context.Context) error {
	reply, err := c.Do(ctx, []string{"PING"})
	if err != nil {
		return err
	}
	return reply.Err()
}
