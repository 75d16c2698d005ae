package postgres

// Statements of many callers that share what connections there are: while some are free
// each has one to itself, as by Acquire; when all are in use, those that only read and are
// known to be quick wait together, and leave together with the next one that is free.

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxTogether is the most statements of one trip. Each has the others before it to wait for.
const maxTogether = 8

// Rider is what one caller of [Pool.Share] wants.
type Rider interface {
	// Args returns the values for the statement, once it is planned.
	Args(st *Statement) (Args, error)
	// The answer. When it is asked for again, Columns is called again.
	Sink
}

// Ride is a statement on its way. Pool, SQL and Rider are set before it is shared.
type Ride struct {
	SQL   string
	Rider Rider
	// Err is how it ended, as Query of the pool would have returned it.
	Err error

	share *share
	at    int // its number among those that were shared with it
	since time.Time

	// Of the pool's lock.
	state rideState
	gone  bool               // its caller does not wait any more
	trip  *trip              // while it rides
	stop  context.CancelFunc // while it is alone

	planned  *Statement // of its trip: nil, it was not sent
	unwanted bool       // of the trip's lock: gone
}

type rideState uint8

const (
	rideNew rideState = iota
	rideWaits
	rideGoes
	rideOver
)

// share is one call of Share.
type share struct {
	pool     *Pool
	ctx      context.Context
	rides    []Ride
	answered func(from, to int)
	turns    chan party // has room for one of each ride
	left     atomic.Int64
	over     chan struct{} // closed when none is left
	running  sync.WaitGroup
}

// party are statements that go together, on a connection, or with leave to open one.
type party struct {
	conn  *Conn
	rides []*Ride
	gone  bool // none of this: their callers gave up
}

// Shares reports whether sql may be one of those that share: Query has run it before, it
// only reads, and it was quick. It does not wait.
func (p *Pool) Shares(sql []byte) bool { return !p.config.Apart && p.known.isQuick(sql) }

// Free returns how many statements would get a connection without waiting for it. It does
// not wait.
func (p *Pool) Free() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + p.config.Size - p.open
}

// Share runs statements of which [Pool.Shares] said yes, each by itself as Query does, and
// returns when all are over. Whenever some of them are, which stand behind one another,
// answered is called with the number of the first and of the one behind the last: also on
// other goroutines, at the same time for others.
func (p *Pool) Share(ctx context.Context, rides []Ride, answered func(from, to int)) {
	s := &share{
		pool: p, ctx: ctx, rides: rides, answered: answered, turns: make(chan party, len(rides)), over: make(chan struct{}),
	}
	s.left.Store(int64(len(rides)))
	now := time.Now()
	all := make([]*Ride, len(rides))
	for i := range rides {
		r := &rides[i]
		r.share, r.at, r.since = s, i, now
		all[i] = r
	}
	if err := p.find(ctx); err != nil {
		p.end(all, err)
		return
	}
	stop := context.AfterFunc(ctx, func() {
		for _, r := range all {
			p.GiveUp(r)
		}
	})
	defer stop()
	parties, wait := p.enqueue(all)
	for i, g := range parties {
		if i == len(parties)-1 && !wait {
			p.drive(g) // what comes first needs no goroutine of its own
			break
		}
		s.running.Go(func() { p.drive(g) })
	}
	if wait {
		s.wait()
	}
	<-s.over
	s.running.Wait()
}

// wait has those who wait go when it is their turn, or lose patience.
func (s *share) wait() {
	patience := time.NewTimer(s.pool.config.PoolTimeout)
	defer patience.Stop()
	for {
		select {
		case g := <-s.turns:
			if g.gone {
				s.pool.end(g.rides, context.Canceled)
				continue
			}
			s.running.Go(func() { s.pool.drive(g) })
		case <-patience.C:
			s.pool.late(s)
		case <-s.over:
			return
		}
	}
}

// enqueue has statements wait, and returns those whose turn it is.
func (p *Pool) enqueue(rides []*Ride) (parties []party, wait bool) {
	var gone []*Ride
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.end(rides, ErrClosed)
		return nil, false
	}
	for _, r := range rides {
		if r.gone {
			gone = append(gone, r)
			continue
		}
		r.state = rideWaits
		p.waiting = append(p.waiting, waiter{ride: r})
		p.riders++
	}
	for len(p.waiting) > 0 && p.waiting[0].ride != nil {
		if n := len(p.idle); n > 0 {
			c := p.idle[n-1]
			p.idle = p.idle[:n-1]
			parties = append(parties, p.together(c))
		} else if p.open < p.config.Size {
			p.open++
			parties = append(parties, p.together(nil))
		} else {
			break
		}
	}
	wait = len(p.waiting) > 0
	p.mu.Unlock()
	p.end(gone, context.Canceled)
	return parties, wait
}

// together takes from the front of the queue those who go with c, with nil who opens a
// connection: as many as leave some for the others that are free. Who has to have the
// statement planned goes alone. The caller holds mu.
func (p *Pool) together(c *Conn) party {
	free := 1 + len(p.idle) + p.config.Size - p.open
	most := min(maxTogether, len(p.waiting), (p.riders+free-1)/free)
	if !p.mayShare(c, p.waiting[0]) {
		most = 1
	}
	g := party{conn: c}
	for i, w := range p.waiting[:most] {
		if i > 0 && !p.mayShare(c, w) {
			break
		}
		w.ride.state = rideGoes
		g.rides = append(g.rides, w.ride)
	}
	p.waiting = p.waiting[len(g.rides):]
	p.riders -= len(g.rides)
	return g
}

