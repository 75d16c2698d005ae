package py_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// waiting is something that waits for the end of a pipe that is its own.
type waiting struct {
	r, w *os.File
	poll func() (any, error, bool)
	wait func(context.Context) (any, error)
}

func (w *waiting) FD() int                               { return int(w.r.Fd()) }
func (w *waiting) Poll() (any, error, bool)              { return w.poll() }
func (w *waiting) Wait(ctx context.Context) (any, error) { return w.wait(ctx) }

// newWaiting returns one whose descriptor is readable, or never is.
func newWaiting(t *testing.T, readable bool) *waiting {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if readable {
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	return &waiting{r: r, w: w}
}

// direct has name begun by d while the test runs; "called" is what its function returns.
func direct(t *testing.T, name string, d py.Direct) {
	t.Helper()
	handle(t, name, func(context.Context, []any) (any, error) { return "called", nil })
	python.Direct(name, d)
}

func TestTheThreadThatAsksWaitsItself(t *testing.T) {
	settled(t)
	w := newWaiting(t, true)
	var polls atomic.Int32 // the detector of races knows nothing of how Python's threads order it
	big := strings.Repeat("x", 10_000)
	w.poll = func() (any, error, bool) { return big, nil, polls.Add(1) == 3 }
	w.wait = func(context.Context) (any, error) { return "handed over", nil }
	direct(t, "ask.here", func([]any) py.Pending { return w })
	if got := thread.call(t, "go_here", "ask.here"); got != big || polls.Load() != 3 {
		t.Errorf("got %.20v after %d looks, want the text after 3", got, polls.Load())
	}
}

func TestWhatTakesLongIsHandedOver(t *testing.T) {
	for _, p := range []place{hub, thread} {
		t.Run(p.name, func(t *testing.T) {
			settled(t)
			w := newWaiting(t, false)
			w.wait = func(context.Context) (any, error) { return "handed over", nil }
			direct(t, "ask.long", func([]any) py.Pending { return w })
			if got := p.call(t, "go_here", "ask.long"); got != "handed over" {
				t.Errorf("got %v, want that a goroutine goes on", got)
			}
		})
	}
}

func TestWhatCanNotBeBegunIsCalled(t *testing.T) {
	settled(t)
	direct(t, "ask.not", func([]any) py.Pending { return nil })
	for _, p := range []place{hub, thread} {
		if got := p.call(t, "go_here", "ask.not"); got != "called" {
			t.Errorf("%s: got %v, want what the function returns", p.name, got)
		}
		if got := p.call(t, "go_here", "same", "x"); got != "x" {
			t.Errorf("%s: got %v of a function that is only called", p.name, got)
		}
	}
}

func TestOtherWorkOfTheLaneGoesOnWhileOneWaits(t *testing.T) {
	settled(t)
	w := newWaiting(t, false)
	free := make(chan struct{})
	w.wait = func(ctx context.Context) (any, error) { <-free; return "late", nil }
	direct(t, "ask.slow", func([]any) py.Pending { return w })
	out := make(chan any, 1)
	go func() {
		v, err := hub.lane.Call(context.Background(), hub.run, "go_here", "ask.slow")
		if err != nil {
			v = err
		}
		out <- v
	}()
	if got := hub.call(t, "same", "meanwhile"); got != "meanwhile" {
		t.Errorf("got %v", got)
	}
	close(free)
	if got := <-out; got != "late" {
		t.Errorf("got %v, want what it waited for", got)
	}
}

func TestWhatWasHandedOverIsCancelled(t *testing.T) {
	settled(t)
	w := newWaiting(t, false)
	begun := make(chan struct{})
	var ended atomic.Bool
	w.wait = func(ctx context.Context) (any, error) {
		close(begun)
		<-ctx.Done()
		ended.Store(true)
		return nil, ctx.Err()
	}
	direct(t, "ask.cancelled", func([]any) py.Pending { return w })
	ctx, cancel := context.WithCancel(testkit.Context(t))
	go func() { <-begun; cancel() }()
	if _, err := hub.lane.Call(ctx, hub.run, "go_here", "ask.cancelled"); err == nil {
		t.Error("it was not cancelled")
	}
	testkit.Wait(t, "the context ends", ended.Load)
}

func TestAPanicOfWhatIsAskedIsAnError(t *testing.T) {
	settled(t)
	ready, never := newWaiting(t, true), newWaiting(t, false)
	ready.poll = func() (any, error, bool) { panic("in Poll") }
	never.wait = func(context.Context) (any, error) { panic("in Wait") }
	begin := map[string]py.Pending{"Poll": ready, "Wait": never}
	direct(t, "ask.panic", func(args []any) py.Pending {
		if p := begin[args[0].(string)]; p != nil {
			return p
		}
		panic("in Direct")
	})
	for _, where := range []string{"Direct", "Poll", "Wait"} {
		_, err := thread.try(t, "go_here", "ask.panic", where)
		var e *py.Error
		if !errors.As(err, &e) || !strings.Contains(e.Kind, "GoPanic") || !strings.Contains(e.Message, "in "+where) {
			t.Errorf("got %v, want a GoPanic in %s", err, where)
		}
	}
}
