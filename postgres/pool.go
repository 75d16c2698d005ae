package postgres

// A pool: connections that open when they are needed, wait in a stack, and are handed
// on in the order they were asked for.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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
	// Apart has each statement that Share runs wait for a connection of its own. Default: false.
	Apart bool
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
	found  chan struct{}          // has room for one: who looks for the URL
	dialer atomic.Pointer[dialer] // nil: nobody knows it yet; set while found is held
	lost   atomic.Bool            // the server was not where dialer says: it is to be found again
	wrong  error                  // why the URL is of no use
	count  counters
	known  known

	patience time.Duration // how long those behind a statement wait for it

	over chan struct{} // closed when the pool is, and all of its connections are

	mu      sync.Mutex
	closed  bool
	open    int // connections there are, and being made
	missing int // those that were lost and have no successor yet
	server  string
	idle    []*Conn
	waiting []waiter
	riders  int // how many of those share
	held    map[*Conn]Holder
	stats   Stats

	listeners map[*Listener]struct{}

	since time.Time // the server is down
	next  time.Time // the next attempt
	pause time.Duration
	why   error
}

// New returns a pool that connects when it is first used.
func New(c Config) *Pool {
	c = c.filled()
	p := &Pool{
		config: c, patience: slow, found: make(chan struct{}, 1), over: make(chan struct{}),
		held: map[*Conn]Holder{}, listeners: map[*Listener]struct{}{},
	}
	if c.Resolve == nil {
		p.wrong = p.reach(c)
	}
	return p
}

// reach has the pool dial the server of c's URL.
func (p *Pool) reach(c Config) error {
	d, err := newDialer(c)
	if err != nil {
		return err
	}
	d.count = &p.count
	p.dialer.Store(d)
	p.lost.Store(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = time.Time{} // whoever found it has looked
	p.server = Masked(c.URL)
	return nil
}

// Config returns what the pool was made of, with the defaults filled in.
func (p *Pool) Config() Config { return p.config }

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
		if !p.hold(c, label) {
			c.close()
			p.left(1)
			return nil, ErrClosed
		}
		return c, nil
	}
}

// Idle returns a connection that is free, as Acquire does, and nil when there is none:
// it does not wait. The one used last comes first.
func (p *Pool) Idle(label string) *Conn {
	p.mu.Lock()
	n := len(p.idle)
	if n == 0 || p.closed {
		p.mu.Unlock()
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	p.mu.Unlock()
	if c.broken != nil || readable(c.pg.Conn()) { // Acquire looks what it is
		p.pass(c)
		return nil
	}
	if !p.hold(c, label) {
		c.close()
		p.left(1)
		return nil
	}
	return c
}

// hold notes who has a connection; false: the pool was closed meanwhile.
func (p *Pool) hold(c *Conn, label string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.held[c] = Holder{label, time.Now()}
	p.stats.Acquired++
	return true
}

// find has the URL of the server found if nobody has it yet, or it is not there any more. What fails is tried again by the next caller.
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
	if p.dialer.Load() != nil && !p.lost.Load() {
		return nil
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return ErrClosed
	}
	url, err := p.config.Resolve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.down(fmt.Sprintf("postgres %q", p.config.Name), err)
	}
	c := p.config
	c.URL = url
	return p.reach(c)
}

// down notes that the server can not be reached, and returns the error that says so. The
// caller holds mu.
func (p *Pool) down(server string, err error) error {
	p.stats.Failed++
	if p.since.IsZero() {
		p.since = time.Now()
	}
	p.why = err
	p.lost.Store(true) // whoever resolves the URL may start the server again
	return &DownError{Server: server, Since: p.since, Hint: p.config.Hint, Err: err}
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

// dial opens a connection for which there is leave. While a server is down attempts
// are rare, and those between them fail at once.
func (p *Pool) dial(ctx context.Context) (*Conn, error) {
	p.mu.Lock()
	if wait := time.Until(p.next); wait > 0 {
		err := &DownError{Server: p.dialer.Load().server, Since: p.since, Hint: p.config.Hint, Err: p.why}
		p.mu.Unlock()
		p.pass(nil)
		return nil, err
	}
	p.mu.Unlock()
	c, err := p.dialer.Load().dial(ctx)
	p.mu.Lock()
	if err == nil {
		p.since, p.next, p.pause, p.why = time.Time{}, time.Time{}, 0, nil
		p.stats.Dialed++
		if p.missing > 0 {
			p.missing--
			p.stats.Reconnected++
		}
		c.pool = p
		p.mu.Unlock()
		return c, nil
	}
	var down error = &DownError{Server: p.dialer.Load().server, Since: p.since, Hint: p.config.Hint, Err: err}
	if !errors.Is(err, context.Canceled) {
		down = p.down(p.dialer.Load().server, err)
		p.pause = min(max(2*p.pause, firstPause), mostPause)
		p.next = time.Now().Add(p.pause)
	}
	p.mu.Unlock()
	p.pass(nil)
	return nil, down
}

// pass hands a connection, or with nil the leave to open one, to who waits longest.
func (p *Pool) pass(c *Conn) {
	p.mu.Lock()
	if len(p.waiting) > 0 {
		w := p.waiting[0]
		if w.ride != nil {
			g := p.turn(c)
			p.mu.Unlock()
			w.ride.share.turns <- g
			return
		}
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		w.turn <- c
		return
	}
	if c != nil && !p.closed {
		c.idleSince = time.Now()
		p.idle = append(p.idle, c)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	if c != nil {
		c.close()
	}
	p.left(1)
}

// left notes that there are n connections fewer.
func (p *Pool) left(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open -= n
	if p.closed && p.open == 0 {
		select {
		case <-p.over:
		default:
			close(p.over)
		}
	}
}

// drop closes a connection and gives the leave to open another one away.
func (p *Pool) drop(c *Conn) {
	lost := c.broken != nil && !errors.Is(c.broken, ErrClosed)
	c.close()
	if lost {
		p.mu.Lock()
		p.missing++
		p.mu.Unlock()
	}
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
	p.idle, p.waiting, p.riders = nil, nil, 0
	for _, w := range waiting {
		if w.ride != nil {
			w.ride.state = rideGoes
		}
	}
	p.mu.Unlock()
	var rides []*Ride
	for _, w := range waiting {
		if w.ride != nil {
			rides = append(rides, w.ride)
		} else {
			close(w.turn)
		}
	}
	p.end(rides, ErrClosed)
	var all sync.WaitGroup
	for _, c := range idle {
		all.Go(c.close)
	}
	all.Wait()
	p.left(len(idle))
}
