package postgres

// The extended protocol: statements that the server has planned once, values apart
// from the text, several statements in one trip.

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// maxStatements is how many prepared statements a connection keeps.
const maxStatements = 256

// Statement is a text that the server has planned in one connection.
type Statement struct {
	Params []uint32 // the type of each parameter
	Fields []Field  // the columns, none when it returns no rows

	name string
	sql  string
}

// statements are the prepared ones of a connection, the one used last in front.
type statements struct {
	bySQL map[string]*list.Element
	order list.List
	last  int
}

func (s *statements) get(sql string) *Statement {
	e := s.bySQL[sql]
	if e == nil {
		return nil
	}
	s.order.MoveToFront(e)
	return e.Value.(*Statement)
}

// has reports whether sql is planned.
func (s *statements) has(sql string) bool { return s.bySQL[sql] != nil }

// put keeps st and returns the one that has to go for it.
func (s *statements) put(st *Statement) (gone *Statement) {
	if s.bySQL == nil {
		s.bySQL = map[string]*list.Element{}
	}
	if s.order.Len() >= maxStatements {
		gone = s.order.Back().Value.(*Statement)
		s.drop(gone.sql)
	}
	s.bySQL[st.sql] = s.order.PushFront(st)
	return gone
}

func (s *statements) drop(sql string) {
	if e := s.bySQL[sql]; e != nil {
		s.order.Remove(e)
		delete(s.bySQL, sql)
	}
}

// Prepare has the server plan sql, which is one statement with $1 and so on in it, or
// returns what it made of it before in this connection.
func (c *Conn) Prepare(ctx context.Context, sql string) (*Statement, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return c.prepare(sql)
}

func (c *Conn) prepare(sql string) (*Statement, error) {
	if st := c.statements.get(sql); st != nil {
		return st, nil
	}
	defer c.count.ran(0, time.Now())
	c.statements.last++
	st := &Statement{name: fmt.Sprintf("puff%d", c.statements.last), sql: sql}
	c.fe.SendParse(&pgproto3.Parse{Name: st.name, Query: sql})
	c.fe.SendDescribe(&pgproto3.Describe{ObjectType: 'S', Name: st.name})
	c.fe.SendSync(&pgproto3.Sync{})
	if err := c.flush(); err != nil {
		return nil, err
	}
	var failed error
	for {
		m, err := c.receive()
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.ParameterDescription:
			st.Params = append([]uint32(nil), m.ParameterOIDs...)
		case *pgproto3.RowDescription:
			st.Fields = copyFields(m.Fields)
		case *pgproto3.ErrorResponse:
			failed = c.failed(m)
		case *pgproto3.ReadyForQuery:
			if failed != nil {
				return nil, failed
			}
			if gone := c.statements.put(st); gone != nil {
				// Answered with the next statement: it costs no trip of its own.
				c.fe.SendClose(&pgproto3.Close{ObjectType: 'S', Name: gone.name})
			}
			return st, nil
		}
	}
}

// Args are the values of a statement's parameters, nil for NULL.
type Args struct {
	Values  [][]byte
	Formats []int16 // of each value 0 text, 1 binary; none: all text
	Results []int16 // of each column likewise
}

// Execute runs a statement of this connection.
func (c *Conn) Execute(ctx context.Context, st *Statement, args Args, sink Sink) error {
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	defer c.count.ran(1, time.Now())
	c.send(st, args)
	c.fe.SendSync(&pgproto3.Sync{})
	if err := c.flush(); err != nil {
		return err
	}
	if len(st.Fields) > 0 {
		sink.Columns(st.Fields)
	}
	failed, err := c.results(sink)
	if err != nil {
		return err
	}
	c.forget(failed, st)
	return failed
}

func (c *Conn) send(st *Statement, args Args) {
	c.fe.SendBind(&pgproto3.Bind{
		PreparedStatement: st.name, Parameters: args.Values,
		ParameterFormatCodes: args.Formats, ResultFormatCodes: args.Results,
	})
	c.fe.SendExecute(&pgproto3.Execute{})
}

// forget drops a statement that the server does not have, or not like this, any more.
func (c *Conn) forget(failed error, st *Statement) {
	if Stale(failed) {
		c.statements.drop(st.sql)
	}
}

