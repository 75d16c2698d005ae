package py_test

import (
	"testing"
	"time"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// total is how many times there are.
func total(t py.Times) (n uint64) {
	for _, c := range t.Counts {
		n += c
	}
	return n
}

func TestAMeasuredLaneKnowsWhatItWaitedFor(t *testing.T) {
	settled(t)
	p := openPort(t)
	hub.lane.Measure()
	ask := func(ticket uint64) {
		p.Call(echo, ticket, encoded(t, "x"))
		p.Flush()
		answers(t, p, 1, func(*py.Message) {})
	}
	before := hub.lane.Load()
	for i := range uint64(20) {
		ask(i)
	}
	after := hub.lane.Load()
	if got := total(after.Waits) - total(before.Waits); got != 20 {
		t.Errorf("got %d waits of 20 batches", got)
	}
	if after.Waits.Sum <= before.Waits.Sum || after.Waits.Sum-before.Waits.Sum > after.At-before.At {
		t.Errorf("they waited %v in %v", after.Waits.Sum-before.Waits.Sum, after.At-before.At)
	}
	testkit.Wait(t, "the lane sleeps", func() bool {
		now := hub.lane.Load()
		return now.Asleep > after.Asleep && now.Asleep-after.Asleep <= now.At-after.At
	})
	ask(20) // of the others, each may have come before the lane slept
	testkit.Wait(t, "the lane has waited for the GIL", func() bool { return total(hub.lane.Load().GIL) > 0 })
	if after.CPU <= 0 {
		t.Error("the lane's thread has used no processor")
	}
}

func TestABusyLaneDoesNotSleep(t *testing.T) {
	settled(t)
	hub.lane.Measure()
	hub.call(t, "evaluate", "1") // it wakes up, measured
	before := hub.lane.Load()
	hub.call(t, "execute", "import time\nend = time.monotonic() + 0.1\nwhile time.monotonic() < end: pass")
	after := hub.lane.Load()
	if idle, all := after.Asleep-before.Asleep, after.At-before.At; idle > all-100*time.Millisecond {
		t.Errorf("the lane slept %v of %v, and was busy for 100 ms of them", idle, all)
	}
}

func TestBoundsOfTimesGrowFourfold(t *testing.T) {
	for i := range len(py.Times{}.Counts) - 1 {
		if got, want := py.TimesBound(i+1), 4*py.TimesBound(i); got != want {
			t.Errorf("TimesBound(%d) = %v, want %v", i+1, got, want)
		}
	}
}
