package postgres

// Waiting for a connection of a pool: in the order of asking, for so long and no longer.

import (
	"context"
	"errors"
	"slices"
	"time"
)

// waiter is who waits: for a connection, or with a statement that may share one.
type waiter struct {
	turn chan *Conn // nil is sent as leave to open one
	ride *Ride
}

// take returns an idle connection, or nil with leave to open one.
func (p *Pool) take(ctx context.Context) (*Conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	if p.open < p.config.Size {
		p.open++
		p.mu.Unlock()
		return nil, nil
	}
	turn := make(chan *Conn, 1)
	p.waiting = append(p.waiting, waiter{turn: turn})
	p.mu.Unlock()
	start := time.Now()
	defer p.waited(start)
	patience := time.NewTimer(p.config.PoolTimeout)
	defer patience.Stop()
	select {
	case c, ok := <-turn:
		if !ok {
			return nil, ErrClosed
		}
		return c, nil
	case <-patience.C:
		return nil, p.giveUp(turn, p.busy(time.Since(start)))
	case <-ctx.Done():
		return nil, p.giveUp(turn, ctx.Err())
	}
}

// waited notes that somebody waited, since then.
func (p *Pool) waited(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Waited++
	p.stats.WaitTime += time.Since(since)
}

// giveUp leaves the queue; what came meanwhile goes to the next one.
func (p *Pool) giveUp(turn chan *Conn, err error) error {
	p.mu.Lock()
	if i := slices.IndexFunc(p.waiting, func(w waiter) bool { return w.turn == turn }); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		if _, busy := errors.AsType[*BusyError](err); busy {
			p.stats.TimedOut++
		}
		p.mu.Unlock()
		return err
	}
	p.mu.Unlock()
	if c, ok := <-turn; ok {
		p.pass(c)
	}
	return err
}

func (p *Pool) busy(waited time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &BusyError{Server: p.dialer.Load().server, Size: p.config.Size, Waited: waited}
	for _, h := range p.held {
		e.Holders = append(e.Holders, h)
	}
	slices.SortFunc(e.Holders, func(a, b Holder) int { return a.Since.Compare(b.Since) })
	return e
}
