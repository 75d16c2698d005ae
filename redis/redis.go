// Package redis is a client of Redis for callers that are many: what they ask at the
// same time travels together, over few connections.
//
//	c := redis.New(redis.Config{URL: "redis://localhost:6379"})
//	defer c.Close()
//	reply, err := c.Do(ctx, []string{"GET", "answer"})
//
// A client opens when it is first used, and again after Redis was away. Each call ends
// within the command timeout; commands that wait by their nature have a connection each
// and wait as long as they say. A command whose reply was lost is never sent again: the
// [Error] says whether it can have been carried out.
package redis

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Config is what a Client is made of.
type Config struct {
	// Name is what errors call the service. Default: "default".
	Name string
	// URL is the server, see [ParseURL]. Default: redis://localhost:6379.
	URL string
	// Resolve, when there is one, is asked for the URL when the client opens. It may
	// start the server. Default: nil, URL is used.
	Resolve func(ctx context.Context) (string, error)
	// PoolSize is the most connections for transactions that watch keys; what is shared
	// comes on top. Default: 10.
	PoolSize int
	// ConnectTimeout is how long connecting may take. Default: 5 s.
	ConnectTimeout time.Duration
	// PoolTimeout is how long to wait for a connection of the pool. Default: 5 s.
	PoolTimeout time.Duration
	// CommandTimeout is how long a command may take that does not wait by its nature;
	// negative: no limit. Default: 5 s.
	CommandTimeout time.Duration
	// Hint is what errors advise when the service is not there. Default: "start the
	// server, or give the URL of another".
	Hint string
}

// maxWaiting is the most commands that wait, each on a connection of its own.
const maxWaiting = 1000

// idle is how long a connection nobody uses is kept.
const idle = time.Minute

// Client is a client of one service. Its methods may be called by many at once.
type Client struct {
	config  Config
	held    *places // of transactions
	waits   *places // of commands that wait
	count   counters
	dialer  dialer
	link    atomic.Pointer[link] // nil: not open
	failing atomic.Bool          // down is set while the client is open

	mu      sync.Mutex
	opening chan struct{} // closed when who opens it is done; nil: nobody does
	down    time.Time     // since when it can not be reached; zero: it can
	why     error         // the reason
	failure error         // how the last try to open ended
	url     string        // what it was last opened with
	closed  bool
}

// link is an open client and what its URL said of it.
type link struct {
	rueidis.Client
	url     string
	cluster bool
}

// New returns a Client. It connects when first used.
func New(c Config) *Client {
	if c.Name == "" {
		c.Name = "default"
	}
	if c.URL == "" {
		c.URL = "redis://localhost:6379"
	}
	if c.Hint == "" {
		c.Hint = "start the server, or give the URL of another"
	}
	if c.PoolSize <= 0 {
		c.PoolSize = 10
	}
	for _, t := range []*time.Duration{&c.ConnectTimeout, &c.PoolTimeout, &c.CommandTimeout} {
		if *t == 0 {
			*t = 5 * time.Second
		}
	}
	client := &Client{
		config: c, url: c.URL,
		held: newPlaces("transactions", c.PoolSize), waits: newPlaces("commands that wait", maxWaiting),
	}
	client.dialer.count = &client.count
	return client
}

// Close ends the client and its connections. What still runs gets an error.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if l := c.link.Swap(nil); l != nil {
		l.Client.Close()
	}
}

// Do sends a command and returns its reply. An error that Redis replies with is in the
// reply; err is an [*Error], or that of ctx.
func (c *Client) Do(ctx context.Context, args []string) (Reply, error) {
	kind, err := kindOf(args)
	if err != nil {
		return Reply{}, err
	}
	if kind == waits {
		return c.wait(ctx, args)
	}
	l, err := c.open(ctx)
	if err != nil {
		return Reply{}, err
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	c.count.commands.Add(1)
	began := time.Now()
	if l.cluster {
		if reply, ok, err := l.scattered(ctx, args); ok {
			c.count.ran(began)
			return c.replied(reply), c.ended(l, err, args)
		}
	}
	reply, err := toReply(l.Do(ctx, l.build(args, false)))
	c.count.ran(began)
	return c.replied(reply), c.ended(l, err, args)
}

// wait is Do for a command that waits by its nature.
func (c *Client) wait(ctx context.Context, args []string) (Reply, error) {
	l, err := c.open(ctx)
	if err != nil {
		return Reply{}, err
	}
	release, err := c.acquire(ctx, c.waits, strings.Join(args[:min(2, len(args))], " "))
	if err != nil {
		return Reply{}, err
	}
	defer release()
	if most := patience(args); most > 0 {
		// Redis ends the wait; the rest is for a Redis that does not.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most+max(c.config.CommandTimeout, time.Second))
		defer cancel()
	}
	c.count.commands.Add(1)
	reply, err := toReply(l.Do(ctx, l.build(args, true)))
	return c.replied(reply), c.ended(l, err, args)
}

// replied counts what Redis objects to.
func (c *Client) replied(r Reply) Reply {
	if r.Err() != nil {
		c.count.refused.Add(1)
	}
	return r
}

// limit returns ctx with the time a command has. A deadline also keeps a connection
// that few use out of the pipelining that costs goroutines.
func (c *Client) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.config.CommandTimeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.config.CommandTimeout)
}
