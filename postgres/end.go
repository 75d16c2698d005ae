package postgres

// How a pool ends with its process: connections say goodbye, also those that somebody
// still has, so that the server logs nothing about them.

import (
	"context"
	"sync"
	"time"
)

// End is Close, and ends the connections that are in use: what runs in them is
// cancelled. It returns when all are closed; what is not in order when ctx ends is cut off.
func (p *Pool) End(ctx context.Context) {
	p.mu.Lock()
	held := p.held
	p.held = map[*Conn]Holder{} // whoever releases one finds that it has been done
	listeners := p.listeners
	p.listeners = nil
	p.mu.Unlock()
	p.Close()
	var all sync.WaitGroup
	for c := range held {
		all.Go(func() { c.end(ctx); p.pass(nil) })
	}
	for l := range listeners {
		all.Go(l.c.close)
	}
	all.Wait()
	select { // those that are on their way back
	case <-p.over:
	case <-ctx.Done():
	}
}

// end closes the connection, whoever uses it.
func (c *Conn) end(ctx context.Context) {
	select {
	case c.turn <- struct{}{}:
	default:
		_ = c.pg.CancelRequest(ctx) // if it fails the wait ends with ctx
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			c.cutOff()
			return
		}
	}
	defer func() { <-c.turn }()
	c.close()
}

// cutOff closes a connection whose user can not be stopped, which may be in the middle of
// a COPY. Messages are written whole, so one more can follow; the server takes it when it
// has heard of the cancelling.
func (c *Conn) cutOff() {
	nc := c.pg.Conn()
	_ = nc.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = nc.Write([]byte{'X', 0, 0, 0, 4}) // Terminate
	_ = nc.Close()
}
