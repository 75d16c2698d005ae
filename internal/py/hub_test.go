package py_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// An answer and the cancelling of the task that waits for it come in one batch: the
// greenlet that the answer was for is by then in the pool, or runs another task.
func TestAnAnswerThatComesWithTheCancellingReachesNobody(t *testing.T) {
	settled(t)
	const n = 50
	release := make(chan struct{})
	var begun atomic.Int32
	handle(t, "gate", func(context.Context, []any) (any, error) {
		begun.Add(1)
		<-release
		return "too late", nil
	})
	ctx, cancel := context.WithCancel(testkit.Context(t))
	defer cancel()
	errs := make(chan error, n)
	for range n {
		go func() {
			_, err := hub.lane.Call(ctx, hub.run, "go", "gate")
			errs <- err
		}()
	}
	testkit.Wait(t, "all wait in Go", func() bool { return begun.Load() == n })
	hold := make(chan error, 1)
	go func() {
		_, err := hub.try(t, "execute", "HELD.set()\nLET_GO.wait()\nHELD.clear()\nLET_GO.clear()")
		hold <- err
	}()
	testkit.Wait(t, "the hub is busy", func() bool { return loop.call(t, "evaluate", "HELD.is_set()") == true })
	cancel()
	for range 2000 {
		runtime.Gosched() // the calls write that they are cancelled
	}
	close(release)
	testkit.Wait(t, "Go has answered", func() bool {
		from, _ := python.Counts()
		return from <= 1 // the program's own
	})
	loop.call(t, "execute", "LET_GO.set()")
	if err := <-hold; err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := <-errs; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want nil or %v", err, context.Canceled)
		}
	}
	meet(t, hub, 4*n)
}

func TestAThreadThatWaitsForGoMayAskSomethingElse(t *testing.T) {
	settled(t)
	handle(t, "release.on", func(_ context.Context, args []any) (any, error) {
		return nil, python.Lane(int(args[0].(int64))).Release(py.Handle(args[1].(int64)))
	})
	if got := fmt.Sprint(thread.call(t, "ask_while_taking")); got != "[at its end]" {
		t.Errorf("got %v, want the answer", got)
	}
}
