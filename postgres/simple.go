package postgres

// The simple protocol: text in, text out, several statements at once.

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Simple runs statements as the server takes them from a person: several may stand
// behind one another, and values come as text. The first error ends it.
func (c *Conn) Simple(ctx context.Context, sql string, sink Sink) error {
	return c.SimpleAfter(ctx, "", sql, sink)
}

// SimpleAfter is Simple, after the text first in the same trip to the server when no
// transaction is open: first is BEGIN in one of its forms.
func (c *Conn) SimpleAfter(ctx context.Context, first, sql string, sink Sink) error {
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	defer c.count.ran(1, time.Now())
	if c.tx != 'I' {
		first = ""
	}
	if first != "" {
		c.fe.SendQuery(&pgproto3.Query{String: first})
	}
	c.fe.SendQuery(&pgproto3.Query{String: sql})
	if err := c.flush(); err != nil {
		return err
	}
	a := answer{sink: sink}
	if first != "" {
		a.skip = 1
	}
	a.read(c)
	return a.err()
}

// EndTx runs COMMIT or ROLLBACK if a transaction is open.
func (c *Conn) EndTx(ctx context.Context, sql string, sink Sink) error {
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if c.tx == 'I' {
		return nil
	}
	defer c.count.ran(1, time.Now())
	c.fe.SendQuery(&pgproto3.Query{String: sql})
	if err := c.flush(); err != nil {
		return err
	}
	failed, err := c.results(sink)
	if err != nil {
		return err
	}
	return failed
}

// results reads to the end of what was asked: failed is what the server or the sink
// has against it, err that the connection broke.
func (c *Conn) results(sink Sink) (failed, err error) {
	a := answer{sink: sink}
	a.read(c)
	return a.failed, a.broken
}

// answer is what the server says to what was asked, up to where it is ready for more.
type answer struct {
	sink Sink
	skip int // how many come before that are none of the sink's

	failed error // what the server or the sink has against it, the first of all
	broken error // the connection's end; it has the server's last words, if there were any
}

// err returns what is wrong.
func (a *answer) err() error {
	if a.broken != nil {
		return a.broken
	}
	return a.failed
}

func (a *answer) note(err error) {
	if a.failed == nil {
		a.failed = err
	}
}

// read reads on. False: the connection may not wait, and the rest is not there yet.
func (a *answer) read(c *Conn) (done bool) {
	for a.broken == nil {
		m, err := c.receive()
		if err == errNotYet {
			return false
		}
		if err != nil {
			a.broken = err
			break
		}
		sink := a.sink
		if a.skip > 0 {
			sink = Discard
		}
		switch m := m.(type) {
		case *pgproto3.RowDescription:
			sink.Columns(copyFields(m.Fields))
		case *pgproto3.DataRow:
			if a.failed == nil {
				if err := sink.Row(m.Values); err != nil {
					a.note(err)
				}
			}
		case *pgproto3.CommandComplete:
			sink.Done(string(m.CommandTag))
		case *pgproto3.EmptyQueryResponse:
			sink.Done("")
		case *pgproto3.ErrorResponse:
			a.note(c.failed(m))
		case *pgproto3.CopyInResponse:
			a.note(ErrCopyIn)
			c.fe.Send(&pgproto3.CopyFail{Message: "no data was given"})
			a.broken = c.flush()
		case *pgproto3.CopyOutResponse:
			a.note(ErrCopyOut)
		case *pgproto3.ReadyForQuery:
			if a.skip == 0 {
				return true
			}
			a.skip--
		}
	}
	return true
}

// copyFields copies what is the frontend's until it reads on.
func copyFields(fields []Field) []Field {
	size := 0
	for _, f := range fields {
		size += len(f.Name)
	}
	names := make([]byte, 0, size)
	out := make([]Field, len(fields))
	for i, f := range fields {
		start := len(names)
		names = append(names, f.Name...)
		f.Name = names[start:len(names):len(names)]
		out[i] = f
	}
	return out
}
