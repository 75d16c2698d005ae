package postgres

// A connection after its handshake: who may use it, how what was asked is given up,
// and the messages that may come at any time.

import (
	"context"
	"fmt"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// cancelPatience is how long a server may take to end a statement it was asked to
// cancel. A connection that needs longer is given up.
const cancelPatience = 5 * time.Second

// maxKept is how many notices and notifications a connection keeps for who asks.
const maxKept = 1000

// Conn is a connection. Statements of several goroutines run one after the other.
type Conn struct {
	pg     *pgconn.PgConn // did the handshake; cancels and closes
	fe     *pgproto3.Frontend
	feed   *feed // what it reads from
	config *pgconn.Config
	server string
	count  *counters
	pool   *Pool  // nil: none
	apart  *Apart // whose it is if it has no pool; nil: nobody's
	line   *line  // the socket; nil: it goes through TLS
	turn   chan struct{}

	// Of whoever has the turn.
	tx         byte
	broken     error
	dirty      bool // a session was made of it: reset before the next one has it
	statements statements
	idleSince  time.Time
	late       func() error // asked whether a read that did not end in time goes on; nil: it does not

	mu            sync.Mutex
	params        map[string]string
	notices       []*Error
	notifications []Notification
}

func newConn(pg *pgconn.PgConn, feed *feed, config *pgconn.Config, server string, count *counters) *Conn {
	c := &Conn{pg: pg, fe: pg.Frontend(), feed: feed, config: config, server: server, count: count, turn: make(chan struct{}, 1), tx: pg.TxStatus(), params: map[string]string{}}
	c.line, _ = pg.Conn().(*line)
	for _, key := range []string{
		"server_version", "server_encoding", "client_encoding", "application_name", "is_superuser",
		"session_authorization", "DateStyle", "IntervalStyle", "TimeZone", "integer_datetimes",
		"standard_conforming_strings", "default_transaction_read_only", "in_hot_standby",
	} {
		if v := pg.ParameterStatus(key); v != "" {
			c.params[key] = v
		}
	}
	return c
}

// PID returns the number of the server's process.
func (c *Conn) PID() uint32 { return c.pg.PID() }

// Server returns the name of the server and its URL, without the password.
func (c *Conn) Server() string { return c.server }

// Param returns what the server last reported of a parameter such as "client_encoding".
func (c *Conn) Param(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.params[key]
}

// About returns what is known of the connection: the server's parameters as it reports
// them, and "host", "port", "dbname", "user", "password", "socket" (a descriptor to be
// watched, not used), "ssl".
func (c *Conn) About() map[string]string {
	c.mu.Lock()
	about := maps.Clone(c.params)
	c.mu.Unlock()
	config := c.config
	about["host"], about["port"] = config.Host, fmt.Sprint(config.Port)
	about["dbname"], about["user"], about["password"] = config.Database, config.User, config.Password
	about["options"] = config.RuntimeParams["options"]
	if _, ok := c.pg.Conn().(interface{ NetConn() net.Conn }); ok {
		about["ssl"] = "1"
	}
	if fd := c.Socket(); fd >= 0 {
		about["socket"] = fmt.Sprint(fd)
	}
	return about
}

// Tx returns the state of the transaction: 'I' none, 'T' in one, 'E' in one that failed.
func (c *Conn) Tx() byte { return c.tx }

// Broken returns why the connection is of no use any more, nil while it is.
func (c *Conn) Broken() error { return c.broken }

// Dirty has the session's state reset when the connection goes back to its pool.
func (c *Conn) Dirty() { c.dirty = true }

// Notices returns the notices that came since it was last asked.
func (c *Conn) Notices() []*Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.notices
	c.notices = nil
	return n
}

// Notifications returns what came for LISTEN since it was last asked.
func (c *Conn) Notifications() []Notification {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.notifications
	c.notifications = nil
	return n
}

// Cancel asks the server to give up what the connection is doing. For other goroutines
// than the one that waits for it.
func (c *Conn) Cancel(ctx context.Context) error {
	if err := c.pg.CancelRequest(ctx); err != nil {
		return fmt.Errorf("cancel on %s: %w", c.server, err)
	}
	return nil
}

// Release gives the connection back to its pool, or closes it when it has none. What is
// under way in it is cancelled.
func (c *Conn) Release() {
	switch {
	case c.pool != nil:
		c.pool.release(c)
	case c.apart == nil || c.apart.forget(c):
		c.close()
	}
}

// Discard closes the connection even if it has a pool.
func (c *Conn) Discard() {
	if c.broken == nil {
		c.broken = ErrClosed
	}
	c.Release()
}

