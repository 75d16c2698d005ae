package puff

// How services end: after what uses them has, and before the process, so that each
// server hears a goodbye and none has a connection that nobody closed.

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// endLimit is how long saying goodbye may take.
const endLimit = time.Second

// errEnding is what a program gets that uses a service after its end.
var errEnding = errors.New("use a service: the process is ending, and has closed them")

// end closes all pools, once; whoever comes meanwhile waits for it. What can not be
// closed in order within a second is left to the system.
func (s *services) end(ctx context.Context) {
	s.ending.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, endLimit)
		defer cancel()
		s.mu.Lock()
		s.ended = true
		pg, clients, hubs, agents := maps.Clone(s.postgres), maps.Clone(s.redis), maps.Clone(s.pubsub), maps.Clone(s.http)
		s.mu.Unlock()
		var group sync.WaitGroup
		group.Go(s.prober.end)
		group.Go(func() { s.direct.End(ctx) })
		if s.glue != nil {
			group.Go(func() { s.glue.End(ctx) })
		}
		for p := range maps.Values(pg) {
			group.Go(func() { p.End(ctx) })
		}
		for c := range maps.Values(clients) {
			group.Go(c.Close)
		}
		for h := range maps.Values(hubs) {
			group.Go(func() { h.Close(); h.Client().Close() })
		}
		for c := range maps.Values(agents) {
			group.Go(c.Close)
		}
		over := make(chan struct{})
		go func() { // ends with the last of them, or with the process
			group.Wait()
			close(over)
		}()
		select {
		case <-over:
		case <-ctx.Done():
		}
	})
}
