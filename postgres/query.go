package postgres

// One statement on whichever connection of a pool is free.

import (
	"context"
	"time"
)

// Query runs a statement, planned as by [Conn.Prepare], on a connection of its own. A plan
// that has become stale is made again.
func (p *Pool) Query(ctx context.Context, sql string, r Rider) error {
	c, err := p.Acquire(ctx, sql)
	if err != nil {
		return err
	}
	defer c.Release()
	return p.query(ctx, c, sql, r)
}

// query is Query on a connection that is there, and notes how long it took.
func (p *Pool) query(ctx context.Context, c *Conn, sql string, r Rider) error {
	return c.run(ctx, sql, r, func(st *Statement, took time.Duration, err error) {
		if len(st.Fields) > 0 && (err == nil || took > slow) {
			p.known.ran(sql, took)
		}
	})
}
