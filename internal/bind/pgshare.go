package bind

// Statements that came from Python together and may share what connections there are.

import (
	"context"
	"sync"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// rider is a statement of fetch.
type rider struct {
	*result
	values []any
	wrong  error // with the values
}

// Args makes parameters of the values.
func (r *rider) Args(st *postgres.Statement) (postgres.Args, error) {
	if r.wrong != nil {
		return postgres.Args{}, r.wrong
	}
	return arguments(st, r.values)
}

// Together returns what Python may call many times at once, beside [Postgres.Funcs].
func (p *Postgres) Together() map[string]py.Batch {
	return map[string]py.Batch{"postgres.fetch": {Joins: p.joinsFetch, Apart: p.fetchApart, Run: p.fetchTogether, Ends: true}}
}

// joinsFetch reads (pool, sql, …).
func (p *Postgres) joinsFetch(args []byte) bool {
	a := py.NewReader(args)
	if a.Peek() != py.TagStr { // a connection
		return false
	}
	pool := p.used(a.Text())
	return pool != nil && a.Peek() == py.TagStr && pool.Shares(a.Text()) && !a.Bad
}

// fetchApart reports whether there is a connection for each.
func (p *Postgres) fetchApart(calls []py.Call) bool {
	a := py.NewReader(calls[0].Args)
	return p.used(a.Text()).Free() >= len(calls)
}

// used returns the pool of a name if it was used before.
func (p *Postgres) used(name []byte) *postgres.Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pools[string(name)]
}

// fetchTogether is fetch for many calls.
func (p *Postgres) fetchTogether(ctx context.Context, calls []py.Call) {
	rides, riders := make([]postgres.Ride, len(calls)), make([]rider, len(calls))
	pools := make([]*postgres.Pool, len(calls))
	for i := range calls {
		r := &riders[i]
		r.result = &result{utf8: true, native: true}
		rides[i].Rider = r
		pools[i], rides[i].SQL = p.readFetch(&calls[i], r)
	}
	var parts sync.WaitGroup
	defer parts.Wait()
	for from := 0; from < len(calls); {
		to := from + 1
		for to < len(calls) && pools[to] == pools[from] {
			to++
		}
		run := func() { p.share(ctx, pools[from], calls[from:to], rides[from:to]) }
		if to == len(calls) {
			run()
			return
		}
		parts.Go(run)
		from = to
	}
}

// share runs calls that have a pool in common.
func (p *Postgres) share(ctx context.Context, pool *postgres.Pool, calls []py.Call, rides []postgres.Ride) {
	for i := range calls {
		r := &rides[i]
		calls[i].OnGone(func() { pool.GiveUp(r) })
	}
	pool.Share(ctx, rides, func(from, to int) {
		py.Answer(calls[from:to], func(i int, b []byte) ([]byte, error) {
			r := &rides[from+i]
			if r.Err == nil {
				return py.Append(b, p.fetched(r.Rider.(*rider).result))
			}
			out, err := p.refused(context.Background(), r.Err)
			if err != nil {
				return nil, err
			}
			return py.Append(b, out)
		})
	})
}

// readFetch reads (pool, sql, values, most), as joinsFetch has let it through. The text
// shares the call's.
func (p *Postgres) readFetch(c *py.Call, r *rider) (pool *postgres.Pool, sql string) {
	a := py.NewReader(c.Args)
	pool = p.used(a.Text())
	text := a.Text()
	end := len(c.Args) - a.Len()
	var values any
	values, r.wrong = py.DecodeAll(a.Raw())
	r.values, _ = values.(py.Tuple)
	r.most = int(a.Int())
	if a.Bad {
		r.wrong = py.ErrValue
	}
	return pool, c.Text[end-len(text) : end]
}
