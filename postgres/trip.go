package postgres

// A trip: several statements written at once, each with a Sync of its own, so that one
// that fails is undone by itself; their answers are read one after the other. Only the
// goroutine that reads asks the server to cancel one, and reads on when the server has
// heard of it: so it knows which statements the request may have hit.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

const queryCanceled = "57014" // the SQLSTATE of what was cancelled, or took too long

var errNotPlanned = errors.New("run statement: it is not planned any more")

// trip is a connection's way with a party.
type trip struct {
	c *Conn
	p *Pool

	// Of the goroutine that reads.
	began    time.Time     // the statement whose answer is being read
	patience time.Duration // how long others wait for one
	done     []*Ride       // answered, and their callers do not know
	asked    bool          // the server was asked to cancel something
	asking   bool          // and this is it
	doubt    error         // nobody knows when the server hears of it

	mu     sync.Mutex
	rides  []*Ride // whose answers were not read
	wanted bool    // the caller of the first gave up while it ran
}

// ride runs a party on a connection that is held and has planned all of it. It returns
// those that have to run again, by themselves: they only read, and were undone.
func (p *Pool) ride(c *Conn, rides []*Ride) (again []*Ride) {
	end, err := c.begin(context.Background())
	if err != nil {
		p.end(rides, err)
		return nil
	}
	defer end()
	t := &trip{c: c, p: p, rides: rides, patience: p.patience}
	p.mu.Lock()
	p.stats.Shared += int64(len(rides))
	for _, r := range rides {
		r.trip, r.unwanted = t, r.gone
	}
	p.mu.Unlock()
	c.late = t.late
	t.began = time.Now()
	t.until(t.began.Add(t.patience))
	for len(t.rides) > 0 {
		for range t.send() {
			r := t.rides[0]
			if r.planned != nil {
				r.Err = t.read(r)
			}
			t.next()
			if t.undone(r.Err) {
				again = append(again, r)
			} else {
				t.done = append(t.done, r)
			}
			if c.broken != nil || c.unread() == 0 {
				t.tell()
			}
		}
	}
	t.tell()
	t.until(time.Time{})
	c.late = nil
	if t.doubt != nil { // it could hit the next one's
		_ = c.fail(t.doubt)
	}
	return again
}

// send sends as many statements as may be unread, and returns how many those are, with
// those that can not be sent: they have their errors.
func (t *trip) send() (n int) {
	size := 0
	for _, r := range t.rides {
		r.planned, r.Err = t.c.statements.get(r.SQL), t.c.broken
		var args Args
		if r.planned == nil && r.Err == nil {
			r.Err = errNotPlanned
		}
		if r.Err == nil {
			args, r.Err = r.Rider.Args(r.planned)
		}
		if r.Err != nil {
			r.planned = nil
			n++
			continue
		}
		size += 64
		for _, v := range args.Values {
			size += len(v)
		}
		if n > 0 && size > maxUnread {
			break
		}
		t.c.send(r.planned, args)
		t.c.fe.SendSync(&pgproto3.Sync{})
		n++
	}
	_ = t.c.flush() // what fails is why the connection is broken
	return n
}

// read reads the answer to a statement.
func (t *trip) read(r *Ride) error {
	t.began = time.Now()
	if t.c.broken != nil {
		return t.c.broken
	}
	if len(r.planned.Fields) > 0 {
		r.Rider.Columns(r.planned.Fields)
	}
	a := answer{sink: r.Rider}
	a.read(t.c)
	t.c.count.ran(1, t.began)
	if a.broken != nil {
		return a.broken
	}
	t.c.forget(a.failed, r.planned)
	if a.failed == nil {
		t.p.known.ran(r.SQL, time.Since(t.began))
	}
	return a.failed
}

// undone reports whether a statement failed for what had nothing to do with it.
func (t *trip) undone(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok && e.Code == queryCanceled && !e.Fatal() {
		return t.asked // else it was somebody else, or the server's limit
	}
	return err == errNotPlanned || Stale(err)
}

// next goes on to the next statement.
func (t *trip) next() {
	t.mu.Lock()
	t.rides, t.wanted = t.rides[1:], false
	t.mu.Unlock()
	if t.asking {
		t.asking, t.patience = false, t.p.patience/2
		t.until(time.Now().Add(t.patience))
	}
}

// tell tells callers that they have their answers.
func (t *trip) tell() {
	t.p.ended(t.done)
	t.done = nil
}

// until has reading return to late then.
func (t *trip) until(when time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted && !t.asking {
		when = longAgo
	}
	_ = t.c.pg.Conn().SetReadDeadline(when) // of what is broken nothing is read
}

// giveUp has the server cancel a statement if it is being run. If it is not it soon will
// be over, or is cancelled like any that is slow.
func (t *trip) giveUp(r *Ride) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rides) == 0 {
		return
	}
	r.unwanted = true
	if t.rides[0] == r {
		t.wanted = true
		_ = t.c.pg.Conn().SetReadDeadline(longAgo)
	}
}

var longAgo = time.Unix(1, 0)

// late is what reading does when an answer is not there in time.
func (t *trip) late() error {
	t.tell()
	if t.asking {
		return errors.New("it did not cancel a statement in time")
	}
	t.mu.Lock()
	first, wanted := t.rides[0], t.wanted
	waited := len(t.rides) > 1 || first.unwanted
	t.mu.Unlock()
	over := t.began.Add(t.patience)
	if time.Now().Before(over) && !wanted {
		t.until(over)
		return nil
	}
	if !wanted { // nobody else shall share with it
		t.p.known.ran(first.SQL, slow+1)
	}
	if !wanted && !waited {
		t.until(time.Time{})
		return nil
	}
	t.asked, t.asking = true, true
	ctx, stop := context.WithTimeout(context.Background(), cancelPatience)
	defer stop()
	if err := t.c.pg.CancelRequest(ctx); err != nil {
		t.doubt = fmt.Errorf("cancel a statement: %w", err)
	}
	t.until(time.Now().Add(cancelPatience))
	return nil
}

// inTime has a wait that is over go on if c.late says so.
func (c *Conn) inTime(err error) error {
	if late, ok := errors.AsType[net.Error](err); c.late == nil || !ok || !late.Timeout() {
		return err
	}
	return c.late()
}
