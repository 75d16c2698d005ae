package py

// How busy a lane is, and who waits for whom: measure.c has the other half.

// #include "py.h"
import "C"

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Times says how often something took how long.
type Times struct {
	// Counts are by duration: Counts[i] is how often it was less than [TimesBound] of i
	// and not less than that of i-1.
	Counts [C.PY_TIMES]uint64
	// Sum is how long it took all in all.
	Sum time.Duration
}

// TimesBound returns the upper bound of a place in Times.Counts; the last has none.
func TimesBound(i int) time.Duration { return 1024 << (2 * i) }

// Load is what a lane has measured, up to At on a clock of its own.
type Load struct {
	At time.Duration
	// Asleep is how long it had nothing to do. For an event loop that is the time in
	// which it had nothing from Go, whatever else it did.
	Asleep time.Duration
	// CPU is the time on a processor of the thread that opened the lane.
	CPU time.Duration
	// Waits are the times that the first record of each batch waited to be taken.
	Waits Times
	// GIL are the times from being woken to holding the GIL. An event loop has none: who
	// wakes it is not known here.
	GIL Times
}

// Measure has the lane measure what [Lane.Load] returns, from now on.
func (l *Lane) Measure() { C.py_lane_measure(l.c) }

// Load returns what was measured since Measure.
func (l *Lane) Load() Load {
	now := l.rt.clock.now()
	slept := (*atomic.Uint64)(unsafe.Pointer(&l.c.slept)).Load()
	if from := (*atomic.Uint64)(unsafe.Pointer(&l.c.asleep)).Load(); from != 0 && now > from {
		slept += now - from
	}
	load := Load{
		At: time.Duration(now), Asleep: time.Duration(slept),
		Waits: timesOf(&l.c.waits), GIL: timesOf(&l.c.gil),
	}
	var cpu unix.Timespec
	if !l.closed() && unix.ClockGettime(int32(l.c.cpu), &cpu) == nil {
		load.CPU = time.Duration(cpu.Nano())
	}
	return load
}

func timesOf(c *C.py_times) Times {
	t := Times{Sum: time.Duration((*atomic.Uint64)(unsafe.Pointer(&c.sum)).Load())}
	for i := range t.Counts {
		t.Counts[i] = (*atomic.Uint64)(unsafe.Pointer(&c.count[i])).Load()
	}
	return t
}

// clock reads the monotonic clock as C has it, by way of Go's own, which costs no call
// of the system.
type clock struct {
	start time.Time
	at    uint64 // ns
}

// newClock reads both clocks a few times: who is interrupted between the two would see all
// times shifted by that.
func newClock() (best clock) {
	gap := time.Duration(-1)
	for range 5 {
		var t unix.Timespec
		began := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
			panic("read the monotonic clock: " + err.Error()) // there always is one
		}
		start := time.Now() // after the other: a time of Go's is never ahead of C's
		if took := start.Sub(began); gap < 0 || took < gap {
			gap, best = took, clock{start, uint64(t.Nano())}
		}
	}
	return best
}

func (c clock) now() uint64 { return c.at + uint64(time.Since(c.start)) }