// mayShare reports whether w is a statement that may share c.
func (p *Pool) mayShare(c *Conn, w waiter) bool {
	return c != nil && w.ride != nil && c.statements.has(w.ride.SQL) && p.known.stillQuick(w.ride.SQL)
}

// turn is together for those who had to wait. The caller holds mu.
func (p *Pool) turn(c *Conn) party {
	g := p.together(c)
	for _, r := range g.rides {
		p.stats.Waited++
		p.stats.WaitTime += time.Since(r.since)
	}
	return g
}

// drive runs a party, and who waits behind it.
func (p *Pool) drive(g party) {
	for len(g.rides) > 0 {
		c := g.conn
		switch {
		case c == nil || len(g.rides) == 1:
			c = p.single(c, g.rides[0])
		case c.gone():
			p.drop(c)
			p.apart(g.rides)
			return
		case !p.hold(c, g.rides[0].SQL):
			c.close()
			p.left(1)
			p.end(g.rides, ErrClosed)
			return
		default:
			p.apart(p.ride(c, g.rides))
		}
		if c == nil {
			return
		}
		g = p.handOn(c)
	}
}

// handOn takes back a connection that was held, and returns who has it next if they share it.
func (p *Pool) handOn(c *Conn) (g party) {
	if c.broken == nil && c.tx == 'I' && !c.dirty {
		c.Notices()
		c.Notifications()
		p.mu.Lock()
		if _, held := p.held[c]; held && len(p.waiting) > 0 && p.waiting[0].ride != nil {
			delete(p.held, c)
			g = p.turn(c)
		}
		p.mu.Unlock()
	}
	if g.conn == nil {
		p.release(c)
	}
	return g
}

// single runs a statement that has c, with nil leave to open a connection, to itself. It
// returns the connection, which is held.
func (p *Pool) single(c *Conn, r *Ride) *Conn {
	ctx, stop := p.alone(r)
	defer stop()
	var err error
	for c == nil || c.gone() {
		if c != nil {
			p.drop(c)
			if c, err = p.take(ctx); c != nil {
				continue
			}
		}
		if err == nil {
			c, err = p.dial(ctx)
		}
		if err != nil {
			p.end([]*Ride{r}, err)
			return nil
		}
	}
	if !p.hold(c, r.SQL) {
		c.close()
		p.left(1)
		p.end([]*Ride{r}, ErrClosed)
		return nil
	}
	p.end([]*Ride{r}, p.query(ctx, c, r.SQL, r.Rider))
	return c
}

// apart runs statements that can not share again, each when it gets a connection.
func (p *Pool) apart(rides []*Ride) {
	for _, r := range rides {
		r.share.running.Go(func() {
			ctx, stop := p.alone(r)
			defer stop()
			p.end([]*Ride{r}, p.Query(ctx, r.SQL, r.Rider))
		})
	}
}

// alone returns the context of a statement that does not share.
func (p *Pool) alone(r *Ride) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(r.share.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	r.trip, r.stop = nil, stop
	if r.gone {
		stop()
	}
	return ctx, stop
}

// GiveUp ends the wait of one caller, whose statement is cancelled if it runs already. It
// does not wait.
func (p *Pool) GiveUp(r *Ride) {
	p.mu.Lock()
	waits := r.state == rideWaits
	r.gone = true
	if waits {
		r.state = rideGoes
		p.waiting = slices.DeleteFunc(p.waiting, func(w waiter) bool { return w.ride == r })
		p.riders--
	}
	t, stop := r.trip, r.stop
	p.mu.Unlock()
	switch {
	case waits:
		r.share.turns <- party{rides: []*Ride{r}, gone: true} // has room
	case stop != nil:
		stop()
	case t != nil:
		t.giveUp(r)
	}
}

// late has those of s who wait still do so no longer.
func (p *Pool) late(s *share) {
	var rides []*Ride
	p.mu.Lock()
	p.waiting = slices.DeleteFunc(p.waiting, func(w waiter) bool {
		late := w.ride != nil && w.ride.share == s
		if late {
			w.ride.state = rideGoes
			rides = append(rides, w.ride)
		}
		return late
	})
	n := len(rides)
	p.riders -= n
	p.stats.TimedOut += int64(n)
	p.stats.Waited += int64(n)
	p.stats.WaitTime += time.Duration(n) * p.config.PoolTimeout
	p.mu.Unlock()
	if n > 0 {
		p.end(rides, p.busy(p.config.PoolTimeout))
	}
}

// end says of statements how they ended, and that they have.
func (p *Pool) end(rides []*Ride, err error) {
	for _, r := range rides {
		r.Err = err
	}
	p.ended(rides)
}

// ended says that statements have ended.
func (p *Pool) ended(rides []*Ride) {
	if len(rides) == 0 {
		return
	}
	p.mu.Lock()
	for _, r := range rides {
		r.state, r.trip, r.stop = rideOver, nil, nil
		if r.gone {
			r.Err = context.Canceled
		}
	}
	p.mu.Unlock()
	for from := 0; from < len(rides); {
		first, to := rides[from], from+1
		for to < len(rides) && rides[to].share == first.share && rides[to].at == first.at+to-from {
			to++
		}
		n := to - from
		first.share.answered(first.at, first.at+n)
		if first.share.left.Add(-int64(n)) == 0 {
			close(first.share.over)
		}
		from = to
	}
}
