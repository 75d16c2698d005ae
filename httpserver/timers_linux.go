// timers_linux.go keeps the deadlines of the connections of one event loop. All deadlines of one kind lie equally far ahead
// when they are set, so a list in the order of setting is a list in the order of expiry: setting one is a few stores,
// looking for an expired one a comparison, and no request costs a timer.

package httpserver

// timerKind is what a connection is waited for.
type timerKind uint8

const (
	headTimer   timerKind = iota // the rest of a head, or the first one
	idleTimer                    // the next request
	bodyTimer                    // a short body, before the long road takes over
	writeTimer                   // the client to read
	lingerTimer                  // the client to close
	h2Timer                      // whatever a connection of HTTP/2 waits for
	tickTimer                    // whoever speaks another protocol than HTTP
	timerKinds
)

type timers [timerKinds]timerList

type timerList struct {
	after       int64 // nanoseconds from setting to expiry
	first, last *conn
}

// timer is the part of a connection that belongs to its list.
type timer struct {
	list       *timerList
	prev, next *conn
	deadline   int64
}

// arm sets the deadline of c, instead of any other it has.
func (t *timers) arm(c *conn, kind timerKind, now int64) {
	t.disarm(c)
	list := &t[kind]
	c.timer = timer{list: list, prev: list.last, deadline: now + list.after}
	if list.last == nil {
		list.first = c
	} else {
		list.last.timer.next = c
	}
	list.last = c
}

func (t *timers) disarm(c *conn) {
	list, prev, next := c.timer.list, c.timer.prev, c.timer.next
	if list == nil {
		return
	}
	if prev == nil {
		list.first = next
	} else {
		prev.timer.next = next
	}
	if next == nil {
		list.last = prev
	} else {
		next.timer.prev = prev
	}
	c.timer = timer{}
}

func (t *timers) armed(c *conn, kind timerKind) bool { return c.timer.list == &t[kind] }

// expired returns a connection whose deadline has passed, or nil. Its timer is off.
func (t *timers) expired(now int64) (*conn, timerKind) {
	for kind := range t {
		if c := t[kind].first; c != nil && c.timer.deadline <= now {
			t.disarm(c)
			return c, timerKind(kind)
		}
	}
	return nil, 0
}

// wait returns how many milliseconds from now the next deadline is, -1 if there is none.
func (t *timers) wait(now int64) int {
	soonest := int64(endless)
	for i := range t {
		if c := t[i].first; c != nil {
			soonest = min(soonest, c.timer.deadline)
		}
	}
	if soonest == endless {
		return -1
	}
	const ms, hour = 1e6, 3600e9
	return int((min(max(soonest-now, 0), hour) + ms - 1) / ms)
}
