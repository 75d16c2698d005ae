package bind

// What Python asks of a connection that it holds: statements in the simple protocol,
// the way DB-API drivers speak to the server.

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// query(number, first, sql, text) runs sql after first (None: nothing), types in text
// coming as their text. It returns
//
//	(error, state, notices, notifications, tag, columns, rows, piece, number, pieces)
//
// where piece holds the first rows and their spots, and number is what to ask for the
// others by, 0 when these are all.
func query(ctx context.Context, s *session, args []any) (any, error) {
	first := asText(arg(args, 0))
	sql := asText(arg(args, 1))
	c := s.conn
	if s.copying() {
		return py.Tuple{py.Tuple{"failed", "run statement: a COPY is under way in this connection"}}, nil
	}
	r := s.resultOf(args)
	err := c.SimpleAfter(ctx, first, sql, r)
	return s.answer(r, err)
}

// resultOf returns what query's result goes into.
func (s *session) resultOf(args []any) *result {
	r := &result{utf8: isUTF8(s.conn.Param("client_encoding"))}
	if list, ok := arg(args, 2).([]any); ok && len(list) > 0 {
		r.text = make(map[uint32]bool, len(list))
		for _, oid := range list {
			if n, ok := oid.(int64); ok {
				r.text[uint32(n)] = true
			}
		}
	}
	return r
}

// answer puts together what query returns.
func (s *session) answer(r *result, err error) (any, error) {
	notices, notifications := notes(s.conn)
	state := string(s.conn.Tx())
	if s.conn.Broken() != nil {
		state = "X"
	}
	if err != nil {
		return py.Tuple{failure(err), state, notices, notifications}, nil
	}
	var piece any
	more := int64(0)
	if r.has {
		piece = r.pieces[0]
		more = s.keep(r.pieces)
	}
	return py.Tuple{nil, state, notices, notifications, r.tag, r.describe(), r.rows, piece, more, len(r.pieces)}, nil
}

// keep keeps the pieces of a result until it is freed, and returns its number; 0 when
// there is but one.
func (s *session) keep(pieces []py.Raw) int64 {
	if len(pieces) < 2 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results == nil { // closed meanwhile
		return 0
	}
	s.last++
	s.results[s.last] = pieces
	return s.last
}

// piece(number, result, n) returns (piece n of the result or None).
func piece(_ context.Context, s *session, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	n, _ := arg(args, 1).(int64)
	s.mu.Lock()
	defer s.mu.Unlock()
	pieces := s.results[id]
	if n < 0 || n >= int64(len(pieces)) {
		return py.Tuple{nil}, nil
	}
	return py.Tuple{pieces[n]}, nil
}

// end(number, sql) runs COMMIT or ROLLBACK if a transaction is open. As query, but
// without a result.
func end(ctx context.Context, s *session, args []any) (any, error) {
	if s.copying() {
		return py.Tuple{py.Tuple{"failed", "run statement: a COPY is under way in this connection"}}, nil
	}
	return s.answerNothing(s.conn.EndTx(ctx, asText(arg(args, 0)), postgres.Discard))
}

// free(number, result) forgets the pieces of a result.
func free(_ context.Context, s *session, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.results, id)
	return nil, nil
}

// poll(number) reads what came by itself and returns (error, state, notices, notifications).
func poll(ctx context.Context, s *session, _ []any) (any, error) {
	if s.copying() {
		return py.Tuple{nil, string(s.conn.Tx()), nil, nil}, nil
	}
	return s.answerNothing(s.conn.Poll(ctx))
}

func (s *session) answerNothing(err error) (any, error) {
	out, bad := s.answer(&result{}, err)
	if t, ok := out.(py.Tuple); ok && len(t) > 4 {
		return t[:5], bad
	}
	return out, bad
}

// param(number, name) returns (error, what the server last said of a parameter or None).
func param(_ context.Context, s *session, args []any) (any, error) {
	name, _ := arg(args, 0).(string)
	if v := s.conn.Param(name); v != "" {
		return py.Tuple{nil, v}, nil
	}
	return py.Tuple{nil, nil}, nil
}

func (s *session) copying() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in != nil || s.out != nil
}

// copyIn(number, first, sql) begins a COPY from Python. As query, but without a result.
func copyIn(ctx context.Context, s *session, args []any) (any, error) {
	if s.copying() {
		return py.Tuple{py.Tuple{"failed", "copy: another COPY is under way in this connection"}}, nil
	}
	// The copy outlives this call: its end is copy_end, or the connection's.
	in, err := s.conn.CopyIn(context.WithoutCancel(ctx), asText(arg(args, 0)), asText(arg(args, 1)))
	if err == nil {
		s.mu.Lock()
		s.in = in
		s.mu.Unlock()
	}
	return s.answerNothing(err)
}

// copyData(number, bytes) sends a piece.
func copyData(_ context.Context, s *session, args []any) (any, error) {
	s.mu.Lock()
	in := s.in
	s.mu.Unlock()
	data, _ := arg(args, 0).([]byte)
	if in == nil {
		return py.Tuple{py.Tuple{"failed", "copy: there is none under way"}}, nil
	}
	_, err := in.Write(data)
	return py.Tuple{failure(err)}, nil
}

// copyEnd(number, reason) ends the data, or with a reason gives the copy up.
func copyEnd(_ context.Context, s *session, args []any) (any, error) {
	s.mu.Lock()
	in := s.in
	s.in = nil
	s.mu.Unlock()
	if in == nil {
		return py.Tuple{py.Tuple{"failed", "copy: there is none under way"}}, nil
	}
	var r result
	var err error
	if reason, ok := arg(args, 0).(string); ok {
		err = in.Fail(reason)
	} else {
		r.tag, err = in.Close()
	}
	return s.answer(&r, err)
}

// copyOut(number, first, sql) begins a COPY to Python. As query, but without a result.
func copyOut(ctx context.Context, s *session, args []any) (any, error) {
	if s.copying() {
		return py.Tuple{py.Tuple{"failed", "copy: another COPY is under way in this connection"}}, nil
	}
	out, err := s.conn.CopyOut(context.WithoutCancel(ctx), asText(arg(args, 0)), asText(arg(args, 1)))
	if err == nil {
		s.mu.Lock()
		s.out = out
		s.mu.Unlock()
	}
	return s.answerNothing(err)
}

// copyNext(number, stop) returns (error, state, notices, notifications, tag, data): the
// next rows, the tag when they are the last. With stop it gives the copy up.
func copyNext(_ context.Context, s *session, args []any) (any, error) {
	s.mu.Lock()
	out := s.out
	s.mu.Unlock()
	if out == nil {
		return py.Tuple{py.Tuple{"failed", "copy: there is none under way"}}, nil
	}
	var data []byte
	var err error
	if stop, _ := arg(args, 0).(bool); stop {
		err = out.Abandon()
	} else if data, err = out.Next(nil, pieceBytes); err == nil {
		return py.Tuple{nil, "A", nil, nil, nil, data}, nil
	}
	s.mu.Lock()
	s.out = nil
	s.mu.Unlock()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	answer, bad := s.answer(&result{tag: out.Tag}, err)
	t, _ := answer.(py.Tuple)
	if len(t) < 5 {
		return answer, bad
	}
	return append(t[:5:5], data), bad
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// isUTF8 reports whether the client's encoding is UTF-8, by the server's name for it.
func isUTF8(name string) bool {
	return name == "" || strings.EqualFold(name, "UTF8") || strings.EqualFold(name, "UNICODE")
}

var _ postgres.Sink = (*result)(nil)
