package postgres

// A pool: connections that open when they are needed, wait in a stack, and are handed
// on in the order they were asked for.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Config is what a pool is made of. Only URL is required.
type Config struct {
	// Name is what errors call the pool. Default: none.
	Name string
	// URL is the server: a postgres:// URL or libpq's text of keywords.
	URL string
	// Resolve finds the URL when a connection is first wanted; it may start the server. Default: nil, URL is what counts.
	Resolve func(ctx context.Context) (url string, err error)
	// Params are set when a connection opens, as by SET. Default: none.
	Params map[string]string
	// Size is the most connections. Default: 10.
	Size int
	// ConnectTimeout is how long connecting may take. Default: 5 s.
	ConnectTimeout time.Duration
	// PoolTimeout is how long to wait for a connection. Default: 5 s.
	PoolTimeout time.Duration
	// StatementTimeout is how long a statement may take. Default: 0, no limit.
	StatementTimeout time.Duration
	// Hint is what errors advise when the server is not there. Default: none.
	Hint string
}

func (c Config) filled() Config {
	if c.Size <= 0 {
		c.Size = 10
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	if c.PoolTimeout <= 0 {
		c.PoolTimeout = 5 * time.Second
	}
	return c
}

const (
	firstPause = 20 * time.Millisecond // before the next attempt at a server that is down
	mostPause  = time.Second
)

// reset takes from a session what the next one must not have.
const reset = "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL; RESET SESSION AUTHORIZATION; DISCARD TEMP"

// Pool is a number of connections to one server. Safe for use by many goroutines.
type Pool struct {
	config Config
	found  chan struct{} // has room for one: who looks for the URL
	dialer *dialer       // nil: nobody knows it yet; set once, while found is held
	wrong  error         // why the URL is of no use

	mu      sync.Mutex
	closed  bool
	open    int // connections there are, and being made
	idle    []*Conn
	waiting []chan *Conn // nil is sent as leave to open one
	held    map[*Conn]Holder
	stats   Stats
	since   time.Time // the server is down
	next    time.Time // the next attempt
	pause   time.Duration
	why     error
}

// Stats are counters of a pool.
type Stats struct {
	Size, Open, Idle, InUse, Waiting int
	// Acquired, Dialed, Failed and TimedOut count since the beginning.
	Acquired, Dialed, Failed, TimedOut int64
	// DownSince is zero while the server can be reached.
	DownSince time.Time
}

// New returns a pool that connects when it is first used.
func New(c Config) *Pool {
	c = c.filled()
	p := &Pool{config: c, found: make(chan struct{}, 1), held: map[*Conn]Holder{}}
	if c.Resolve == nil {
		p.dialer, p.wrong = newDialer(c)
	}
	return p
}

// Config returns what the pool was made of, with the defaults filled in.
func (p *Pool) Config() Config { return p.config }

// Stats returns the counters.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Size, s.Open, s.Idle, s.InUse, s.Waiting = p.config.Size, p.open, len(p.idle), len(p.held), len(p.waiting)
	s.DownSince = p.since
	return s
}

// Ping reports whether a statement can be run.
func (p *Pool) Ping(ctx context.Context) error {
	c, err := p.Acquire(ctx, "health check")
	if err != nil {
		return err
	}
	defer c.Release()
	return c.Simple(ctx, "SELECT 1", Discard)
}

// Acquire returns a connection, in the order of asking. The label is what errors of
// others call the caller while it has it.
func (p *Pool) Acquire(ctx context.Context, label string) (*Conn, error) {
	if err := p.find(ctx); err != nil {
		return nil, err
	}
	for {
		c, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		if c == nil {
			if c, err = p.dial(ctx); err != nil {
				return nil, err
			}
		} else if c.gone() {
			p.drop(c)
			continue
		}
		p.mu.Lock()
		p.held[c] = Holder{label, time.Now()}
		p.stats.Acquired++
		p.mu.Unlock()
		return c, nil
	}
}

// find has the URL of the server found if nobody has it yet. What fails is tried again by the next caller.
func (p *Pool) find(ctx context.Context) error {
	if p.config.Resolve == nil {
		return p.wrong
	}
	select {
	case p.found <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.found }()
	if p.dialer != nil {
		return nil
	}
	url, err := p.config.Resolve(ctx)
	if err != nil {
		return fmt.Errorf("find postgres %q: %w", p.config.Name, err)
	}
	c := p.config
	c.URL = url
	d, err := newDialer(c)
	if err != nil {
		return err
	}
	p.dialer = d
	return nil
}

// gone reports whether the server closed an idle connection.
func (c *Conn) gone() bool {
	if c.broken != nil {
		return true
	}
	if !readable(c.pg.Conn()) {
		return false
	}
	return c.look(time.Now()) != nil
}

