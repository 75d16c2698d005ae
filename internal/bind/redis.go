package bind

// Redis: what puff/redis.py calls. The first argument is the name of the service.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/redis"
)

// Redis is the glue to clients that the program has by name.
type Redis struct {
	client func(name string) (*redis.Client, error)

	mu   sync.Mutex
	held map[int64]*redis.Held // by the numbers that their holders chose
}

// NewRedis returns the glue to the clients that client finds.
func NewRedis(client func(name string) (*redis.Client, error)) *Redis {
	return &Redis{client: client, held: map[int64]*redis.Held{}}
}

// Funcs returns what Python may call.
func (r *Redis) Funcs() map[string]py.Func {
	return map[string]py.Func{
		"redis":          r.do,
		"redis.pipeline": r.pipeline,
		"redis.script":   r.script,
		"redis.held":     r.doHeld,
		"redis.watch":    r.watch,
		"redis.exec":     r.exec,
		"redis.release":  r.release,
		"redis.stats":    r.stats,
	}
}

// do(name, shape, *words) sends a command; its reply has the shape.
func (r *Redis) do(ctx context.Context, args []any) (any, error) {
	c, shape, words, err := r.request(args)
	if err != nil {
		return nil, err
	}
	reply, err := c.Do(ctx, words)
	return shaped(&reply, shape, err)
}

// pipeline(name, transaction, commands) sends a list of (shape, *words) in one trip.
func (r *Redis) pipeline(ctx context.Context, args []any) (any, error) {
	c, err := r.named(args)
	if err != nil {
		return nil, err
	}
	shapes, commands, err := queued(arg(args, 2))
	if err != nil {
		return nil, err
	}
	send := c.Pipeline
	if arg(args, 1) == true {
		send = c.Transaction
	}
	replies, err := send(ctx, commands)
	if err != nil {
		return nil, redisError(err)
	}
	return several{shapes, replies}, nil
}

// script(name, text, keys, args) runs a script.
func (r *Redis) script(ctx context.Context, args []any) (any, error) {
	c, err := r.named(args)
	if err != nil {
		return nil, err
	}
	text, ok := arg(args, 1).(string)
	if !ok {
		return nil, wrong("script", "a program in Lua", args)
	}
	keys, err := wordList(arg(args, 2))
	if err != nil {
		return nil, err
	}
	rest, err := wordList(arg(args, 3))
	if err != nil {
		return nil, err
	}
	reply, err := redis.NewScript(text).Run(ctx, c, keys, rest)
	return shaped(&reply, "raw", err)
}

// watch(name, number, *keys) takes a connection that the caller calls by the number, and
// has exec fail if one of the keys changes until then.
func (r *Redis) watch(ctx context.Context, args []any) (any, error) {
	c, err := r.named(args)
	if err != nil {
		return nil, err
	}
	id, ok := arg(args, 1).(int64)
	if !ok {
		return nil, wrong("watch", "a number for the connection", args)
	}
	keys, err := wordList(args[2:])
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	h := r.held[id]
	r.mu.Unlock()
	if h == nil {
		if h, err = c.Hold(ctx, strings.Join(append([]string{"WATCH"}, keys[:min(1, len(keys))]...), " ")); err != nil {
			return nil, redisError(err)
		}
		r.mu.Lock()
		r.held[id] = h
		r.mu.Unlock()
		// Who gave up has asked for its release, perhaps just before it was there.
		if err := ctx.Err(); err != nil {
			r.free(id)
			return nil, err
		}
	}
	return true, redisError(h.Watch(ctx, keys...))
}

func (r *Redis) holding(args []any) (*redis.Held, error) {
	id, _ := arg(args, 0).(int64)
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.held[id]; h != nil {
		return h, nil
	}
	return nil, py.NewError("puff.redis.RedisError", "use a pipeline's connection: it was given back")
}

// doHeld(number, shape, *words) sends a command over a connection that is held.
func (r *Redis) doHeld(ctx context.Context, args []any) (any, error) {
	h, err := r.holding(args)
	if err != nil {
		return nil, err
	}
	shape, _ := arg(args, 1).(string)
	words, err := wordList(args[min(2, len(args)):])
	if err != nil {
		return nil, err
	}
	reply, err := h.Do(ctx, words)
	return shaped(&reply, shape, err)
}

