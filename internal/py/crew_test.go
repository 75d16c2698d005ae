package py

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestHandsAreUsedAgainAndLeaveWhenNobodyNeedsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var run sync.WaitGroup
		c := crew{run: &run}
		idle := func() int { // under the lock: the clock of the crew runs beside
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.idle)
		}
		for range 3 { // one after the other: one hand does
			c.start(func() {})
			synctest.Wait()
		}
		if got := idle(); got != 1 {
			t.Errorf("after jobs one by one %d hands are idle, want 1", got)
		}
		var hold sync.WaitGroup
		hold.Add(1)
		for range 2 * maxIdle {
			c.start(hold.Wait)
		}
		hold.Done()
		synctest.Wait()
		if got := idle(); got != maxIdle {
			t.Errorf("after many jobs at once %d hands are idle, want %d", got, maxIdle)
		}
		time.Sleep(2 * idleTime)
		synctest.Wait()
		run.Wait() // all have left
		if got := idle(); got != 0 {
			t.Errorf("after a while %d hands are idle", got)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.watch != nil {
			t.Error("the clock of a crew without idle hands goes on")
		}
	})
}

func TestClosedCrewKeepsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var run sync.WaitGroup
		c := crew{run: &run}
		c.start(func() {})
		synctest.Wait()
		c.close()
		done := false
		c.start(func() { done = true })
		run.Wait()
		if !done {
			t.Error("a job that came after close was not run")
		}
	})
}

// deep uses more stack than a goroutine begins with.
func deep(n int) int {
	var room [256]byte
	if n == 0 {
		return len(room)
	}
	room[n%len(room)] = byte(n)
	return deep(n-1) + int(room[n%len(room)])
}

func BenchmarkCrew(b *testing.B) {
	var run sync.WaitGroup
	c := crew{run: &run}
	var done sync.WaitGroup
	starts := []struct {
		name  string
		start func(func())
	}{{"kept", c.start}, {"new", func(f func()) { go f() }}}
	for _, s := range starts {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				done.Add(1)
				s.start(func() {
					deep(20)
					done.Done()
				})
				done.Wait()
			}
		})
	}
	c.close()
	run.Wait()
}