func (c *Conn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.pg.Close(ctx) // best effort: the server sees the end of the connection in any case
	if c.broken == nil {
		c.broken = ErrClosed
	}
}

// begin takes the turn for an exchange that ends when the returned function is called.
// While it lasts, the end of ctx has the server cancel it.
func (c *Conn) begin(ctx context.Context) (end func(), err error) {
	select {
	case c.turn <- struct{}{}:
	default:
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if c.broken != nil {
		<-c.turn
		return nil, c.broken
	}
	unwatch, err := c.watch(ctx)
	if err != nil {
		<-c.turn
		return nil, err
	}
	return func() { unwatch(); <-c.turn }, nil
}

// watch has ctx's end cancel what runs, until the returned function is called.
func (c *Conn) watch(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.watching(ctx), nil
}

// watching is watch for what runs already when ctx may have ended.
func (c *Conn) watching(ctx context.Context) (end func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		_ = c.pg.Conn().SetDeadline(time.Now().Add(cancelPatience))
		give, cancel := context.WithTimeout(context.Background(), cancelPatience)
		defer cancel()
		_ = c.pg.CancelRequest(give) // without it the deadline ends the wait
	})
	return func() {
		if stop() {
			return
		}
		<-over // or the request would hit the next statement
		_ = c.pg.Conn().SetDeadline(time.Time{})
	}
}

// fail makes the connection unusable and returns why.
func (c *Conn) fail(err error) error {
	if c.broken == nil {
		c.count.lost.Add(1)
		c.broken = &LostError{Server: c.server, Err: err}
		_ = c.pg.Conn().Close()
	}
	return c.broken
}

func (c *Conn) flush() error {
	if err := c.fe.Flush(); err != nil {
		return c.lastWords(err)
	}
	return nil
}

// lastWords fails with what the server said before it went away, if it is there to be
// read, else with err.
func (c *Conn) lastWords(err error) error {
	_ = c.pg.Conn().SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	for {
		m, gone := c.fe.Receive()
		if gone != nil {
			return c.fail(err)
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok {
			said := Error(*e)
			return c.fail(&said)
		}
	}
}

// receive returns the next message that answers something. The message is gone with
// the next one.
func (c *Conn) receive() (pgproto3.BackendMessage, error) {
	for {
		m, err := c.next()
		if err == errNotYet {
			return nil, err
		}
		if err != nil {
			if err = c.inTime(err); err == nil {
				continue
			}
			return nil, c.fail(err)
		}
		if !c.aside(m) {
			if r, ok := m.(*pgproto3.ReadyForQuery); ok {
				c.tx = r.TxStatus
				c.feed.got = 0
				if c.line != nil {
					c.line.big(false)
				}
			}
			return m, nil
		}
	}
}

// muchRead is after how many bytes an answer is a big one, see line.stay.
const muchRead = 64 << 10

// next returns the next message, rows without the frontend.
func (c *Conn) next() (pgproto3.BackendMessage, error) {
	if c.line != nil {
		c.line.big(c.feed.got >= muchRead)
	}
	if row, err := c.feed.nextRow(); row != nil || err != nil {
		return row, err
	}
	return c.fe.Receive()
}

// unread returns how many bytes of the server's were taken from the socket and not read.
func (c *Conn) unread() int { return c.fe.ReadBufferLen() + c.feed.unread() }

// aside keeps what may come at any time and answers nothing; false: m is something else.
func (c *Conn) aside(m pgproto3.BackendMessage) bool {
	switch m := m.(type) {
	case *pgproto3.NoticeResponse:
		n := Error(*m)
		c.mu.Lock()
		c.notices = kept(c.notices, &n)
		c.mu.Unlock()
	case *pgproto3.NotificationResponse:
		c.mu.Lock()
		c.notifications = kept(c.notifications, Notification{m.PID, m.Channel, m.Payload})
		c.mu.Unlock()
	case *pgproto3.ParameterStatus:
		c.mu.Lock()
		c.params[m.Name] = m.Value
		c.mu.Unlock()
	default:
		return false
	}
	return true
}

// kept appends, and drops the oldest beyond what is kept.
func kept[T any](list []T, v T) []T {
	if len(list) >= maxKept {
		list = list[1:]
	}
	return append(list, v)
}

// failed notes an error of the server's; a fatal one ends the connection.
func (c *Conn) failed(m *pgproto3.ErrorResponse) *Error {
	e := Error(*m)
	if e.Fatal() {
		c.fail(&e)
		return &e
	}
	c.count.refused.Add(1)
	return &e
}
