package redis

// A connection of one's own: to watch keys, read them, and change them if nobody did.

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/rueidis"
)

// Held is a connection of one caller. Release gives it back.
type Held struct {
	c    *Client
	link *link
	free func()

	mu   sync.Mutex
	conn rueidis.DedicatedClient // nil: given back
	back func()
	slot uint16 // of a cluster, where it is: the first command decides
}

// Hold takes a connection out of the pool. The label is what errors of others call the
// caller while it has it.
func (c *Client) Hold(ctx context.Context, label string) (*Held, error) {
	l, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	free, err := c.acquire(ctx, c.held, label)
	if err != nil {
		return nil, err
	}
	conn, back := l.Dedicate()
	return &Held{c: c, link: l, free: free, conn: conn, back: back, slot: nothing}, nil
}

// Release gives the connection back, watching nothing. It may be called twice.
func (h *Held) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == nil {
		return
	}
	// In a connection that did not answer somebody's replies may still come: it is closed.
	ctx, cancel := h.c.limit(context.Background())
	defer cancel()
	if h.slot == nothing { // nothing was sent, and nothing is watched
	} else if err := h.conn.Do(ctx, h.link.build([]string{"UNWATCH"}, false)).NonRedisError(); err != nil {
		h.conn.Close()
	}
	h.back()
	h.conn = nil
	h.free()
}

var errReleased = errors.New("use a connection of redis: it was given back")

// Watch has Exec do nothing if one of the keys changes until then.
func (h *Held) Watch(ctx context.Context, keys ...string) error {
	replies, err := h.send(ctx, [][]string{append([]string{"WATCH"}, keys...)})
	if err != nil {
		return err
	}
	return replies[0].Err()
}

// Do sends a command at once.
func (h *Held) Do(ctx context.Context, args []string) (Reply, error) {
	if err := check([][]string{args}); err != nil {
		return Reply{}, err
	}
	replies, err := h.send(ctx, [][]string{args})
	if err != nil {
		return Reply{}, err
	}
	return replies[0], nil
}

// Exec sends commands as a transaction. The error is [ErrChanged] when a watched key
// changed.
func (h *Held) Exec(ctx context.Context, commands [][]string) ([]Reply, error) {
	if err := check(commands); err != nil {
		return nil, err
	}
	replies, err := h.send(ctx, enclosed(commands))
	if err != nil {
		return nil, err
	}
	out, ok, err := executed(replies)
	if err == nil && !ok {
		err = ErrChanged
	}
	return out, err
}

func (h *Held) send(ctx context.Context, commands [][]string) ([]Reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == nil {
		return nil, errReleased
	}
	slot, err := h.link.slotOf(commands)
	if err != nil {
		return nil, err
	}
	if h.slot == nothing {
		h.slot = slot
	} else if slot != noKey && slot != h.slot {
		return nil, apart()
	}
	ctx, cancel := h.c.limit(ctx)
	defer cancel()
	replies, err := h.c.send(ctx, h.link, h.conn.DoMulti, commands)
	if err != nil {
		h.conn.Close() // its replies may come when nobody knows any more whose they are
	}
	return replies, err
}
