// Package pubsub spreads the messages of Redis's channels in a process: one connection
// listens for all, each message is read once, and who receives gets it in batches.
//
//	hub := pubsub.New(client)
//	defer hub.Close()
//	sink := hub.Attach(func(ctx context.Context, batch []pubsub.Message) error { … })
//	defer sink.Close()
//	err := sink.Subscribe(ctx, "me", pubsub.Channel("news"))
//	err = hub.Publish(ctx, pubsub.ID{}, "news", "hello")
//
// Subscribe returns when Redis has confirmed it. When the connection is lost the hub
// makes another and subscribes again; messages have another [Message.Epoch] from then
// on, since some may have been missed. A sink that takes nothing holds up the others,
// after a bounded number of messages: nothing is dropped here.
package pubsub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/puffstack/puff/redis"
)

// Topic is what can be subscribed to.
type Topic struct {
	// Name is a channel, or a pattern of Redis's.
	Name string
	// Pattern says which.
	Pattern bool
}

// Channel is the Topic of one channel.
func Channel(name string) Topic { return Topic{Name: name} }

// Pattern is the Topic of all channels that match.
func Pattern(pattern string) Topic { return Topic{Name: pattern, Pattern: true} }

// Message is what somebody published.
type Message struct {
	// Topic is what it came by, Channel where it was published.
	Topic   Topic
	Channel string
	// Body is what was published.
	Body string
	// From is who published it; zero: somebody who does not say.
	From ID
	// Epoch counts the connections: where it changes, messages may be missing before.
	Epoch uint64
}

// Hub is the messages of one service in a process.
type Hub struct {
	client *redis.Client
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wake   chan struct{} // there is something to send
	over   sync.WaitGroup
	count  counters

	mu       sync.Mutex
	begun    bool
	closed   bool
	topics   map[Topic]*topic
	asked    []Topic // what SUBSCRIBE and its kin were sent for and not answered, in order
	listener *redis.Listener
	epoch    uint64
	sinks    map[*Sink]struct{}
}

// state is where a topic is on its way.
type state uint8

const (
	absent    state = iota // Redis knows nothing of it
	joining                // SUBSCRIBE is sent
	confirmed              // Redis has confirmed it
	leaving                // UNSUBSCRIBE is sent
	refused                // Redis allows it no more: until the next connection
)

// topic is a Topic that somebody has subscribed to, or just had.
type topic struct {
	state state
	sinks []*Sink // replaced, never changed: it is read without the lock
	known bool    // it was confirmed once: it is kept through a loss of the connection
	try   *try
}

// try is one attempt to have a topic confirmed, for those who wait for it.
type try struct {
	done chan struct{}
	err  error // set before done is closed
}

func newTry() *try { return &try{done: make(chan struct{})} }

func (t *try) end(err error) {
	t.err = err
	close(t.done)
}

// New returns a Hub over client, which it publishes with and gets its connection from.
func New(client *redis.Client) *Hub {
	h := &Hub{
		client: client, wake: make(chan struct{}, 1),
		topics: map[Topic]*topic{}, sinks: map[*Sink]struct{}{}, epoch: 1,
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Close ends the hub and its sinks, and returns when they are over.
func (h *Hub) Close() {
	h.cancel()
	h.mu.Lock()
	h.closed = true
	if h.listener != nil {
		h.listener.Close()
	}
	h.mu.Unlock()
	h.over.Wait()
}

// MaxMessage is the most bytes of a message. Redis closes the connection of a subscriber
// with 32 MB before it, so one of that size would reach nobody.
const MaxMessage = 16 << 20

// Publish sends a message to whoever has subscribed to the channel, in all processes.
// From says who it is from, zero: nobody in particular. One of more than MaxMessage is
// an error.
func (h *Hub) Publish(ctx context.Context, from ID, channel, body string) (receivers int64, err error) {
	if len(body) > MaxMessage {
		return 0, &redis.Error{Kind: redis.Misuse, Command: "PUBLISH", Message: fmt.Sprintf("the message has %d bytes, "+
			"%d are the most; put it under a key, and publish that", len(body), MaxMessage)}
	}
	reply, err := h.client.Do(ctx, []string{"PUBLISH", channel, envelope(from, body)})
	if err == nil {
		err = reply.Err()
	}
	if err == nil {
		h.count.published.Add(1)
	}
	return reply.Int(), err
}

// begin starts what runs, once. The caller holds mu.
func (h *Hub) begin() {
	if !h.begun {
		h.begun = true
		h.over.Go(h.run)
	}
}

// nudge has run look for something to send.
func (h *Hub) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run keeps a connection for as long as somebody wants one.
func (h *Hub) run() {
	const shortest, longest = 50 * time.Millisecond, 2 * time.Second
	pause := shortest
	for h.ctx.Err() == nil {
		if !h.wanted() {
			select {
			case <-h.wake:
			case <-h.ctx.Done():
			}
			continue
		}
		if err := h.connect(); err != nil {
			h.refuse(err)
			select {
			case <-time.After(pause):
			case <-h.ctx.Done():
			}
			pause = min(2*pause, longest)
			continue
		}
		pause = shortest
	}
}

// wanted reports whether a topic has a sink.
func (h *Hub) wanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		if len(t.sinks) > 0 {
			return true
		}
	}
	return false
}

