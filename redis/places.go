package redis

// Places: the connections that callers have for themselves are limited; who finds none
// waits, and is then told who has them.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// places are a number of connections of one kind.
type places struct {
	what string // they are for
	room chan struct{}

	mu      sync.Mutex
	holders map[*holder]struct{}
}

// holder is who has one.
type holder struct {
	label string
	since time.Time
}

func newPlaces(what string, n int) *places {
	return &places{what: what, room: make(chan struct{}, n), holders: map[*holder]struct{}{}}
}

// acquire takes a place and returns what gives it back. The label is what errors of
// others call the caller while it has it.
func (c *Client) acquire(ctx context.Context, p *places, label string) (func(), error) {
	select {
	case p.room <- struct{}{}:
	default:
		if err := c.await(ctx, p); err != nil {
			return nil, err
		}
	}
	h := &holder{label, time.Now()}
	p.mu.Lock()
	p.holders[h] = struct{}{}
	p.mu.Unlock()
	return func() {
		p.mu.Lock()
		delete(p.holders, h)
		p.mu.Unlock()
		<-p.room
	}, nil
}

// await waits for a place.
func (c *Client) await(ctx context.Context, p *places) error {
	began := time.Now()
	defer func() {
		c.count.waited.Add(1)
		c.count.waitTime.Add(int64(time.Since(began)))
	}()
	t := time.NewTimer(c.config.PoolTimeout)
	defer t.Stop()
	select {
	case p.room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		c.count.timedOut.Add(1)
		return c.busy(p)
	}
}

// busy is the error of who found no place.
func (c *Client) busy(p *places) error {
	return &Error{
		Service: c.config.Name, URL: c.Stats().URL, Kind: Busy, After: c.config.PoolTimeout,
		Message: fmt.Sprintf("all %d connections for %s were in use for %v%s; raise pool_size, or hold them for less time",
			cap(p.room), p.what, c.config.PoolTimeout, p.who()),
	}
}

// mostNamed is how many holders an error names.
const mostNamed = 5

// who names those who have the places, the longest first.
func (p *places) who() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*holder
	for h := range p.holders {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *holder) int { return a.since.Compare(b.since) })
	var b strings.Builder
	for i, h := range all {
		if i == mostNamed {
			fmt.Fprintf(&b, " and %d more", len(all)-i)
			break
		}
		b.WriteString(map[bool]string{true: ", held by ", false: ", "}[i == 0])
		fmt.Fprintf(&b, "%s for %v", h.label, time.Since(h.since).Round(time.Millisecond))
	}
	return b.String()
}
