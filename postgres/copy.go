package postgres

// COPY, both ways: data goes through in pieces, at the speed of the slower side.

import (
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// CopyIn is a COPY … FROM STDIN under way. It has its connection until Close or Fail.
type CopyIn struct {
	c   *Conn
	end func()
}

// CopyIn begins a COPY from the client, after another text as in SimpleAfter.
func (c *Conn) CopyIn(ctx context.Context, first, sql string) (*CopyIn, error) {
	end, err := c.copying(ctx, first, sql, func(m pgproto3.BackendMessage) bool {
		_, ok := m.(*pgproto3.CopyInResponse)
		return ok
	})
	if err != nil {
		return nil, err
	}
	return &CopyIn{c, end}, nil
}

// copying sends a statement and returns with the turn when the server says as `begun`
// knows that a copy begins.
func (c *Conn) copying(ctx context.Context, first, sql string, begun func(pgproto3.BackendMessage) bool) (func(), error) {
	end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer c.count.ran(1, time.Now()) // up to its data, whose time is the caller's
	if c.tx != 'I' {
		first = ""
	}
	if first != "" {
		c.fe.SendQuery(&pgproto3.Query{String: first})
	}
	c.fe.SendQuery(&pgproto3.Query{String: sql})
	if err := c.flush(); err != nil {
		end()
		return nil, err
	}
	if first != "" {
		if _, err := c.results(Discard); err != nil {
			end()
			return nil, err
		}
	}
	var failed error
	for {
		m, err := c.receive()
		if err != nil {
			end()
			return nil, err
		}
		if begun(m) {
			return end, nil
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			failed = c.failed(m)
		case *pgproto3.CopyInResponse:
			failed = ErrCopyIn
			c.fe.Send(&pgproto3.CopyFail{Message: "no data was given"})
			if err := c.flush(); err != nil {
				end()
				return nil, err
			}
		case *pgproto3.CopyOutResponse:
			failed = ErrCopyOut
		case *pgproto3.ReadyForQuery:
			end()
			if failed == nil {
				failed = errNoCopy
			}
			return nil, failed
		}
	}
}

// Write sends a piece of the data.
func (w *CopyIn) Write(p []byte) (int, error) {
	if w.end == nil {
		return 0, ErrClosed
	}
	const most = 1 << 20 // of one message
	for n := 0; n < len(p); n += most {
		if err := w.c.fe.SendUnbufferedEncodedCopyData(encodeCopyData(p[n:min(n+most, len(p))])); err != nil {
			return n, w.c.fail(err)
		}
	}
	return len(p), nil
}

func encodeCopyData(p []byte) []byte {
	b, _ := (&pgproto3.CopyData{Data: p}).Encode(make([]byte, 0, len(p)+5)) // fails beyond 1 GiB
	return b
}

// Close ends the data and returns the server's words, "COPY 3".
func (w *CopyIn) Close() (string, error) {
	return w.finish(&pgproto3.CopyDone{})
}

// Fail gives the copy up; the server reports the reason as an error, which is returned.
func (w *CopyIn) Fail(reason string) error {
	_, err := w.finish(&pgproto3.CopyFail{Message: reason})
	return err
}

func (w *CopyIn) finish(m pgproto3.FrontendMessage) (string, error) {
	if w.end == nil {
		return "", ErrClosed
	}
	defer func() { w.end(); w.end = nil }()
	w.c.fe.Send(m)
	if err := w.c.flush(); err != nil {
		return "", err
	}
	var tag tagged
	failed, err := w.c.results(&tag)
	if err == nil {
		err = failed
	}
	return tag.tag, err
}

// tagged is a sink that keeps the server's words.
type tagged struct {
	discard
	tag string
}

func (t *tagged) Done(tag string) { t.tag = tag }

// CopyOut is a COPY … TO STDOUT under way. It has its connection until Read returns an
// error, which at the end is io.EOF.
type CopyOut struct {
	// Tag is the server's words after the end.
	Tag string

	c      *Conn
	end    func()
	failed error
}

// CopyOut begins a COPY to the client, after another text as in SimpleAfter.
func (c *Conn) CopyOut(ctx context.Context, first, sql string) (*CopyOut, error) {
	end, err := c.copying(ctx, first, sql, func(m pgproto3.BackendMessage) bool {
		_, ok := m.(*pgproto3.CopyOutResponse)
		return ok
	})
	if err != nil {
		return nil, err
	}
	return &CopyOut{c: c, end: end}, nil
}

// Next appends whole messages of the server, each a row in text formats, until there
// are size bytes or more.
func (r *CopyOut) Next(b []byte, size int) ([]byte, error) {
	if r.end == nil {
		return b, ErrClosed
	}
	for len(b) < size {
		m, err := r.c.receive()
		if err != nil {
			r.close()
			return b, err
		}
		switch m := m.(type) {
		case *pgproto3.CopyData:
			b = append(b, m.Data...)
		case *pgproto3.CommandComplete:
			r.Tag = string(m.CommandTag)
		case *pgproto3.ErrorResponse:
			r.failed = r.c.failed(m)
		case *pgproto3.ReadyForQuery:
			r.close()
			if r.failed != nil {
				return b, r.failed
			}
			return b, io.EOF
		}
	}
	return b, nil
}

// Abandon has the server stop and reads what it sent before it did.
func (r *CopyOut) Abandon() error {
	if r.end == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelPatience)
	defer cancel()
	if err := r.c.Cancel(ctx); err != nil {
		r.c.fail(err)
	}
	for {
		if _, err := r.Next(nil, 1<<16); err != nil {
			if err == io.EOF || err == r.failed {
				return nil
			}
			return err
		}
	}
}

func (r *CopyOut) close() {
	if r.end != nil {
		r.end()
		r.end = nil
	}
}
