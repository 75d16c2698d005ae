package redis

// Opening: the first call opens the client, those that come meanwhile wait for it, and
// each call after a failure tries again.

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// open returns the open client, opening it first where need be.
func (c *Client) open(ctx context.Context) (*link, error) {
	if l := c.link.Load(); l != nil {
		return l, nil
	}
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, &Error{Service: c.config.Name, URL: c.url, Kind: Down, Message: "it is closed", Err: rueidis.ErrClosing}
		}
		if l := c.link.Load(); l != nil {
			c.mu.Unlock()
			return l, nil
		}
		done := c.opening
		mine := done == nil
		if mine {
			done = make(chan struct{})
			c.opening = done
			// Not in ctx: those who wait for it must not fail with the one who came first.
			go c.connect(context.WithoutCancel(ctx), done)
		}
		c.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		c.mu.Lock()
		l, err := c.link.Load(), c.failure
		c.mu.Unlock()
		if l == nil && err != nil {
			c.count.unreached.Add(1)
		}
		if l != nil || err != nil {
			return l, err
		}
	}
}

// connect opens the client and closes done. It ends within the connect timeout, and
// what a resolver takes that starts a server.
func (c *Client) connect(ctx context.Context, done chan struct{}) {
	l, err := c.dial(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening = nil
	close(done)
	switch {
	case err != nil:
		c.failure = c.unreachable(err)
	case c.closed:
		l.Client.Close()
	default:
		c.failure, c.down, c.why = nil, time.Time{}, nil
		c.link.Store(l)
	}
}

func (c *Client) dial(ctx context.Context) (*link, error) {
	url := c.config.URL
	if c.config.Resolve != nil {
		var err error
		if url, err = c.config.Resolve(ctx); err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.url = url
		c.mu.Unlock()
	}
	server, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	o := server.options()
	o.DialCtxFn = c.dialer.dial
	o.Dialer.Timeout = c.config.ConnectTimeout
	// Sentinels are asked one after the other.
	o.Sentinel.Dialer.Timeout = c.config.ConnectTimeout / time.Duration(max(1, len(server.Addresses)))
	if c.config.CommandTimeout > 0 {
		// A connection that says nothing for so long is given up, with all that wait for it.
		o.ConnWriteTimeout = c.config.CommandTimeout + 5*time.Second
	}
	o.BlockingPoolSize = maxWaiting + c.config.PoolSize
	client, err := rueidis.NewClient(o)
	if r, ok := errors.AsType[*rueidis.RedisError](err); ok && strings.Contains(r.Error(), "setname") {
		o.ClientName = "" // a user who may not say its name
		client, err = rueidis.NewClient(o)
	}
	if err != nil {
		return nil, err
	}
	return &link{Client: client, url: url, cluster: server.Cluster}, nil
}

// unreachable notes since when the service is not there, and returns the error that
// says so. The caller holds mu.
func (c *Client) unreachable(err error) error {
	if c.down.IsZero() {
		c.down = time.Now()
	}
	c.why = err
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return &Error{Service: c.config.Name, URL: c.url, Kind: Down, Since: c.down, Hint: c.config.Hint, Err: err}
}

// ended turns how a command ended into the error that its caller gets.
func (c *Client) ended(l *link, err error, args []string) error {
	if err == nil {
		if c.failing.Load() {
			c.recovered()
		}
		return nil
	}
	e := &Error{Service: c.config.Name, URL: l.url, Err: err, Command: name(args)}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		c.count.late.Add(1)
		e.Kind, e.After = Timeout, c.config.CommandTimeout
		return e
	case isDial(err):
		return c.away(l, err)
	}
	c.count.lost.Add(1)
	e.Kind = Lost
	return e
}

// away is ended for a connection that could not be made.
func (c *Client) away(l *link, err error) error {
	c.count.unreached.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing.Store(true)
	if c.config.Resolve != nil && c.link.CompareAndSwap(l, nil) {
		l.Client.Close() // whoever resolves may start the server again
	}
	return c.unreachable(err)
}

// recovered notes that the service is there again.
func (c *Client) recovered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing.Store(false)
	c.down, c.why = time.Time{}, nil
}
