// pools.go is about the services that workers use: what their pools hold and count.

package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Pool is what a worker says of its connections to one service.
type Pool struct {
	// Service is the kind, "postgres", Name the name in puff.toml, Server the URL
	// without its password, "" where there is not one.
	Service string `json:"service"`
	Name    string `json:"name"`
	Server  string `json:"server,omitempty"`

	// Connections are those that are open, by state; Size is the most, 0: no such limit.
	Connections map[string]int `json:"connections"`
	Size        int            `json:"size,omitempty"`
	// Waiting is how many callers wait for a connection.
	Waiting int `json:"waiting"`
	// Subscriptions are the topics of pub/sub that somebody listens to.
	Subscriptions int `json:"subscriptions,omitempty"`
	// DownSince is since when the service can not be reached, Why the reason; zero: it can.
	DownSince time.Time `json:"down_since,omitzero"`
	Why       string    `json:"why,omitempty"`

	PoolCounts
}

// PoolCounts are what a pool counts.
type PoolCounts struct {
	// Calls counts statements, commands, requests, messages published; CallTime is how
	// long they took.
	Calls    uint64        `json:"calls"`
	CallTime time.Duration `json:"call_time_ns"`
	// Errors counts what went wrong, by kind: "down", "lost", "timeout", "refused" and so on.
	Errors map[string]uint64 `json:"errors,omitempty"`
	// Connects counts connections that were made, Reconnects those in the place of one
	// that was lost.
	Connects   uint64 `json:"connects"`
	Reconnects uint64 `json:"reconnects"`
	// Waits counts callers that had to wait for a connection, WaitTime is what they
	// waited, Timeouts counts those that did in vain.
	Waits    uint64        `json:"waits"`
	WaitTime time.Duration `json:"wait_time_ns"`
	Timeouts uint64        `json:"wait_timeouts"`
	// Received counts messages that came for subscriptions, Dropped those that a
	// receiver had no room for.
	Received uint64 `json:"received,omitempty"`
	Dropped  uint64 `json:"dropped,omitempty"`
}

// add adds counts.
func (c *PoolCounts) add(o *PoolCounts) {
	c.Calls += o.Calls
	c.CallTime += o.CallTime
	c.Connects += o.Connects
	c.Reconnects += o.Reconnects
	c.Waits += o.Waits
	c.WaitTime += o.WaitTime
	c.Timeouts += o.Timeouts
	c.Received += o.Received
	c.Dropped += o.Dropped
	if c.Errors == nil {
		c.Errors = make(map[string]uint64)
	}
	for kind, n := range o.Errors {
		c.Errors[kind] += n
	}
}

// id names a pool in all workers.
func (p *Pool) id() string { return p.Service + " " + p.Name }

// poolOf returns the pool of r that is p's, a new one if there is none.
func (r *Report) poolOf(p *Pool) *Pool {
	i, found := slices.BinarySearchFunc(r.Pools, p, func(a Pool, b *Pool) int { return cmp.Compare(a.id(), b.id()) })
	if !found {
		r.Pools = slices.Insert(r.Pools, i, Pool{Service: p.Service, Name: p.Name, Connections: make(map[string]int)})
	}
	return &r.Pools[i]
}

// join adds how the pools of o are at the moment, whose counts are added already.
func (r *Report) join(o *Report) {
	for i := range o.Pools {
		from := &o.Pools[i]
		to := r.poolOf(from)
		for state, n := range from.Connections {
			to.Connections[state] += n
		}
		to.Size += from.Size
		to.Waiting += from.Waiting
		to.Subscriptions += from.Subscriptions
		to.Server = cmp.Or(from.Server, to.Server)
		if !from.DownSince.IsZero() && (to.DownSince.IsZero() || from.DownSince.Before(to.DownSince)) {
			to.DownSince, to.Why = from.DownSince, from.Why
		}
	}
}

// down lists the services that a worker can not reach, a line each.
func (r *Report) down() (lines []string) {
	for _, p := range r.Pools {
		if !p.DownSince.IsZero() {
			lines = append(lines, fmt.Sprintf("%s %s at %s: down since %s: %s",
				p.Service, p.Name, p.Server, p.DownSince.Local().Format(time.DateTime), p.Why))
		}
	}
	return lines
}

// errors is how much went wrong.
func (p *Pool) errors() (n uint64) {
	for c := range maps.Values(p.Errors) {
		n += c
	}
	return n
}
