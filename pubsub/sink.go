package pubsub

// Sinks: who receives. Each has a queue with a limit, and a goroutine that hands on
// what is in it, a batch at a time.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// The most that waits in a sink, and the most of one batch.
const (
	maxQueued = 1024
	maxBytes  = 8 << 20
	maxBatch  = 256
)

// ErrClosed is returned by what needs a hub or a sink that has ended.
var ErrClosed = errors.New("subscribe: the receiver has ended")

// Sink receives messages. Those who share it are its members: a topic is left when the
// last of them leaves it.
type Sink struct {
	hub     *Hub
	deliver func(context.Context, []Message) error
	ctx     context.Context
	cancel  context.CancelFunc

	topics map[Topic]map[any]struct{} // the members of each; guarded by hub.mu

	mu    sync.Mutex
	queue []Message
	bytes int
	some  chan struct{} // there is something in the queue
	room  chan struct{} // there is room again
}

// Attach returns a Sink whose messages go to deliver, one batch after the other. The
// sink ends when deliver returns an error, or with Close.
func (h *Hub) Attach(deliver func(ctx context.Context, batch []Message) error) *Sink {
	s := &Sink{
		hub: h, deliver: deliver, topics: map[Topic]map[any]struct{}{},
		some: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(h.ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		s.cancel()
		return s
	}
	h.sinks[s] = struct{}{}
	h.over.Go(s.run)
	return s
}

// Done is closed when the sink has ended.
func (s *Sink) Done() <-chan struct{} { return s.ctx.Done() }

// Close ends the sink and leaves all its topics. It does not wait for deliver.
func (s *Sink) Close() {
	s.cancel()
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sinks, s)
	for name := range s.topics {
		s.leave(name)
	}
}

// Subscribe has a member of the sink get what is published to a topic. It returns when
// Redis has confirmed that, with the epoch of the messages to come.
func (s *Sink) Subscribe(ctx context.Context, member any, name Topic) (epoch uint64, err error) {
	h := s.hub
	h.mu.Lock()
	if err := first(ctx.Err(), s.ctx.Err()); err != nil {
		h.mu.Unlock()
		return 0, err
	}
	t := h.topics[name]
	if t == nil {
		t = &topic{try: newTry()}
		h.topics[name] = t
	}
	if s.topics[name] == nil {
		s.topics[name] = map[any]struct{}{}
		t.sinks = append(slices.Clone(t.sinks), s)
	}
	s.topics[name][member] = struct{}{}
	try := t.try
	if t.state == leaving { // it will be joined again
		try = newTry()
		t.try = try
	}
	h.begin()
	h.mu.Unlock()
	h.nudge()
	timer := time.NewTimer(h.client.Timeout())
	defer timer.Stop()
	select {
	case <-try.done:
		if try.err == nil && ctx.Err() == nil {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.epoch, nil
		}
		err = try.err
	case <-timer.C:
		err = h.client.Late("SUBSCRIBE")
	case <-ctx.Done():
	case <-s.ctx.Done():
		err = ErrClosed
	}
	s.Unsubscribe(member, name)
	return 0, first(err, ctx.Err())
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Unsubscribe ends that for a member. It does not wait for Redis: what comes meanwhile
// nobody gets.
func (s *Sink) Unsubscribe(member any, name Topic) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	members := s.topics[name]
	if members == nil {
		return
	}
	if delete(members, member); len(members) == 0 {
		s.leave(name)
	}
}

// leave ends a topic for the sink. The caller holds hub.mu.
func (s *Sink) leave(name Topic) {
	delete(s.topics, name)
	t := s.hub.topics[name]
	if t == nil {
		return
	}
	t.sinks = slices.DeleteFunc(slices.Clone(t.sinks), func(o *Sink) bool { return o == s })
	if len(t.sinks) > 0 {
		return
	}
	if t.state == absent {
		delete(s.hub.topics, name)
		return
	}
	s.hub.nudge()
}

// put adds a message, waiting for room: the hub reads no more meanwhile.
func (s *Sink) put(m Message) {
	for s.ctx.Err() == nil {
		s.mu.Lock()
		if len(s.queue) == 0 || len(s.queue) < maxQueued && s.bytes+len(m.Body) <= maxBytes {
			s.queue = append(s.queue, m)
			s.bytes += len(m.Body)
			s.mu.Unlock()
			signal(s.some)
			return
		}
		s.mu.Unlock()
		select {
		case <-s.room:
		case <-s.ctx.Done():
		}
	}
}

// take returns the next batch, nil when there is none.
func (s *Sink) take() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), maxBatch)
	batch := slices.Clone(s.queue[:n])
	s.queue = slices.Delete(s.queue, 0, n)
	for _, m := range batch {
		s.bytes -= len(m.Body)
	}
	return batch
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run hands on what comes until the sink ends.
func (s *Sink) run() {
	defer s.Close()
	for {
		batch := s.take()
		if len(batch) == 0 {
			select {
			case <-s.some:
				continue
			case <-s.ctx.Done():
				return
			}
		}
		signal(s.room)
		if s.deliver(s.ctx, batch) != nil {
			return
		}
	}
}
