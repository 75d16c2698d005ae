package bind

// Postgres for Python: the pools of the configuration, and the connections that Python
// holds, each by a number.

import (
	"context"
	"sync"
	"time"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// Postgres holds the connections of a process that Python knows by number.
type Postgres struct {
	named  func(name string) (*postgres.Pool, error)
	direct *postgres.Apart

	running sync.WaitGroup // what goes on without anybody who waits for it

	mu        sync.Mutex
	pools     map[string]*postgres.Pool // those that were used
	sessions  map[int64]*session
	later     map[int64]*later // by the same numbers as sessions, also before there is one
	listeners map[int64]*postgres.Listener
	kept      map[int64][]py.Raw // results that Python has not fetched to their end
	watcher   *watcher           // nil: none was needed yet
	last      int64
	ended     bool
}

// NewPostgres returns the glue for the pools that named finds; direct makes the
// connections that Python wants by a URL.
func NewPostgres(named func(name string) (*postgres.Pool, error), direct *postgres.Apart) *Postgres {
	return &Postgres{
		named: named, direct: direct, sessions: map[int64]*session{}, later: map[int64]*later{}, listeners: map[int64]*postgres.Listener{},
		kept: map[int64][]py.Raw{}, pools: map[string]*postgres.Pool{},
	}
}

// Funcs returns what Python may call.
func (p *Postgres) Funcs() map[string]py.Func {
	funcs := map[string]py.Func{}
	for name, f := range postgresFuncs {
		funcs["postgres."+name] = func(ctx context.Context, args []any) (any, error) { return f(p, ctx, args) }
	}
	for name, f := range sessionFuncs {
		funcs["postgres."+name] = func(ctx context.Context, args []any) (any, error) {
			s := p.session(args)
			if s == nil {
				return py.Tuple{py.Tuple{"closed", "the connection is closed"}}, nil
			}
			return f(ctx, s, args[1:])
		}
	}
	return funcs
}

var postgresFuncs = map[string]func(*Postgres, context.Context, []any) (any, error){
	"connect": (*Postgres).connect,
	"close":   (*Postgres).close,
	"cancel":  (*Postgres).cancel,
	"stats":   (*Postgres).stats,

	"connect_later": (*Postgres).connectLater, "gate": (*Postgres).openGate, "start": (*Postgres).start, "look": (*Postgres).look,

	"fetch": (*Postgres).fetch, "next": (*Postgres).next, "drop": (*Postgres).drop, "pipeline": (*Postgres).pipeline,
	"begin": (*Postgres).begin, "finish": (*Postgres).finish,
	"listen": (*Postgres).listen, "receive": (*Postgres).receive, "unlisten": (*Postgres).unlisten,
}

// sessionFuncs are called with the connection that their first argument names.
var sessionFuncs = map[string]func(context.Context, *session, []any) (any, error){
	"query": query, "end": end, "piece": piece, "free": free, "poll": poll, "param": param,
	"copy_in": copyIn, "copy_data": copyData, "copy_end": copyEnd, "copy_out": copyOut, "copy_next": copyNext,
}

// session is a connection that Python holds.
type session struct {
	conn *postgres.Conn

	mu      sync.Mutex
	results map[int64][]py.Raw // pieces that wait to be asked for
	last    int64
	in      *postgres.CopyIn
	out     *postgres.CopyOut
}

func (p *Postgres) session(args []any) *session {
	id, _ := arg(args, 0).(int64)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[id]
}

// pool returns the pool of a name.
func (p *Postgres) pool(name string) (*postgres.Pool, error) {
	pool, err := p.named(name)
	if err != nil {
		return nil, py.NewError("LookupError", err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pools[name] = pool
	return pool, nil
}

// connect(dsn or None, pool, label) returns (error, number, process, about): a
// connection of its own to dsn, or one of a pool.
func (p *Postgres) connect(ctx context.Context, args []any) (any, error) {
	p.mu.Lock()
	p.last++
	id := p.last
	p.mu.Unlock()
	return p.connectAs(ctx, id, args)
}

// connectAs is connect, with a number that nobody has.
func (p *Postgres) connectAs(ctx context.Context, id int64, args []any) (any, error) {
	dsn, own := arg(args, 0).(string)
	name, _ := arg(args, 1).(string)
	label, _ := arg(args, 2).(string)
	var c *postgres.Conn
	var err error
	if own {
		c, err = p.direct.Dial(ctx, postgres.Config{URL: dsn})
	} else {
		var pool *postgres.Pool
		if pool, err = p.pool(name); err != nil {
			return nil, err
		}
		c, err = pool.Acquire(ctx, label)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return py.Tuple{failure(err)}, nil
	}
	c.Dirty()
	s := &session{conn: c, results: map[int64][]py.Raw{}}
	p.mu.Lock()
	p.sessions[id] = s
	p.mu.Unlock()
	if ctx.Err() != nil { // nobody will close it
		p.closeSession(id)
		return nil, ctx.Err()
	}
	notices, _ := notes(c)
	return py.Tuple{nil, id, c.PID(), c.About(), notices}, nil
}

// close(number) gives a connection back.
func (p *Postgres) close(_ context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	p.closeLater(id)
	p.closeSession(id)
	return nil, nil
}

func (p *Postgres) closeSession(id int64) {
	p.mu.Lock()
	s := p.sessions[id]
	delete(p.sessions, id)
	p.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	in, out := s.in, s.out
	s.results, s.in, s.out = nil, nil, nil
	s.mu.Unlock()
	if in != nil {
		_ = in.Fail("the connection is being closed") // says what we just said
	}
	if out != nil || in != nil {
		s.conn.Discard()
		return
	}
	s.conn.Release()
}

// cancel(number) has the server give up what the connection does.
func (p *Postgres) cancel(ctx context.Context, args []any) (any, error) {
	s := p.session(args)
	if s == nil {
		return py.Tuple{py.Tuple{"closed", "the connection is closed"}}, nil
	}
	return py.Tuple{failure(s.conn.Cancel(ctx))}, nil
}

// stats(pool) returns a dict of counters.
func (p *Postgres) stats(_ context.Context, args []any) (any, error) {
	name, _ := arg(args, 0).(string)
	pool, err := p.pool(name)
	if err != nil {
		return nil, err
	}
	s := pool.Stats()
	var down any
	if !s.DownSince.IsZero() {
		down = s.DownSince.Truncate(time.Microsecond)
	}
	return py.Dict{
		{"size", s.Size}, {"open", s.Open}, {"idle", s.Idle}, {"in_use", s.InUse}, {"waiting", s.Waiting},
		{"acquired", s.Acquired}, {"dialed", s.Dialed}, {"failed", s.Failed}, {"timed_out", s.TimedOut},
		{"shared", s.Shared},
		{"down_since", down},
	}, nil
}