// take returns an idle connection, or nil with leave to open one.
func (p *Pool) take(ctx context.Context) (*Conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	if p.open < p.config.Size {
		p.open++
		p.mu.Unlock()
		return nil, nil
	}
	turn := make(chan *Conn, 1)
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	start := time.Now()
	patience := time.NewTimer(p.config.PoolTimeout)
	defer patience.Stop()
	select {
	case c, ok := <-turn:
		if !ok {
			return nil, ErrClosed
		}
		return c, nil
	case <-patience.C:
		return nil, p.giveUp(turn, p.busy(time.Since(start)))
	case <-ctx.Done():
		return nil, p.giveUp(turn, ctx.Err())
	}
}

// giveUp leaves the queue; what came meanwhile goes to the next one.
func (p *Pool) giveUp(turn chan *Conn, err error) error {
	p.mu.Lock()
	if i := slices.Index(p.waiting, turn); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.stats.TimedOut++
		p.mu.Unlock()
		return err
	}
	p.mu.Unlock()
	if c, ok := <-turn; ok {
		p.pass(c)
	}
	return err
}

func (p *Pool) busy(waited time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &BusyError{Server: p.dialer.server, Size: p.config.Size, Waited: waited}
	for _, h := range p.held {
		e.Holders = append(e.Holders, h)
	}
	slices.SortFunc(e.Holders, func(a, b Holder) int { return a.Since.Compare(b.Since) })
	return e
}

// dial opens a connection for which there is leave. While a server is down attempts
// are rare, and those between them fail at once.
func (p *Pool) dial(ctx context.Context) (*Conn, error) {
	p.mu.Lock()
	if wait := time.Until(p.next); wait > 0 {
		err := &DownError{Server: p.dialer.server, Since: p.since, Hint: p.config.Hint, Err: p.why}
		p.mu.Unlock()
		p.pass(nil)
		return nil, err
	}
	p.mu.Unlock()
	c, err := p.dialer.dial(ctx)
	p.mu.Lock()
	if err == nil {
		p.since, p.next, p.pause, p.why = time.Time{}, time.Time{}, 0, nil
		p.stats.Dialed++
		c.pool = p
		p.mu.Unlock()
		return c, nil
	}
	p.stats.Failed++
	if !errors.Is(err, context.Canceled) {
		if p.since.IsZero() {
			p.since = time.Now()
		}
		p.pause = min(max(2*p.pause, firstPause), mostPause)
		p.next, p.why = time.Now().Add(p.pause), err
	}
	down := &DownError{Server: p.dialer.server, Since: p.since, Hint: p.config.Hint, Err: err}
	p.mu.Unlock()
	p.pass(nil)
	return nil, down
}

// pass hands a connection, or with nil the leave to open one, to who waits longest.
func (p *Pool) pass(c *Conn) {
	p.mu.Lock()
	if len(p.waiting) > 0 {
		turn := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		turn <- c
		return
	}
	if c == nil {
		p.open--
	} else if !p.closed {
		c.idleSince = time.Now()
		p.idle = append(p.idle, c)
		c = nil
	} else {
		p.open--
	}
	p.mu.Unlock()
	if c != nil {
		c.close()
	}
}

// drop closes a connection and gives the leave to open another one away.
func (p *Pool) drop(c *Conn) {
	c.close()
	p.pass(nil)
}

// release takes a connection back, in the state that the next one expects.
func (p *Pool) release(c *Conn) {
	p.mu.Lock()
	if _, ok := p.held[c]; !ok { // released twice
		p.mu.Unlock()
		return
	}
	delete(p.held, c)
	p.mu.Unlock()
	if c.broken == nil && (c.tx != 'I' || c.dirty) {
		ctx, cancel := context.WithTimeout(context.Background(), cancelPatience)
		defer cancel()
		if c.tx != 'I' {
			_ = c.Simple(ctx, "ROLLBACK", Discard) // if it fails the state tells
		}
		if c.broken == nil && c.dirty {
			if c.Simple(ctx, reset, Discard) != nil {
				c.fail(errors.New("its session could not be reset"))
			}
			c.dirty = false
		}
		if c.broken == nil && c.tx != 'I' {
			c.fail(errors.New("its transaction could not be ended"))
		}
	}
	c.Notices()
	c.Notifications()
	if c.broken != nil {
		p.drop(c)
		return
	}
	p.pass(c)
}

// Close closes the connections that are idle, and the others when they are released.
// Whoever waits gets ErrClosed.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	idle, waiting := p.idle, p.waiting
	p.idle, p.waiting = nil, nil
	p.open -= len(idle)
	p.mu.Unlock()
	for _, turn := range waiting {
		close(turn)
	}
	for _, c := range idle {
		c.close()
	}
}
