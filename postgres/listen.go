package postgres

// LISTEN, on a connection that belongs to no pool.

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Listener waits for notifications. Its connection is its own.
type Listener struct {
	c *Conn
	p *Pool
}

// Listen connects to the pool's server, outside of the pool, and listens to channels.
func (p *Pool) Listen(ctx context.Context, channels ...string) (*Listener, error) {
	if err := p.find(ctx); err != nil {
		return nil, err
	}
	c, err := p.dialer.Load().dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return nil, p.down(p.dialer.Load().server, err)
	}
	l := &Listener{c, p}
	for _, channel := range channels {
		if err := l.Listen(ctx, channel); err != nil {
			c.close()
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.close()
		return nil, ErrClosed
	}
	p.listeners[l] = struct{}{}
	p.since, p.why = time.Time{}, nil
	return l, nil
}

// Listen adds a channel.
func (l *Listener) Listen(ctx context.Context, channel string) error {
	return l.c.Simple(ctx, "LISTEN "+QuoteName(channel), Discard)
}

// Receive returns what has come, at least one notification. When ctx ends it returns
// ctx's error, and the listener goes on as before.
func (l *Listener) Receive(ctx context.Context) ([]Notification, error) {
	for {
		if all := l.c.Notifications(); len(all) > 0 {
			return all, nil
		}
		if err := l.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (l *Listener) wait(ctx context.Context) error {
	select {
	case l.c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.c.turn }()
	if l.c.broken != nil {
		return l.c.broken
	}
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		_ = l.c.pg.Conn().SetReadDeadline(time.Unix(1, 0))
	})
	err := l.c.look(time.Time{})
	if !stop() {
		<-over
		_ = l.c.pg.Conn().SetReadDeadline(time.Time{})
		if err == nil || errors.Is(err, context.Canceled) {
			return ctx.Err()
		}
	}
	return err
}

// Close ends the connection.
func (l *Listener) Close() {
	l.p.mu.Lock()
	delete(l.p.listeners, l)
	l.p.mu.Unlock()
	l.c.close()
}

// QuoteName returns name as SQL takes it for a name, whatever is in it.
func QuoteName(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
}
