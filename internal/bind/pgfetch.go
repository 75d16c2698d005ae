package bind

// The calls that are Puff's own: statements with $1 and so on, planned once for each
// connection, on a connection of the pool for as long as they take, or on that of a
// transaction.

import (
	"context"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// where is a place that runs statements: a pool's name, or the number of a connection.
func (p *Postgres) where(ctx context.Context, v any, label string) (c *postgres.Conn, done func(), err error) {
	if name, ok := v.(string); ok {
		pool, err := p.pool(name)
		if err != nil {
			return nil, nil, err
		}
		c, err := pool.Acquire(ctx, label)
		if err != nil {
			return nil, nil, err
		}
		return c, c.Release, nil
	}
	s := p.session([]any{v})
	if s == nil {
		return nil, nil, postgres.ErrClosed
	}
	return s.conn, func() {}, nil
}

// fetch(where, sql, args, most) returns (error, tag, columns, piece, number, pieces), as
// query does; most is how many rows are wanted, 0 all of them.
func (p *Postgres) fetch(ctx context.Context, args []any) (any, error) {
	sql := asText(arg(args, 1))
	values, _ := arg(args, 2).([]any)
	if t, ok := arg(args, 2).(py.Tuple); ok {
		values = t
	}
	r := fetchInto(args)
	what := &rider{result: r, values: values}
	err := postgres.ErrClosed
	if name, ok := arg(args, 0).(string); ok {
		pool, wrong := p.pool(name)
		if wrong != nil {
			return nil, wrong
		}
		err = pool.Query(ctx, sql, what)
	} else if s := p.session(args); s != nil {
		err = s.conn.Run(ctx, sql, what)
	}
	if err != nil {
		return p.refused(ctx, err)
	}
	return p.fetched(r), nil
}

// fetchInto returns what fetch's result goes into.
func fetchInto(args []any) *result {
	r := &result{utf8: true, native: true}
	if n, ok := arg(args, 3).(int64); ok {
		r.most = int(n)
	}
	return r
}

// refused returns an error the way the face expects it.
func (p *Postgres) refused(ctx context.Context, err error) (any, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if own, ok := err.(*py.Error); ok {
		return nil, own
	}
	return py.Tuple{failure(err)}, nil
}

// fetched returns a result of fetch.
func (p *Postgres) fetched(r *result) py.Tuple {
	if !r.has {
		return py.Tuple{nil, r.tag, nil, nil, 0, 0}
	}
	return py.Tuple{nil, r.tag, r.describe(), r.pieces[0], p.keep(r.pieces), len(r.pieces)}
}

// keep keeps the pieces of a result until they are dropped.
func (p *Postgres) keep(pieces []py.Raw) int64 {
	if len(pieces) < 2 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.kept[p.last] = pieces
	return p.last
}

// next(number, n, class) returns (piece n) of what was kept, its rows of that class, and
// forgets it; the last one forgets the result. n is not 0: that piece came before.
func (p *Postgres) next(_ context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	n, _ := arg(args, 1).(int64)
	class, _ := arg(args, 2).(int64)
	p.mu.Lock()
	defer p.mu.Unlock()
	pieces := p.kept[id]
	if n < 1 || n >= int64(len(pieces)) || pieces[n] == nil {
		return nil, py.NewError("LookupError", "fetch: the result is gone")
	}
	piece := pieces[n]
	of(piece, py.Handle(class))
	pieces[n] = nil
	if n == int64(len(pieces))-1 {
		delete(p.kept, id)
	}
	return piece, nil
}

// drop(number) forgets a result.
func (p *Postgres) drop(_ context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.kept, id)
	return nil, nil
}

