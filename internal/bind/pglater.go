package bind

// What a connection does for Python while that goes on: asynchronous connections of
// psycopg2, and those whose waiting a program took over. Python begins something, waits
// for the gate, and looks whether it is there.

import (
	"context"
	"fmt"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// later is what such a connection has beside its session. Postgres.mu guards all of it.
type later struct {
	gate   *gate
	cancel context.CancelFunc // of what is under way; nil: nothing is
	over   chan struct{}      // closed when that has ended
	sends  bool               // the server has no room for what is sent
	moved  bool               // and took some since Python was told
	sent   chan struct{}      // closed when some of it was; nil: it was
	ended  bool               // something has, with what follows
	answer any
	err    error
}

// What look says is the case.
const (
	stillUnderWay = iota
	hasEnded      // with the answer of what was begun
	nothingBegun  // with what came by itself
	stillSending
)

// connectLater(dsn or None, pool, label) begins connect, and returns (number, descriptor).
// What connect returns is there to be looked at.
func (p *Postgres) connectLater(ctx context.Context, args []any) (any, error) {
	g, err := p.newGate()
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	l := &later{gate: g}
	p.mu.Lock()
	p.last++
	id := p.last
	p.later[id] = l
	begun := p.beginLater(ctx, l, func(ctx context.Context) (any, error) { return p.connectAs(ctx, id, args) })
	p.mu.Unlock()
	if ctx.Err() != nil || !begun { // nobody will close it
		_, _ = p.close(ctx, []any{id})
		if ctx.Err() == nil {
			return nil, postgres.ErrClosed
		}
		return nil, ctx.Err()
	}
	return py.Tuple{id, g.fd}, nil
}

// openGate(number) returns (error, descriptor) of a connection that has none yet.
func (p *Postgres) openGate(_ context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	g, err := p.newGate()
	if err != nil {
		return nil, fmt.Errorf("wait for a connection: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, had := p.sessions[id], p.later[id]
	if s == nil || had != nil {
		_ = g.close() // nobody has seen it
		if had != nil {
			return py.Tuple{nil, had.gate.fd}, nil
		}
		return py.Tuple{py.Tuple{"closed", "the connection is closed"}}, nil
	}
	p.later[id] = &later{gate: g}
	return py.Tuple{nil, g.fd}, g.watch(s.conn.Socket())
}

// start(number, name, args...) begins the function of a session that name says, and
// returns (error).
func (p *Postgres) start(ctx context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	name, _ := arg(args, 1).(string)
	f := sessionFuncs[name]
	if f == nil {
		return nil, fmt.Errorf("start: there is no %q", name)
	}
	p.mu.Lock()
	s, l := p.sessions[id], p.later[id]
	if s == nil || l == nil || p.ended {
		p.mu.Unlock()
		return py.Tuple{py.Tuple{"closed", "the connection is closed"}}, nil
	}
	if l.cancel != nil {
		p.mu.Unlock()
		return py.Tuple{py.Tuple{"failed", "run statement: another one is under way in this connection"}}, nil
	}
	// The answer is on its way through the socket, but not yet what look returns.
	_ = l.gate.watch(-1) // nothing is watched, so nothing fails
	l.gate.hush()
	l.ended, l.answer, l.err = false, nil, nil
	s.conn.Sending(func(waits bool) { p.sending(l, waits) })
	sent := make(chan struct{})
	l.sent = sent
	p.beginLater(ctx, l, func(ctx context.Context) (any, error) { return f(ctx, s, args[2:]) })
	over := l.over
	p.mu.Unlock()
	select { // or what cancels it could be at the server before it is
	case <-sent:
	case <-over:
	case <-ctx.Done():
	}
	return py.Tuple{nil}, nil
}

// sending notes that what is under way waits for the server to take it, or has been taken.
func (p *Postgres) sending(l *later, waits bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.cancel == nil {
		return
	}
	if l.sent != nil {
		close(l.sent)
		l.sent = nil
	}
	if waits || l.sends {
		l.sends, l.moved = waits, true
		l.gate.hush()
	}
}

// newGate returns a gate, and starts the watcher of all of them with the first.
func (p *Postgres) newGate() (*gate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil, postgres.ErrClosed
	}
	if p.watcher == nil {
		w, err := newWatcher()
		if err != nil {
			return nil, err
		}
		p.watcher = w
		p.running.Go(w.run)
	}
	return newGate(p.watcher)
}

// beginLater runs f in a goroutine, which ends with the connection, or with End at the
// latest. False: End was called. The caller holds mu.
func (p *Postgres) beginLater(ctx context.Context, l *later, f func(context.Context) (any, error)) bool {
	if p.ended {
		return false
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	l.cancel, l.over = cancel, over
	p.running.Go(func() {
		defer close(over)
		defer cancel()
		answer, err := f(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		l.answer, l.err, l.ended, l.cancel, l.sends = answer, err, true, nil, false
		l.gate.ring()
	})
	return true
}

// look(number, waiting) returns (what is the case, answer) of a connection that has a gate.
// What has ended is there as long as Python waits for it, and not once: a signal may end
// the call that tells.
func (p *Postgres) look(ctx context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	waiting, _ := arg(args, 1).(bool)
	p.mu.Lock()
	s, l := p.sessions[id], p.later[id]
	if l == nil {
		p.mu.Unlock()
		return py.Tuple{nothingBegun, py.Tuple{py.Tuple{"closed", "the connection is closed"}}}, nil
	}
	if l.cancel != nil {
		defer p.mu.Unlock()
		if !l.sends {
			l.gate.hush()
			return py.Tuple{stillUnderWay, nil}, nil
		}
		if l.moved {
			l.moved = false
			l.gate.full()
		}
		return py.Tuple{stillSending, nil}, nil
	}
	l.gate.hush()
	if !waiting {
		l.ended, l.answer, l.err = false, nil, nil
	}
	ended, answer, err := l.ended, l.answer, l.err
	p.mu.Unlock()
	if !ended && s != nil {
		answer, err = poll(ctx, s, nil)
		if err == nil {
			err = l.gate.watch(s.conn.Socket())
		}
		return py.Tuple{nothingBegun, answer}, err
	}
	if err == nil && s != nil {
		err = l.gate.watch(s.conn.Socket())
		if s.conn.Unread() {
			l.gate.ring()
		}
	}
	return py.Tuple{hasEnded, answer}, err
}

// closeLater ends what is under way in a connection, and closes its gate.
func (p *Postgres) closeLater(id int64) {
	p.mu.Lock()
	l := p.later[id]
	delete(p.later, id)
	if l == nil {
		p.mu.Unlock()
		return
	}
	if l.cancel != nil {
		l.cancel()
	}
	over := l.over
	p.mu.Unlock()
	if over != nil {
		<-over // or the session would end under it
	}
	p.mu.Lock()
	s := p.sessions[id]
	p.mu.Unlock()
	if s != nil {
		s.conn.Sending(nil) // the pool's next owner is somebody else
	}
	_ = l.gate.close() // nobody can do anything about a descriptor that does not close
}

// End cancels what goes on without anybody who waits for it, and waits until it has
// ended. Nothing more is begun.
func (p *Postgres) End(ctx context.Context) {
	p.mu.Lock()
	p.ended = true
	for _, l := range p.later {
		if l.cancel != nil {
			l.cancel()
		}
	}
	if p.watcher != nil {
		_ = p.watcher.close() // once: nobody makes another
		p.watcher = nil
	}
	p.mu.Unlock()
	over := make(chan struct{})
	go func() { // ends with the last of them: each ends soon when it is cancelled
		p.running.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-ctx.Done():
	}
}
