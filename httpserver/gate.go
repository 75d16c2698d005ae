// gate.go counts the open connections of a server and makes its listeners wait while there are too many.

package httpserver

import (
	"sync"
	"sync/atomic"
)

// gate lets at most max connections in. Who finds it closed leaves word and is called when there may be room.
type gate struct {
	max  int64
	open atomic.Int64

	waiting atomic.Int64
	mu      sync.Mutex

	waiters []func()
}

// enter counts one more connection, if there is room.
func (g *gate) enter() bool {
	if g.open.Add(1) <= g.max {
		return true
	}
	g.leave()
	return false
}

// leave counts one connection less.
func (g *gate) leave() {
	g.open.Add(-1)
	if g.waiting.Load() > 0 {
		g.call()
	}
}

// wait has f called, once, when there may be room.
func (g *gate) wait(f func()) {
	g.mu.Lock()
	g.waiters = append(g.waiters, f)
	g.waiting.Store(int64(len(g.waiters)))
	g.mu.Unlock()
	// A connection that left before f was noted did not call it.
	if g.open.Load() < g.max {
		g.call()
	}
}

func (g *gate) call() {
	g.mu.Lock()
	waiters := g.waiters
	g.waiters = nil
	g.waiting.Store(0)
	g.mu.Unlock()
	for _, f := range waiters {
		f()
	}
}
