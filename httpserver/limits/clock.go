package limits

// clock.go tells calls when their time is up. All have the same time, so they stand in the order in which it ends, and one
// timer, set for the first of them, is enough for all: a call costs two turns in a list and sets no timer of its own.

import (
	"sync"
	"time"
)

type clock struct {
	after time.Duration
	epoch time.Time

	mu sync.Mutex

	calls list
	set   bool // the timer runs
	timer *time.Timer
}

func newClock(after time.Duration) *clock {
	return &clock{after: after, epoch: time.Now()}
}

// add has the time of a call run.
func (k *clock) add(c *call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.deadline = int64(time.Since(k.epoch) + k.after)
	k.calls.append(&c.clockLink, c)
	if k.set {
		return
	}
	k.set = true
	if k.timer == nil {
		k.timer = time.AfterFunc(k.after, k.ring)
		return
	}
	k.timer.Reset(k.after)
}

// remove stops the time of a call.
func (k *clock) remove(c *call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls.remove(&c.clockLink)
}

// ring has the calls told whose time is up, and sets the timer for the next one.
func (k *clock) ring() {
	var up []*call
	k.mu.Lock()
	now := int64(time.Since(k.epoch))
	first := k.calls.first
	for ; first != nil && first.call.deadline <= now; first = k.calls.first {
		up = append(up, first.call)
		k.calls.remove(first)
	}
	if k.set = first != nil; k.set {
		k.timer.Reset(time.Duration(first.call.deadline - now))
	}
	k.mu.Unlock()
	for _, c := range up {
		// A thread that has ended has nobody to answer.
		_ = c.thread.Post(c.expire)
	}
}
