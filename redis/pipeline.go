package redis

// Many commands in one trip.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// Pipeline sends commands in one trip and returns their replies in order. The errors
// that Redis replies with are in their places.
func (c *Client) Pipeline(ctx context.Context, commands [][]string) ([]Reply, error) {
	if err := check(commands); err != nil || len(commands) == 0 {
		return nil, err
	}
	l, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	if l.cluster {
		for i, args := range commands {
			if n := name(args); n == "SCAN" || everywhere[n] != nil {
				return nil, fmt.Errorf("queue command %d: %w", i+1, &Error{
					Kind: Misuse, Command: n, Message: "it goes to all nodes of the cluster: send it by itself"})
			}
		}
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return c.send(ctx, l, l.DoMulti, commands)
}

// Transaction is Pipeline within MULTI and EXEC: all commands or none, with nobody
// else's between them. The error is a [*Replied] when Redis did not execute them.
func (c *Client) Transaction(ctx context.Context, commands [][]string) ([]Reply, error) {
	if err := check(commands); err != nil || len(commands) == 0 {
		return nil, err
	}
	l, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	if _, err := l.slotOf(commands); err != nil {
		return nil, err
	}
	// They stand together in the stream of the connection, so nothing comes in between.
	replies, err := c.send(ctx, l, l.DoMulti, enclosed(commands))
	if err != nil {
		return nil, err
	}
	out, _, err := executed(replies)
	return out, err
}

// enclosed puts commands between MULTI and EXEC.
func enclosed(commands [][]string) [][]string {
	all := make([][]string, 0, len(commands)+2)
	all = append(append(all, []string{"MULTI"}), commands...)
	return append(all, []string{"EXEC"})
}

// executed takes the replies out of EXEC's. ok is false when a watched key changed.
func executed(replies []Reply) (out []Reply, ok bool, err error) {
	last := &replies[len(replies)-1]
	if last.IsNil() {
		return nil, false, nil
	}
	if err := last.Err(); err != nil {
		for i := range replies { // why it was aborted
			if first := replies[i].Err(); first != nil {
				return nil, true, first
			}
		}
		return nil, true, err
	}
	return last.Items(), true, nil
}

func check(commands [][]string) error {
	for i, args := range commands {
		k, err := kindOf(args)
		if err == nil && k == waits {
			err = &Error{Kind: Misuse, Command: name(args), Message: "it waits, and all behind it would"}
		}
		if err != nil {
			return fmt.Errorf("queue command %d: %w", i+1, err)
		}
	}
	return nil
}

// send sends commands by do.
func (c *Client) send(
	ctx context.Context, l *link, do func(context.Context, ...rueidis.Completed) []rueidis.RedisResult, commands [][]string,
) ([]Reply, error) {
	all := l.buildAll(commands)
	c.count.commands.Add(uint64(len(all)))
	began := time.Now()
	results := do(ctx, all...)
	c.count.ran(began)
	replies := make([]Reply, len(results))
	var failed error
	for i, r := range results {
		var err error
		if replies[i], err = toReply(r); err != nil && failed == nil {
			failed = c.ended(l, err, commands[i])
		}
		c.replied(replies[i])
	}
	if failed == nil {
		return replies, c.ended(l, nil, nil)
	}
	return nil, failed
}

// ErrChanged is returned by [Held.Exec] when a watched key changed: nothing was done.
var ErrChanged = errors.New("execute transaction: a watched key changed")
