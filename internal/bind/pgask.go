package bind

// Statements that the thread of Python that asks sends itself, and waits for: what can
// not go to the server at once is left to the functions of the same names.

import (
	"context"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// Direct returns what Python may call so.
func (p *Postgres) Direct() map[string]py.Direct {
	direct := map[string]py.Direct{"postgres.fetch": p.askFetch}
	for name, f := range map[string]func(*session, []any) py.Pending{"query": askQuery, "end": askEnd} {
		direct["postgres."+name] = func(args []any) py.Pending {
			s := p.session(args)
			if s == nil || s.copying() {
				return nil
			}
			return f(s, args[1:])
		}
	}
	return direct
}

// asked is a statement under way; then makes of its end what Python gets.
type asked struct {
	*postgres.Asked
	then func(err error) (any, error)
}

// Poll reads what there is.
func (a *asked) Poll() (out any, err error, done bool) {
	done, err = a.Asked.Poll()
	if !done {
		return nil, nil, false
	}
	out, err = a.then(err)
	return out, err, true
}

// Wait reads to the end.
func (a *asked) Wait(ctx context.Context) (any, error) { return a.then(a.Asked.Wait(ctx)) }

func askQuery(s *session, args []any) py.Pending {
	r := s.resultOf(args)
	a := s.conn.AskSimple(asText(arg(args, 0)), asText(arg(args, 1)), r)
	if a == nil {
		return nil
	}
	return &asked{a, func(err error) (any, error) { return s.answer(r, err) }}
}

func askEnd(s *session, args []any) py.Pending {
	a := s.conn.AskEndTx(asText(arg(args, 0)), postgres.Discard)
	if a == nil {
		return nil
	}
	return &asked{a, s.answerNothing}
}

// askedFetch is a statement of a pool's, or of a transaction's, under way.
type askedFetch struct {
	*postgres.Asked
	p    *Postgres
	conn *postgres.Conn
	args []any
	r    *result
	done bool // and err is how it ended
	err  error
}

// askFetch begins what fetch does, on a connection that is free and has planned the statement.
func (p *Postgres) askFetch(args []any) py.Pending {
	sql := asText(arg(args, 1))
	values, _ := arg(args, 2).(py.Tuple)
	a := &askedFetch{p: p, args: args, r: fetchInto(args)}
	if name, ok := arg(args, 0).(string); ok {
		pool, err := p.pool(name)
		if err != nil {
			return nil
		}
		if a.conn = pool.Idle(sql); a.conn == nil {
			return nil
		}
	} else if s := p.session(args); s != nil {
		a.conn = s.conn
	} else {
		return nil
	}
	if st := a.conn.Planned(sql); st != nil {
		if params, err := arguments(st, values); err == nil {
			a.Asked = a.conn.Ask(st, params, a.r)
		}
	}
	if a.Asked == nil {
		a.release()
		return nil
	}
	return a
}

func (a *askedFetch) release() {
	if _, pooled := arg(a.args, 0).(string); pooled {
		a.conn.Release()
	}
}

// Poll reads what there is. What would wait at the end is left to Wait.
func (a *askedFetch) Poll() (out any, err error, done bool) {
	if !a.done {
		if a.done, a.err = a.Asked.Poll(); !a.done {
			return nil, nil, false
		}
	}
	_, pooled := arg(a.args, 0).(string)
	if postgres.Stale(a.err) || pooled && a.conn.Tx() != 'I' {
		return nil, nil, false
	}
	out, err = a.end(context.Background())
	return out, err, true
}

// Wait reads to the end; a plan that was stale is made again.
func (a *askedFetch) Wait(ctx context.Context) (any, error) {
	if !a.done {
		a.err = a.Asked.Wait(ctx)
	}
	if postgres.Stale(a.err) && a.conn.Tx() == 'I' {
		a.release()
		return a.p.fetch(ctx, a.args)
	}
	return a.end(ctx)
}

func (a *askedFetch) end(ctx context.Context) (any, error) {
	a.release()
	if a.err != nil {
		return a.p.refused(ctx, a.err)
	}
	return a.p.fetched(a.r), nil
}
