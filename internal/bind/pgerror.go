package bind

// Errors of PostgreSQL on their way to Python. Those of the server go as a value, with
// all of their fields: the face makes of them the class that the SQLSTATE asks for.

import (
	"errors"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// serverError returns the fields of an error or notice, in the order the face knows.
func serverError(e *postgres.Error) py.Tuple {
	opt := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	num := func(n int32) any {
		if n == 0 {
			return nil
		}
		return n
	}
	return py.Tuple{
		e.Severity, e.Code, e.Message, opt(e.Detail), opt(e.Hint), num(e.Position), num(e.InternalPosition),
		opt(e.InternalQuery), opt(e.Where), opt(e.SchemaName), opt(e.TableName), opt(e.ColumnName),
		opt(e.DataTypeName), opt(e.ConstraintName), opt(e.File), num(e.Line), opt(e.Routine), opt(e.SeverityUnlocalized),
	}
}

// failure returns what the face is told of an error: None, the fields of the server's
// error, or (kind, message) for everything else.
func failure(err error) any {
	if err == nil {
		return nil
	}
	kind := "lost"
	var lost *postgres.LostError
	var down *postgres.DownError
	var server *postgres.Error
	switch {
	case errors.As(err, &down) && !down.Since.IsZero() && errors.As(down.Err, &server):
		refused := *server // of the class that the server says; of a pool one wants to know which
		refused.Message = down.Error()
		return serverError(&refused)
	case errors.As(err, &lost):
		if errors.As(lost.Err, &server) { // the last words of a server that ends the connection
			return serverError(server)
		}
	case errors.As(err, &server):
		return serverError(server)
	case errors.Is(err, postgres.ErrCopyIn):
		kind = "copy_in"
	case errors.Is(err, postgres.ErrCopyOut):
		kind = "copy_out"
	case errors.Is(err, postgres.ErrClosed):
		kind = "closed"
	default:
		kind = "failed"
	}
	return py.Tuple{kind, err.Error()}
}

// notes returns what a connection was told beside answers, None for nothing.
func notes(c *postgres.Conn) (notices, notifications any) {
	if all := c.Notices(); len(all) > 0 {
		list := make([]any, len(all))
		for i, n := range all {
			list[i] = serverError(n)
		}
		notices = list
	}
	if all := c.Notifications(); len(all) > 0 {
		list := make([]any, len(all))
		for i, n := range all {
			list[i] = py.Tuple{n.PID, n.Channel, n.Payload}
		}
		notifications = list
	}
	return notices, notifications
}
