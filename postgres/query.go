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

func (p *Pool) query(ctx context.Context, c *Conn, sql string, r Rider) error {
	for again := false; ; again = true {
		st, err := c.Prepare(ctx, sql)
		if err != nil {
			return err
		}
		args, err := r.Args(st)
		if err != nil {
			return err
		}
		began := time.Now()
		err = c.Execute(ctx, st, args, r)
		if took := time.Since(began); len(st.Fields) > 0 && (err == nil || took > slow) {
			p.known.ran(sql, took)
		}
		if err == nil || again || !Stale(err) || c.tx != 'I' {
			return err
		}
	}
}
