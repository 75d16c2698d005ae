package limits

// gate.go counts the calls that the handler has, and keeps those that wait for their turn in order.

import "sync"

// place is where a call is.
type place uint8

const (
	outside place = iota // it takes no room, or none any more
	waiting              // in the queue
	called               // it has its room, and its thread does not know yet
	inside               // the handler has it
)

// verdict is what becomes of a call that comes.
type verdict uint8

const (
	admitted verdict = iota
	queued
	refused
)

// gate lets limit calls in, and holds room more.
type gate struct {
	limit, room int

	mu sync.Mutex

	running int // called or inside
	waiting list
}

// enter takes a call that comes. Without a limit it takes no room.
func (g *gate) enter(c *call) verdict {
	if g.limit == 0 {
		return admitted
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.running < g.limit:
		g.running++
		c.place = inside
		return admitted
	case g.waiting.length < g.room:
		c.place = waiting
		g.waiting.append(&c.gateLink, c)
		return queued
	}
	return refused
}

// begin notes that a call that was called goes on. False: it is not there any more.
func (g *gate) begin(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.place != called {
		return false
	}
	c.place = inside
	return true
}

// quit takes a call out that the handler does not have yet. False: the handler has it, or has had it.
func (g *gate) quit(c *call) bool {
	if g.limit == 0 {
		return false
	}
	g.mu.Lock()
	switch c.place {
	case waiting:
		g.waiting.remove(&c.gateLink)
		c.place = outside
		g.mu.Unlock()
		return true
	case called:
		g.mu.Unlock()
		g.leave(c)
		return true
	}
	g.mu.Unlock()
	return false
}

// leave gives the room of a call to the one that waits longest.
func (g *gate) leave(c *call) {
	if g.limit == 0 {
		return
	}
	g.mu.Lock()
	if c.place != called && c.place != inside {
		g.mu.Unlock()
		return
	}
	c.place = outside
	if g.waiting.first == nil {
		g.running--
		g.mu.Unlock()
		return
	}
	next := g.waiting.first.call
	g.waiting.remove(&next.gateLink)
	next.place = called
	g.mu.Unlock()
	// A thread that has ended has told the call, or is about to: that leaves then.
	_ = next.thread.Post(next.granted)
}

// list is a list of calls, each of which can be taken out at any time.
type list struct {
	first, last *link
	length      int
}

// link is the place of a call in a list.
type link struct {
	call       *call
	prev, next *link
}

func (l *list) append(k *link, c *call) {
	*k = link{call: c, prev: l.last}
	if l.last == nil {
		l.first = k
	} else {
		l.last.next = k
	}
	l.last = k
	l.length++
}

// remove takes k out, if it is in.
func (l *list) remove(k *link) {
	if k.call == nil {
		return
	}
	if k.prev == nil {
		l.first = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		l.last = k.prev
	} else {
		k.next.prev = k.prev
	}
	*k = link{}
	l.length--
}