// connect listens until the connection is lost. The error says why there was none.
func (h *Hub) connect() error {
	l, err := h.client.Listen(h.ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		l.Close()
		return nil
	}
	h.listener = l
	h.mu.Unlock()
	lost := make(chan struct{})
	h.over.Go(func() {
		defer close(lost)
		_ = l.Run(h.receive) // the reason is of no use: there will be another
	})
	for alive := true; alive; {
		if commands := h.due(); len(commands) > 0 {
			if l.Send(commands...) != nil {
				l.Close()
			}
		}
		select {
		case <-h.wake:
		case <-lost:
			alive = false
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listener, h.asked = nil, nil
	h.epoch++
	for name, t := range h.topics {
		if t.state == confirmed {
			t.try = newTry()
		}
		t.state = absent
		if len(t.sinks) == 0 {
			delete(h.topics, name)
		}
	}
	return nil
}

// due returns what has to be sent so that Redis knows what is wanted.
func (h *Hub) due() (commands [][]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, t := range h.topics {
		verb := ""
		switch {
		case t.state == absent && len(t.sinks) > 0:
			verb, t.state = "SUBSCRIBE", joining
		case t.state == confirmed && len(t.sinks) == 0:
			verb, t.state = "UNSUBSCRIBE", leaving
		default:
			continue
		}
		if name.Pattern {
			verb = "P" + verb
		}
		commands = append(commands, []string{verb, name.Name})
		h.asked = append(h.asked, name)
	}
	return commands
}

// refuse has those fail who wait for a topic. What was confirmed once is tried again.
func (h *Hub) refuse(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, t := range h.topics {
		if !t.known {
			h.fail(name, t, err)
			continue
		}
		t.try.end(err)
		t.try = newTry()
	}
}

// fail ends a topic that Redis did not confirm. The caller holds mu.
func (h *Hub) fail(name Topic, t *topic, err error) {
	t.try.end(err)
	delete(h.topics, name)
	for _, s := range t.sinks {
		delete(s.topics, name)
	}
}

// receive takes what the connection reads.
func (h *Hub) receive(e redis.Event) {
	switch e.Kind {
	case "message":
		h.spread(Topic{Name: e.Channel}, e)
	case "pmessage":
		h.spread(Topic{Name: e.Pattern, Pattern: true}, e)
	default:
		h.answered(e)
	}
}

// answered notes what Redis says to the first thing that was asked.
func (h *Hub) answered(e redis.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.asked) == 0 {
		return
	}
	name := h.asked[0]
	h.asked = h.asked[1:]
	t := h.topics[name]
	if t == nil {
		return
	}
	switch {
	case e.Kind == "error" && t.state == joining && !t.known:
		h.fail(name, t, &redis.Replied{Text: e.Body})
	case e.Kind == "error" && t.state == leaving:
		t.state = confirmed // as it was
	case e.Kind == "error":
		t.try.end(&redis.Replied{Text: e.Body})
		t.try = newTry()
		t.state = refused
	case t.state == joining:
		t.state, t.known = confirmed, true
		t.try.end(nil)
		if len(t.sinks) == 0 {
			h.nudge()
		}
	case len(t.sinks) > 0: // somebody came while it was being left
		t.state = absent // with a try of their own
		h.nudge()
	default:
		delete(h.topics, name)
	}
}

// spread hands a message to the sinks of a topic.
func (h *Hub) spread(name Topic, e redis.Event) {
	h.mu.Lock()
	t := h.topics[name]
	var sinks []*Sink
	if t != nil {
		sinks = t.sinks
	}
	m := Message{Topic: name, Channel: e.Channel, Epoch: h.epoch}
	h.mu.Unlock()
	if len(sinks) == 0 {
		return
	}
	h.count.received.Add(1)
	m.From, m.Body = open(e.Body)
	for _, s := range sinks {
		s.put(m)
	}
}