// Stale reports whether a statement failed only because it was planned before
// something changed: planned again, outside of a transaction, it may succeed.
func Stale(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "26000" || // invalid_sql_statement_name
		e.Code == "0A000" && e.Routine == "RevalidateCachedQuery" ||
		// A type was dropped and made again; messages of internal errors are not translated.
		e.Code == "42704" && e.Routine == "lookup_type_cache" ||
		e.Code == "XX000" && strings.HasPrefix(e.Message, "cache lookup failed for type"))
}

// Query is Run for values that are there already.
func (c *Conn) Query(ctx context.Context, sql string, args Args, sink Sink) error {
	return c.Run(ctx, sql, given{sink, args})
}

// given is a Rider whose values do not depend on the plan.
type given struct {
	Sink
	args Args
}

func (g given) Args(*Statement) (Args, error) { return g.args, nil }

// Run runs a statement, planned as by Prepare; a plan that has become stale is made again.
func (c *Conn) Run(ctx context.Context, sql string, r Rider) error { return c.run(ctx, sql, r, nil) }

// run is Run; ran is told how long each attempt took, nil: nobody is.
func (c *Conn) run(ctx context.Context, sql string, r Rider, ran func(*Statement, time.Duration, error)) error {
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
		if ran != nil {
			ran(st, time.Since(began), err)
		}
		if err == nil || again || !Stale(err) || c.tx != 'I' {
			return err
		}
	}
}

// Step is one statement of a pipeline.
type Step struct {
	SQL  string
	Args Args
	Sink Sink
}

// maxUnread is how much is sent before the answers to it are read: a server that could
// not write them would not read on either.
const maxUnread = 16 << 10

// Pipeline runs statements, each planned as by Prepare, in as few trips as they allow:
// one for those planned before. Without a transaction around it they are one: the first
// error undoes them all, and the others are not run.
func (c *Conn) Pipeline(ctx context.Context, steps []Step) error {
	sts := make([]*Statement, len(steps))
	for i, s := range steps {
		var err error
		if sts[i], err = c.Prepare(ctx, s.SQL); err != nil {
			return fmt.Errorf("step %d of the pipeline: %w", i+1, err)
		}
	}
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	defer c.count.ran(len(steps), time.Now())
	var failed error
	read := 0 // of the steps: their answers were read
	unread := 0
	for i, s := range steps {
		c.send(sts[i], s.Args)
		for _, v := range s.Args.Values {
			unread += len(v)
		}
		if unread += 64 + len(s.SQL)/8; unread < maxUnread && i < len(steps)-1 {
			continue
		}
		last := i == len(steps)-1
		if last {
			c.fe.SendSync(&pgproto3.Sync{})
		} else {
			c.fe.Send(&pgproto3.Flush{})
		}
		if err := c.flush(); err != nil {
			return err
		}
		for unread = 0; read <= i && failed == nil; read++ {
			if failed, err = c.step(sts[read], steps[read].Sink); err != nil {
				return err
			}
			if failed != nil {
				c.forget(failed, sts[read])
				failed = fmt.Errorf("step %d of the pipeline: %w", read+1, failed)
			}
		}
		if failed != nil && !last { // the server drops everything up to a Sync
			c.fe.SendSync(&pgproto3.Sync{})
			if err := c.flush(); err != nil {
				return err
			}
		}
		if last || failed != nil {
			break
		}
	}
	if len(steps) == 0 {
		return nil
	}
	if _, err := c.results(Discard); err != nil {
		return err
	}
	return failed
}

// step reads the answer to one statement of a pipeline.
func (c *Conn) step(st *Statement, sink Sink) (failed, err error) {
	if len(st.Fields) > 0 {
		sink.Columns(st.Fields)
	}
	for {
		m, err := c.receive()
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			if failed == nil {
				failed = sink.Row(m.Values)
			}
		case *pgproto3.CommandComplete:
			sink.Done(string(m.CommandTag))
			return failed, nil
		case *pgproto3.EmptyQueryResponse:
			sink.Done("")
			return failed, nil
		case *pgproto3.ErrorResponse:
			return c.failed(m), nil
		case *pgproto3.CopyInResponse, *pgproto3.CopyOutResponse:
			return nil, c.fail(errors.New("a COPY stands in a pipeline"))
		}
	}
}