// exec(number, commands) executes a transaction over a connection that is held, and
// gives that back.
func (r *Redis) exec(ctx context.Context, args []any) (any, error) {
	h, err := r.holding(args)
	if err != nil {
		return nil, err
	}
	defer r.free(args[0].(int64))
	shapes, commands, err := queued(arg(args, 1))
	if err != nil {
		return nil, err
	}
	replies, err := h.Exec(ctx, commands)
	if err != nil {
		return nil, redisError(err)
	}
	return several{shapes, replies}, nil
}

// release(number) gives a connection back.
func (r *Redis) release(_ context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	r.free(id)
	return nil, nil
}

func (r *Redis) free(id int64) {
	r.mu.Lock()
	h := r.held[id]
	delete(r.held, id)
	r.mu.Unlock()
	if h != nil {
		h.Release()
	}
}

// stats(name) returns what a client has done and holds.
func (r *Redis) stats(_ context.Context, args []any) (any, error) {
	c, err := r.named(args)
	if err != nil {
		return nil, err
	}
	s := c.Stats()
	var down any
	if !s.DownSince.IsZero() {
		down = s.DownSince
	}
	return py.Dict{
		{"url", s.URL}, {"open", s.Open}, {"commands", s.Commands}, {"errors", s.Errors},
		{"held", s.Held}, {"waiting", s.Waiting}, {"down_since", down},
	}, nil
}

func (r *Redis) named(args []any) (*redis.Client, error) {
	name, _ := arg(args, 0).(string)
	c, err := r.client(name)
	if err != nil {
		return nil, py.NewError("puff.redis.RedisError", err.Error())
	}
	return c, nil
}

// request reads (name, shape, *words).
func (r *Redis) request(args []any) (c *redis.Client, shape string, words []string, err error) {
	if c, err = r.named(args); err != nil {
		return nil, "", nil, err
	}
	shape, _ = arg(args, 1).(string)
	words, err = wordList(args[min(2, len(args)):])
	return c, shape, words, err
}

// queued reads a list of (shape, *words).
func queued(v any) (shapes []string, commands [][]string, err error) {
	list, _ := v.([]any)
	shapes, commands = make([]string, len(list)), make([][]string, len(list))
	for i, item := range list {
		t, _ := item.(py.Tuple)
		if len(t) == 0 {
			return nil, nil, wrong("pipeline", "commands as tuples", list[i:i+1])
		}
		shapes[i], _ = t[0].(string)
		if commands[i], err = wordList([]any(t[1:])); err != nil {
			return nil, nil, err
		}
	}
	return shapes, commands, nil
}

// wordList turns what Python passed into the words of a command.
func wordList(v any) ([]string, error) {
	var list []any
	switch v := v.(type) {
	case []any:
		list = v
	case py.Tuple:
		list = v
	case nil:
	default:
		list = []any{v}
	}
	words := make([]string, len(list))
	for i, v := range list {
		w, err := word(v)
		if err != nil {
			return nil, err
		}
		words[i] = w
	}
	return words, nil
}

// word is one of them: text, bytes or a number.
func word(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return pythonFloat(v), nil
	case fmt.Stringer: // an integer of more than 64 bits
		return v.String(), nil
	}
	return "", py.NewError("TypeError", "Expected str or bytes, got "+pythonName(v))
}

// pythonFloat writes a number as Python's repr does where that is without exponent.
func pythonFloat(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e16 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// pythonName is what Python calls the type of a value.
func pythonName(v any) string {
	switch v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case []any:
		return "list"
	case py.Tuple:
		return "tuple"
	case py.Dict:
		return "dict"
	}
	return fmt.Sprintf("%T", v)
}

// redisError chooses the exception for an error of the engine's.
func redisError(err error) error {
	if err == nil {
		return nil
	}
	var replied *redis.Replied
	if errors.As(err, &replied) {
		return repliedError(replied)
	}
	if errors.Is(err, redis.ErrChanged) {
		return py.NewError("puff.redis.WatchError", err.Error())
	}
	var e *redis.Error
	if !errors.As(err, &e) {
		return err
	}
	class := "ConnectionError"
	switch e.Kind {
	case redis.Timeout:
		class = "TimeoutError"
	case redis.Misuse:
		class = "RedisError"
	}
	return py.NewError("puff.redis."+class, err.Error())
}

func repliedError(e *redis.Replied) error {
	return py.NewError("puff.redis.ResponseError", e.Text)
}
