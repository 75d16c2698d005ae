// slow.go remembers which requests took longest.

package observe

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"
)

// Bounds of a Slowest.
const (
	slowRoutes = 32              // routes that are remembered
	slowAge    = 5 * time.Minute // for how long
	slowLeast  = time.Millisecond
	slowRoute  = 96 // bytes of a route
)

// Slowest remembers the routes with the slowest requests of the last five minutes, 32 of them. A route is a method and a path
// in which numbers and identifiers are replaced by "{n}" and "{id}". What took less than a millisecond is not slow.
type Slowest struct {
	mu sync.Mutex

	routes map[string]*Slow
}

// Slow is what is remembered of a route.
type Slow struct {
	Route  string        `json:"route"`
	Worst  time.Duration `json:"worst_ns"`
	Status int           `json:"status"` // of the worst
	Count  uint64        `json:"count"`  // of its requests that took a millisecond or more
	Last   time.Time     `json:"last"`   // when the worst was
}

// NewSlowest returns a Slowest that remembers nothing.
func NewSlowest() *Slowest { return &Slowest{routes: make(map[string]*Slow)} }

// note is told of each slow request, by method, space and path.
func (s *Slowest) note(asked []byte, status int, d time.Duration, began time.Time) {
	var room [2 * slowRoute]byte
	route := appendRoute(room[:0], asked)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.routes[string(route)]
	if r == nil {
		if len(s.routes) == slowRoutes && !s.makeRoom(d, began) {
			return
		}
		r = &Slow{Route: string(route)}
		s.routes[r.Route] = r
	}
	r.Count++
	if d >= r.Worst || began.Sub(r.Last) > slowAge {
		r.Worst, r.Status, r.Last = d, status, began
	}
}

// makeRoom forgets the least interesting route, unless a request of duration d is less interesting still.
func (s *Slowest) makeRoom(d time.Duration, now time.Time) bool {
	var least *Slow
	for _, r := range s.routes {
		if now.Sub(r.Last) > slowAge {
			least = r
			break
		}
		if least == nil || r.Worst < least.Worst {
			least = r
		}
	}
	if now.Sub(least.Last) <= slowAge && least.Worst >= d {
		return false
	}
	delete(s.routes, least.Route)
	return true
}

// List returns what is remembered, the slowest first.
func (s *Slowest) List() []Slow {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var list []Slow
	for _, r := range s.routes {
		if now.Sub(r.Last) <= slowAge {
			list = append(list, *r)
		}
	}
	slices.SortFunc(list, func(a, b Slow) int {
		return cmp.Or(-cmp.Compare(a.Worst, b.Worst), cmp.Compare(a.Route, b.Route))
	})
	return list
}

// MergeSlow joins lists of Slow into one of the same kind.
func MergeSlow(lists ...[]Slow) []Slow {
	s := NewSlowest()
	for _, r := range slices.Concat(lists...) {
		known := s.routes[r.Route]
		if known == nil {
			s.routes[r.Route] = &r
			continue
		}
		known.Count += r.Count
		if r.Worst > known.Worst {
			known.Worst, known.Status, known.Last = r.Worst, r.Status, r.Last
		}
	}
	list := s.List()
	return list[:min(len(list), slowRoutes)]
}

// appendRoute appends the route of a request, given as method, space and path.
func appendRoute(b, asked []byte) []byte {
	method, path, _ := bytes.Cut(asked, []byte(" "))
	b = append(append(b, method...), ' ')
	for len(path) > 0 && len(b) < slowRoute {
		end := bytes.IndexByte(path[1:], '/') + 1
		if end == 0 {
			end = len(path)
		}
		b = appendSegment(b, path[:end])
		path = path[end:]
	}
	if len(b) > slowRoute {
		b = append(b[:slowRoute], "…"...)
	}
	return b
}

// appendSegment appends a segment with the slash in front of it.
func appendSegment(b, segment []byte) []byte {
	digits, hex := 0, 0
	name := bytes.TrimPrefix(segment, []byte("/"))
	for _, c := range name {
		switch {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c|0x20 && c|0x20 <= 'f' || c == '-':
			hex++
		}
	}
	switch {
	case len(name) > 0 && digits == len(name):
		return append(b, "/{n}"...)
	case len(name) >= 8 && hex == len(name) && digits > 0:
		return append(b, "/{id}"...)
	}
	return append(b, segment...)
}
