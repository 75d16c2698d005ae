package bind

// Commands of Redis that came from Python together: read from what Python sent without
// values in between, sent in one trip, answered in one go.

import (
	"context"
	"unicode/utf8"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/redis"
)

// Together returns what Python may call many times at once, beside [Redis.Funcs].
func (r *Redis) Together() map[string]py.Batch {
	return map[string]py.Batch{"redis": {Joins: joinsRedis, Run: r.doTogether}}
}

// joinsRedis reads (name, shape, *words) as far as the command.
func joinsRedis(args []byte) bool {
	a := py.NewReader(args)
	a.Text()
	a.Text()
	return a.Len() > 0 && a.Peek() == py.TagStr && redis.Joins(a.Text()) && !a.Bad
}

// command is one of those calls: where it goes, and how its reply is to be written.
type command struct {
	name, shape string
	words       []string
}

// readCommand reads (name, shape, *words). The words share the call's text.
func readCommand(c *py.Call) (command, error) {
	a := py.NewReader(c.Args)
	text := func() string {
		p := a.Text()
		end := len(c.Args) - a.Len()
		return c.Text[end-len(p) : end]
	}
	out := command{name: text(), shape: text(), words: make([]string, 0, 4)}
	for a.Len() > 0 && !a.Bad {
		rest := a
		t := a.Peek()
		if t == py.TagStr || t == py.TagBytes {
			// What is no UTF-8 may stand for a byte that is none.
			if w := text(); t == py.TagBytes || utf8.ValidString(w) {
				out.words = append(out.words, w)
				continue
			}
		}
		a = rest
		v, err := py.DecodeAll(a.Raw())
		if err != nil {
			return out, err
		}
		w, err := word(v)
		if err != nil {
			return out, err
		}
		out.words = append(out.words, w)
	}
	if a.Bad {
		return out, py.ErrValue
	}
	return out, nil
}

// doTogether is do for many calls.
func (r *Redis) doTogether(ctx context.Context, calls []py.Call) {
	for len(calls) > 0 {
		calls = calls[r.doSome(ctx, calls):]
	}
}

// doSome sends the first calls that have a client in common, and returns how many.
func (r *Redis) doSome(ctx context.Context, calls []py.Call) int {
	commands := make([]command, 0, len(calls))
	words := make([][]string, 0, len(calls))
	for i := range calls {
		c, err := readCommand(&calls[i])
		if err != nil || len(commands) > 0 && c.name != commands[0].name {
			if len(commands) == 0 {
				py.Answer(calls[:1], func(int, []byte) ([]byte, error) { return nil, err })
				return 1
			}
			break
		}
		commands, words = append(commands, c), append(words, c.words)
	}
	calls = calls[:len(commands)]
	client, err := r.client(commands[0].name)
	if err != nil {
		err = py.NewError("puff.redis.RedisError", err.Error())
		py.Answer(calls, func(int, []byte) ([]byte, error) { return nil, err })
		return len(calls)
	}
	outcomes := client.DoTogether(ctx, words)
	py.Answer(calls, func(i int, b []byte) ([]byte, error) {
		o := &outcomes[i]
		if o.Err != nil {
			return nil, redisError(o.Err)
		}
		if err := o.Reply.Err(); err != nil {
			return nil, redisError(err)
		}
		return appendReply(b, &o.Reply, commands[i].shape), nil
	})
	return len(calls)
}
