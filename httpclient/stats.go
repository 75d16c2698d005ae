// stats.go counts what a client does, for who watches it.

package httpclient

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// kinds is how many kinds of errors there are.
const kinds = int(KindCancelled) + 1

type counters struct {
	requests, inFlight atomic.Int64
	took               atomic.Int64 // nanoseconds
	errors             [kinds]atomic.Uint64
	open, dialed       atomic.Int64
	failed             atomic.Int64
}

// Stats tells what a Client has done and holds.
type Stats struct {
	// Requests counts those that were sent, one that was redirected or tried again once;
	// RequestTime is how long they took until the head of their answer was there.
	Requests    int64
	RequestTime time.Duration
	// InFlight are the requests whose head has not come.
	InFlight int
	// Errors counts requests without an answer by what failed.
	Errors [kinds]uint64
	// Connections are those that are open, Dialed counts those that were made, Failed
	// attempts that came to nothing.
	Connections    int
	Dialed, Failed int64
}

// Stats returns what the client has done and holds.
func (c *Client) Stats() Stats {
	n := &c.count
	s := Stats{
		Requests: n.requests.Load(), RequestTime: time.Duration(n.took.Load()), InFlight: int(n.inFlight.Load()),
		Connections: int(n.open.Load()), Dialed: n.dialed.Load(), Failed: n.failed.Load(),
	}
	for i := range s.Errors {
		s.Errors[i] = n.errors[i].Load()
	}
	return s
}

// began notes a request, and returns when that was.
func (n *counters) began() time.Time {
	n.requests.Add(1)
	n.inFlight.Add(1)
	return time.Now()
}

// over notes how a request ended.
func (n *counters) over(began time.Time, err error) {
	n.inFlight.Add(-1)
	n.took.Add(int64(time.Since(began)))
	if e, ok := err.(*Error); ok {
		n.errors[e.Kind].Add(1)
	}
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
