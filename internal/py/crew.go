package py

// Who runs the functions that Python calls.

import (
	"sync"
	"time"
)

// crew runs jobs on goroutines that are kept for a while: a new one grows its stack with
// the first deep call, which costs more than a short job itself (BenchmarkCrew).
//
// Whoever was idle last is taken first, so that the others may leave.
type crew struct {
	run *sync.WaitGroup

	mu sync.Mutex

	idle   []*hand // the longest idle first
	watch  *time.Timer
	closed bool
}

// hand is an idle goroutine. A nil job tells it to leave.
type hand struct {
	jobs  chan func()
	since time.Time
}

const (
	maxIdle  = 256         // hands that are kept
	idleTime = time.Second // how long nobody needs them before they leave
)

// start has some goroutine run job.
func (c *crew) start(job func()) {
	c.mu.Lock()
	n := len(c.idle)
	if n == 0 {
		c.mu.Unlock()
		c.run.Go(func() { c.work(job) })
		return
	}
	h := c.idle[n-1]
	c.idle[n-1] = nil
	c.idle = c.idle[:n-1]
	c.mu.Unlock()
	h.jobs <- job
}

// work runs job and what comes after it, until nothing does.
func (c *crew) work(job func()) {
	h := &hand{jobs: make(chan func(), 1)}
	for job != nil {
		job()
		if !c.rest(h) {
			return
		}
		job = <-h.jobs
	}
}

// rest notes that h is idle; false: nobody will ever wake it.
func (c *crew) rest(h *hand) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= maxIdle {
		return false
	}
	if c.watch == nil {
		c.watch = time.AfterFunc(idleTime, c.thin)
	}
	h.since = time.Now()
	c.idle = append(c.idle, h)
	return true
}

// thin lets those leave who have been idle for long.
func (c *crew) thin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.idle) && time.Since(c.idle[n].since) >= idleTime {
		c.idle[n].jobs <- nil // has room for one, and got none since it is idle
		n++
	}
	c.idle = append(c.idle[:0], c.idle[n:]...)
	if len(c.idle) == 0 || c.closed {
		c.watch = nil
		return
	}
	c.watch.Reset(idleTime)
}

// close lets all leave; those that work do so after their job.
func (c *crew) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, h := range c.idle {
		h.jobs <- nil
	}
	c.idle = nil
	if c.watch != nil {
		c.watch.Stop()
	}
}
