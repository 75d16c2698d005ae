package pubsub

import (
	"sync/atomic"

	"github.com/puffstack/puff/redis"
)

// counters are what a hub counts.
type counters struct {
	received, published, dropped atomic.Uint64
}

// Stats tells what a Hub has done and holds.
type Stats struct {
	// Client is of what publishes and connects. The connection that listens counts there.
	Client redis.Stats
	// Topics are those that somebody has subscribed to, Receivers the sinks.
	Topics, Receivers int
	// Queued is how many messages wait in sinks.
	Queued int
	// Listening: there is a connection that listens.
	Listening bool
	// Received counts messages that came for somebody, Published those that were sent,
	// Dropped those that a receiver had no room for.
	Received, Published, Dropped uint64
}

// Stats returns what the hub has done and holds.
func (h *Hub) Stats() Stats {
	s := Stats{
		Client: h.client.Stats(), Received: h.count.received.Load(), Published: h.count.published.Load(),
		Dropped: h.count.dropped.Load(),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		if len(t.sinks) > 0 {
			s.Topics++
		}
	}
	s.Receivers, s.Listening = len(h.sinks), h.listener != nil
	for sink := range h.sinks {
		sink.mu.Lock()
		s.Queued += len(sink.queue)
		sink.mu.Unlock()
	}
	return s
}

// Drop counts messages that a receiver had no room for: who has queues behind a sink
// says so.
func (h *Hub) Drop(n uint64) { h.count.dropped.Add(n) }

// Client returns what the hub publishes with.
func (h *Hub) Client() *redis.Client { return h.client }
