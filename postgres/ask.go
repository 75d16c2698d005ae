package postgres

// Statements whose sender goes away before the answer is there: for threads that wait
// for a descriptor by themselves, and for them only where nothing else has to wait.

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// maxAsked is how long a statement may be that is sent where nobody may wait: it fits
// into the socket's buffer.
const maxAsked = 16 << 10

// Asked is a statement that was sent, and whose answer was not read to its end.
type Asked struct {
	c         *Conn
	answer    answer
	statement *Statement // nil: it was none that is planned
	begun     time.Time
}

// AskSimple sends what [Conn.SimpleAfter] would, and returns nil where that would wait:
// the connection is in use, or closed, or goes through TLS, or the text is long.
func (c *Conn) AskSimple(first, sql string, sink Sink) *Asked {
	if len(sql) > maxAsked || !c.mayAsk() {
		return nil
	}
	a := &Asked{c: c, answer: answer{sink: sink}}
	if first != "" && c.tx == 'I' {
		a.answer.skip = 1
		c.fe.SendQuery(&pgproto3.Query{String: first})
	}
	c.fe.SendQuery(&pgproto3.Query{String: sql})
	return a.sent()
}

// AskEndTx sends what [Conn.EndTx] would, as AskSimple. Without a transaction there is
// nothing to send, and it returns nil too.
func (c *Conn) AskEndTx(sql string, sink Sink) *Asked {
	if !c.mayAsk() {
		return nil
	}
	if c.tx == 'I' {
		<-c.turn
		return nil
	}
	c.fe.SendQuery(&pgproto3.Query{String: sql})
	return (&Asked{c: c, answer: answer{sink: sink}}).sent()
}

// Ask sends what [Conn.Execute] would, as AskSimple does.
func (c *Conn) Ask(st *Statement, args Args, sink Sink) *Asked {
	size := 0
	for _, v := range args.Values {
		size += len(v)
	}
	if size > maxAsked || !c.mayAsk() {
		return nil
	}
	c.send(st, args)
	c.fe.SendSync(&pgproto3.Sync{})
	a := (&Asked{c: c, answer: answer{sink: sink}, statement: st}).sent()
	if len(st.Fields) > 0 {
		sink.Columns(st.Fields)
	}
	return a
}

// Planned returns the statement if the connection has planned it, and nobody uses it.
func (c *Conn) Planned(sql string) *Statement {
	if !c.mayAsk() {
		return nil
	}
	defer func() { <-c.turn }()
	return c.statements.get(sql)
}

// mayAsk takes the turn if nobody has it and the connection can be asked.
func (c *Conn) mayAsk() bool {
	if c.line == nil {
		return false
	}
	select {
	case c.turn <- struct{}{}:
	default:
		return false
	}
	if c.broken != nil {
		<-c.turn
		return false
	}
	c.line.hide()
	return true
}

// sent sends. What goes wrong is the answer.
func (a *Asked) sent() *Asked {
	a.begun = time.Now()
	if err := a.c.flush(); err != nil {
		a.answer.broken = err
	}
	return a
}

// FD returns a descriptor that is readable when Poll may get further.
func (a *Asked) FD() int { return a.c.line.fd }

// Poll reads what there is. Done: err is what running the statement would have returned.
func (a *Asked) Poll() (done bool, err error) {
	a.c.line.now = true
	done = a.answer.read(a.c)
	a.c.line.now = false
	if !done {
		return false, nil
	}
	a.c.line.quick++
	return true, a.end()
}

// Wait reads to the end and returns what running the statement would have. When ctx ends
// the server is asked to cancel it.
func (a *Asked) Wait(ctx context.Context) error {
	a.c.line.quick = 0
	stop := a.c.watching(ctx)
	a.answer.read(a.c)
	stop()
	return a.end()
}

func (a *Asked) end() error {
	err := a.answer.err()
	a.c.count.ran(1, a.begun)
	if a.statement != nil && a.answer.broken == nil {
		a.c.forget(err, a.statement)
	}
	<-a.c.turn
	return err
}
