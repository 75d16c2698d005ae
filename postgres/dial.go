package postgres

// Connecting: what a URL means, what of it may be shown, and the handshake, which is
// pgconn's; everything after that is in conn.go.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// dialer is a URL that was understood.
type dialer struct {
	config  *pgconn.Config
	server  string
	timeout time.Duration
	count   *counters // of the connections
}

func newDialer(c Config) (*dialer, error) {
	server := "postgres at " + Masked(c.URL)
	if c.Name != "" {
		server = fmt.Sprintf("postgres %q at %s", c.Name, Masked(c.URL))
	}
	config, err := parse(c.URL)
	if err != nil {
		why := err
		if inner := errors.Unwrap(err); inner != nil {
			why = inner
		}
		return nil, fmt.Errorf("read the URL of %s: %w", server, why)
	}
	if name := config.RuntimeParams["fallback_application_name"]; config.RuntimeParams["application_name"] == "" && name != "" {
		config.RuntimeParams["application_name"] = name
	}
	for _, key := range notForServer {
		delete(config.RuntimeParams, key)
	}
	for key, value := range c.Params {
		config.RuntimeParams[key] = value
	}
	if c.StatementTimeout > 0 {
		config.RuntimeParams["statement_timeout"] = fmt.Sprint(c.StatementTimeout.Milliseconds())
	}
	timeout := c.ConnectTimeout
	if config.ConnectTimeout > 0 { // said in the URL
		timeout = config.ConnectTimeout
	}
	config.ConnectTimeout = timeout
	config.AfterNetConnect = newLine
	return &dialer{config: config, server: server, timeout: timeout, count: new(counters)}, nil
}

func (d *dialer) dial(ctx context.Context) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	config := d.config.Copy()
	var early []*Error
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { early = append(early, notice(n)) }
	var in *feed
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend { // once for each server that is tried
		in = newFeed(r)
		return pgproto3.NewFrontend(in, w)
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, plainly(err)
	}
	c := newConn(pg, in, config, d.server, d.count)
	c.notices = early
	return c, nil
}

// notice turns pgconn's form of the protocol's fields into ours.
func notice(n *pgconn.Notice) *Error {
	return &Error{
		Severity: n.Severity, SeverityUnlocalized: n.SeverityUnlocalized, Code: n.Code, Message: n.Message,
		Detail: n.Detail, Hint: n.Hint, Position: n.Position, InternalPosition: n.InternalPosition,
		InternalQuery: n.InternalQuery, Where: n.Where, SchemaName: n.SchemaName, TableName: n.TableName,
		ColumnName: n.ColumnName, DataTypeName: n.DataTypeName, ConstraintName: n.ConstraintName,
		File: n.File, Line: n.Line, Routine: n.Routine,
	}
}

// plainly leaves out of an error of connecting what Server says already.
func plainly(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return notice((*pgconn.Notice)(pg))
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	if inner := (*pgconn.ConnectError)(nil); errors.As(err, &inner) {
		return errors.Unwrap(inner)
	}
	return err
}

var password = regexp.MustCompile(`(?i)(password\s*=\s*)('(?:\\.|[^'\\])*'|\S+)`)

// Masked returns a URL, or libpq's text of keywords, without its password.
func Masked(dsn string) string {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return password.ReplaceAllString(dsn, "${1}***")
	}
	u, err := url.Parse(dsn)
	if err != nil { // nothing of what can not be read is shown
		scheme, _, _ := strings.Cut(dsn, "://")
		return scheme + "://***"
	}
	query := u.Query()
	if query.Has("password") {
		query.Set("password", "***")
		u.RawQuery = query.Encode()
	}
	if _, has := u.User.Password(); has {
		user := u.User.Username()
		u.User = nil
		rest := strings.TrimPrefix(u.String(), u.Scheme+"://")
		return u.Scheme + "://" + url.User(user).String() + ":***@" + rest
	}
	return u.String()
}
