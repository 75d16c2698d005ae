package bind

// Pub/sub: what puff/pubsub.py calls. A lane that receives has one sink for each
// service, which gives its messages to a function of Python's, a batch at a time; the
// connections of Python's are the sink's members.

import (
	"context"
	"errors"
	"sync"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/pubsub"
)

// PubSub is the glue to hubs that the program has by name.
type PubSub struct {
	hub  func(name string) (*pubsub.Hub, error)
	lane func(id int) *py.Lane

	mu    sync.Mutex
	sinks map[inbox]*pubsub.Sink
}

// inbox is the function of Python's that takes the messages of a service in a lane.
type inbox struct {
	name   string
	lane   int64
	handle py.Handle
}

// NewPubSub returns the glue to the hubs that hub finds, and lanes that lane does.
func NewPubSub(hub func(name string) (*pubsub.Hub, error), lane func(id int) *py.Lane) *PubSub {
	return &PubSub{hub: hub, lane: lane, sinks: map[inbox]*pubsub.Sink{}}
}

// Funcs returns what Python may call.
func (p *PubSub) Funcs() map[string]py.Func {
	return map[string]py.Func{
		"pubsub.subscribe": p.subscribe,
		"pubsub.leave":     p.leave,
		"pubsub.publish":   p.publish,
	}
}

// subscribe(name, lane, handle, member, pattern, channel) returns the epoch of the
// messages to come when Redis has confirmed it.
func (p *PubSub) subscribe(ctx context.Context, args []any) (any, error) {
	if len(args) != 6 {
		return nil, wrong("subscribe", "six arguments", args)
	}
	hub, err := p.named(args)
	if err != nil {
		return nil, err
	}
	topic, err := topicOf(args)
	if err != nil {
		return nil, err
	}
	s := p.sink(hub, inboxOf(args))
	if s == nil {
		return nil, py.NewError("RuntimeError", "subscribe: the event loop has ended")
	}
	epoch, err := s.Subscribe(ctx, args[3], topic)
	if errors.Is(err, pubsub.ErrClosed) {
		return nil, py.NewError("puff.redis.ConnectionError", err.Error())
	}
	return epoch, redisError(err)
}

// leave(name, lane, handle, member, topics) ends that for a list of (pattern, channel).
func (p *PubSub) leave(_ context.Context, args []any) (any, error) {
	if len(args) != 5 {
		return nil, wrong("leave", "five arguments", args)
	}
	p.mu.Lock()
	s := p.sinks[inboxOf(args)]
	p.mu.Unlock()
	topics, _ := args[4].([]any)
	for _, v := range topics {
		t, _ := v.(py.Tuple)
		if s == nil || len(t) != 2 {
			continue
		}
		name, err := word(t[1])
		if err != nil {
			return nil, err
		}
		s.Unsubscribe(args[3], pubsub.Topic{Name: name, Pattern: t[0] == true})
	}
	return true, nil
}

// publish(name, from, channel, body) returns when Redis has it; from is the 16 bytes of
// an id, or None.
func (p *PubSub) publish(ctx context.Context, args []any) (any, error) {
	hub, err := p.named(args)
	if err != nil {
		return nil, err
	}
	words, err := wordList(args[min(2, len(args)):])
	if err != nil {
		return nil, err
	}
	if len(words) != 2 {
		return nil, wrong("publish", "a channel and a message", args)
	}
	var from pubsub.ID
	if id, ok := args[1].([]byte); ok {
		copy(from[:], id)
	}
	_, err = hub.Publish(ctx, from, words[0], words[1])
	return true, redisError(err)
}

func (p *PubSub) named(args []any) (*pubsub.Hub, error) {
	name, _ := arg(args, 0).(string)
	hub, err := p.hub(name)
	if err != nil {
		return nil, py.NewError("puff.redis.RedisError", err.Error())
	}
	return hub, nil
}

func inboxOf(args []any) inbox {
	name, _ := args[0].(string)
	lane, _ := args[1].(int64)
	handle, _ := args[2].(int64)
	return inbox{name, lane, py.Handle(handle)}
}

func topicOf(args []any) (pubsub.Topic, error) {
	name, err := word(args[5])
	return pubsub.Topic{Name: name, Pattern: args[4] == true}, err
}

// sink returns the sink of an inbox, or nil: its lane has ended.
func (p *PubSub) sink(hub *pubsub.Hub, in inbox) *pubsub.Sink {
	lane := p.lane(int(in.lane))
	if lane == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.sinks[in]; s != nil && !ended(s) {
		return s
	}
	for old, s := range p.sinks {
		if ended(s) {
			delete(p.sinks, old)
		}
	}
	s := hub.Attach(func(ctx context.Context, messages []pubsub.Message) error {
		dropped, err := lane.Call(ctx, in.handle, batch(messages))
		if n, ok := dropped.(int64); ok && n > 0 {
			hub.Drop(uint64(n))
		}
		return err
	})
	p.sinks[in] = s
	return s
}

func ended(s *pubsub.Sink) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// batch is messages on their way to Python: a list of (pattern or None, channel, body,
// id or None, epoch).
type batch []pubsub.Message

func (b batch) AppendValue(out []byte) ([]byte, error) {
	out = py.AppendHead(out, py.TagList, len(b))
	for i := range b {
		m := &b[i]
		out = py.AppendHead(out, py.TagTuple, 5)
		if m.Topic.Pattern {
			out = py.AppendText(out, py.TagBytes, m.Topic.Name)
		} else {
			out = py.AppendNone(out)
		}
		out = py.AppendText(out, py.TagBytes, m.Channel)
		out = py.AppendText(out, py.TagBytes, m.Body)
		if m.From != (pubsub.ID{}) {
			out = append(append(out, byte(py.TagUUID)), m.From[:]...)
		} else {
			out = py.AppendNone(out)
		}
		out = py.AppendInt(out, int64(m.Epoch))
	}
	return out, nil
}