// pipeline(where, [(sql, args)]) returns (error, number of the statement that it is of or
// None, [what fetch returns]).
func (p *Postgres) pipeline(ctx context.Context, args []any) (any, error) {
	list, _ := arg(args, 1).([]any)
	c, done, err := p.where(ctx, arg(args, 0), "pipeline")
	if err != nil {
		return p.refused(ctx, err)
	}
	defer done()
	steps := make([]postgres.Step, len(list))
	results := make([]*result, len(list))
	for i, item := range list {
		t, ok := item.(py.Tuple)
		if !ok || len(t) != 2 {
			return nil, wrong("pipeline", "pairs of a statement and its parameters", args)
		}
		values, _ := t[1].(py.Tuple)
		results[i] = &result{utf8: true, native: true}
		steps[i] = postgres.Step{SQL: asText(t[0]), Sink: results[i]}
		st, err := c.Prepare(ctx, steps[i].SQL)
		if err == nil {
			steps[i].Args, err = arguments(st, values)
		}
		if err != nil {
			return p.refused(ctx, err)
		}
	}
	if err := c.Pipeline(ctx, steps); err != nil {
		return p.refused(ctx, err)
	}
	out := make([]any, len(results))
	for i, r := range results {
		out[i] = p.fetched(r)
	}
	return py.Tuple{nil, out}, nil
}

// begin(pool, sql, label) returns (error, number): a connection in a transaction.
func (p *Postgres) begin(ctx context.Context, args []any) (any, error) {
	name, _ := arg(args, 0).(string)
	label, _ := arg(args, 2).(string)
	pool, err := p.pool(name)
	if err != nil {
		return nil, err
	}
	c, err := pool.Acquire(ctx, label)
	if err != nil {
		return p.refused(ctx, err)
	}
	if err := c.Simple(ctx, asText(arg(args, 1)), postgres.Discard); err != nil {
		c.Release()
		return p.refused(ctx, err)
	}
	return py.Tuple{nil, p.hold(c)}, nil
}

// hold gives a connection a number.
func (p *Postgres) hold(c *postgres.Conn) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.sessions[p.last] = &session{conn: c, results: map[int64][]py.Raw{}}
	return p.last
}

// finish(number, sql) ends a transaction and gives its connection back.
func (p *Postgres) finish(ctx context.Context, args []any) (any, error) {
	s := p.session(args)
	if s == nil {
		return py.Tuple{nil}, nil
	}
	err := s.conn.EndTx(ctx, asText(arg(args, 1)), postgres.Discard)
	_, _ = p.close(ctx, args)
	return py.Tuple{failure(err)}, nil
}

// listen(pool, channels) returns (error, number).
func (p *Postgres) listen(ctx context.Context, args []any) (any, error) {
	name, _ := arg(args, 0).(string)
	pool, err := p.pool(name)
	if err != nil {
		return nil, err
	}
	var channels []string
	list, _ := arg(args, 1).([]any)
	for _, c := range list {
		channels = append(channels, asText(c))
	}
	l, err := pool.Listen(ctx, channels...)
	if err != nil {
		return p.refused(ctx, err)
	}
	p.mu.Lock()
	p.last++
	id := p.last
	p.listeners[id] = l
	p.mu.Unlock()
	return py.Tuple{nil, id}, nil
}

func (p *Postgres) listener(args []any) *postgres.Listener {
	id, _ := arg(args, 0).(int64)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listeners[id]
}

// receive(number) returns (error, [(pid, channel, payload)]), waiting for the first.
func (p *Postgres) receive(ctx context.Context, args []any) (any, error) {
	l := p.listener(args)
	if l == nil {
		return p.refused(ctx, postgres.ErrClosed)
	}
	all, err := l.Receive(ctx)
	if err != nil {
		return p.refused(ctx, err)
	}
	list := make([]any, len(all))
	for i, n := range all {
		list[i] = py.Tuple{n.PID, n.Channel, n.Payload}
	}
	return py.Tuple{nil, list}, nil
}

// unlisten(number) ends a listener.
func (p *Postgres) unlisten(_ context.Context, args []any) (any, error) {
	l := p.listener(args)
	if l == nil {
		return nil, nil
	}
	id, _ := arg(args, 0).(int64)
	p.mu.Lock()
	delete(p.listeners, id)
	p.mu.Unlock()
	l.Close()
	return nil, nil
}
