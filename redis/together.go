package redis

// Commands of many callers that have nothing to do with each other, in one trip: what
// comes at the same time costs one hand-over to the connection instead of one each.

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// Outcome is how one command ended.
type Outcome struct {
	Reply Reply
	// Err is an [*Error], or that of the context; an error that Redis replies with is in
	// Reply.
	Err error
}

// alone are the commands that are not sent together with others although they may be:
// those before one that takes long would wait for it.
var alone = map[string]bool{
	"CLIENT": true, "DEBUG": true, "EVAL": true, "EVALSHA": true, "EVAL_RO": true, "EVALSHA_RO": true,
	"FCALL": true, "FCALL_RO": true, "FLUSHALL": true, "FLUSHDB": true, "KEYS": true, "SAVE": true,
	"SHUTDOWN": true, "SORT": true, "SORT_RO": true,
}

// Joins reports whether a command, in capitals, may be one of those that
// [Client.DoTogether] sends. Those in other letters may not.
func Joins(command []byte) bool {
	for _, c := range command {
		if 'a' <= c && c <= 'z' {
			return false
		}
	}
	_, special := kinds[string(command)]
	return len(command) > 0 && !special && !alone[string(command)]
}

// DoTogether sends commands that [Joins] allows and returns how each of them ended, as
// [Client.Do] would have.
func (c *Client) DoTogether(ctx context.Context, commands [][]string) []Outcome {
	out := make([]Outcome, len(commands))
	l, err := c.open(ctx)
	if err != nil {
		c.count.unreached.Add(uint64(max(len(out)-1, 0))) // open has counted one
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	if l.cluster || len(commands) == 1 {
		c.doEach(ctx, commands, out)
		return out
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	all := make([]rueidis.Completed, len(commands))
	for i, args := range commands {
		all[i] = l.build(args, false)
	}
	c.count.commands.Add(uint64(len(all)))
	began := time.Now()
	results := l.DoMulti(ctx, all...)
	c.count.took.Add(int64(time.Since(began)) * int64(len(all))) // each has a caller that waited so long
	for i, r := range results {
		reply, err := toReply(r)
		out[i] = Outcome{c.replied(reply), c.ended(l, err, commands[i])}
	}
	return out
}

// doEach sends each command by itself: in a cluster each goes where its key lives.
func (c *Client) doEach(ctx context.Context, commands [][]string, out []Outcome) {
	var calls sync.WaitGroup
	for i := 1; i < len(commands); i++ {
		calls.Go(func() { out[i].Reply, out[i].Err = c.Do(ctx, commands[i]) })
	}
	out[0].Reply, out[0].Err = c.Do(ctx, commands[0])
	calls.Wait()
}
