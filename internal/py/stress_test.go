package py_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// blocker has Go's "block" wait until its context ends: begun and ended tell of each.
func blocker(t *testing.T) (begun, ended chan struct{}) {
	t.Helper()
	begun, ended = make(chan struct{}, 1024), make(chan struct{}, 1024)
	handle(t, "block", func(ctx context.Context, _ []any) (any, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	})
	return begun, ended
}

func TestAContextThatEndsCancelsWhatRunsInPython(t *testing.T) {
	for _, p := range []place{hub, loop} {
		t.Run(p.name, func(t *testing.T) {
			settled(t)
			begun, ended := blocker(t)
			ctx, cancel := context.WithCancel(testkit.Context(t))
			defer cancel()
			go func() {
				<-begun
				cancel()
			}()
			_, err := p.lane.Call(ctx, p.run, p.asks(), "block")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			<-ended
		})
	}
}

func TestATimeoutOfAsyncioEndsTheContextOfGo(t *testing.T) {
	settled(t)
	begun, ended := blocker(t)
	if got := loop.call(t, "go_timeout", 0.001, "block"); got != "timeout" {
		t.Errorf("got %v, want timeout", got)
	}
	<-begun
	<-ended
}

func TestThousandsOfCallsRunAtOnce(t *testing.T) {
	for _, p := range []place{hub, loop} {
		t.Run(p.name, func(t *testing.T) {
			settled(t)
			meet(t, p, 2000)
		})
	}
}

// meet has n calls run at once: none ends before all have begun.
func meet(t *testing.T, p place, n int) {
	t.Helper()
	var running atomic.Int32
	all := make(chan struct{})
	handle(t, "meet", func(ctx context.Context, args []any) (any, error) {
		if running.Add(1) == int32(n) {
			close(all)
		}
		select {
		case <-all:
			return args[0], nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	ctx := testkit.Context(t)
	var wg sync.WaitGroup
	wrong := make(chan string, n)
	for i := range n {
		wg.Go(func() {
			got, err := p.lane.Call(ctx, p.run, p.asks(), "meet", i)
			if err != nil || got != int64(i) {
				wrong <- fmt.Sprintf("call %d: got %v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	if len(wrong) > 0 {
		t.Errorf("%d of %d calls went wrong, one of them: %s", len(wrong), n, <-wrong)
	}
}

func TestManyThreadsCallAtOnce(t *testing.T) {
	settled(t)
	if got := thread.call(t, "parallel_calls", 16, 100, "same"); got != int64(1600) {
		t.Errorf("got %v right answers, want 1600", got)
	}
}

func TestMoreThanTheRingsHoldArrives(t *testing.T) {
	settled(t)
	ctx := testkit.Context(t)
	// Each is under a quarter of the ring to Python (64 KiB) and so travels in it.
	piece := bytes.Repeat([]byte("x"), 12<<10)
	var wg sync.WaitGroup
	var bytesBack atomic.Int64
	for range 200 {
		wg.Go(func() {
			got, err := hub.lane.Call(ctx, echo, piece, piece[:100])
			if err != nil {
				t.Errorf("got %v", err)
				return
			}
			for _, b := range got.(py.Tuple) {
				bytesBack.Add(int64(len(b.([]byte))))
			}
		})
	}
	wg.Wait()
	if got, want := bytesBack.Load(), int64(200*(12<<10+100)); got != want {
		t.Errorf("got %d bytes back, want %d", got, want)
	}
}

// Go does not read while an inline function of its own runs: Python fills the ring
// and waits, without the interpreter's lock.
func TestASlowReaderInGoHoldsPythonBackAndLosesNothing(t *testing.T) {
	settled(t)
	const n = 40
	begun, gate := make(chan struct{}), make(chan struct{})
	python.HandleInline("hold", func(context.Context, []any) (any, error) {
		close(begun)
		<-gate
		return nil, nil
	})
	var got atomic.Int64
	handle(t, "eat", func(_ context.Context, args []any) (any, error) {
		got.Add(int64(len(args[0].([]byte))))
		return nil, nil
	})
	ctx := testkit.Context(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := hub.lane.Call(ctx, thread.run, "go", "hold"); err != nil {
			t.Errorf("hold: %v", err)
		}
	})
	<-begun
	const size = 200 << 10 // five of them fill the ring to Go
	wg.Go(func() {
		const source = "for _ in range(args[0]): call('eat', b'x' * args[1])"
		if _, err := hub.lane.Call(ctx, thread.run, "execute", source, 3, size); err != nil {
			t.Errorf("eat: %v", err)
		}
	})
	for range n {
		wg.Go(func() {
			if _, err := hub.lane.Call(ctx, hub.run, "go", "eat", make([]byte, size)); err != nil {
				t.Errorf("eat: %v", err)
			}
		})
	}
	// The hub gets stuck on a full ring; another thread of Python still runs.
	testkit.Wait(t, "the hub has taken calls", func() bool { return hub.lane.Taken() > 0 })
	if got := loop.lane; got == nil {
		t.Fatal("no loop")
	}
	close(gate)
	wg.Wait()
	if want := int64((n + 3) * size); got.Load() != want {
		t.Errorf("got %d bytes, want %d", got.Load(), want)
	}
}

// Each round both sides have nothing to do for a moment and go to sleep: one wake-up
// that is lost hangs it.
func TestNoWakeUpIsLost(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		if p == thread {
			rounds := rounds / 10 // each starts a thread
			for i := range rounds {
				if got := p.call(t, "go", "same", i); got != int64(i) {
					t.Fatalf("round %d: got %v", i, got)
				}
			}
			return
		}
		ctx := testkit.Context(t)
		for i := range rounds {
			got, err := p.lane.Call(ctx, p.run, p.asks(), "same", i)
			if err != nil || got != int64(i) {
				t.Fatalf("round %d: got %v, %v", i, got, err)
			}
			for range i % 64 * 50 { // a gap that differs, so that the edges are met
				runtime.Gosched()
			}
		}
	})
}

// Answers then go the way on which several share a wake-up.
func TestNoWakeUpIsLostBesideACallThatRuns(t *testing.T) {
	settled(t)
	begun, ended := blocker(t)
	ctx, cancel := context.WithCancel(testkit.Context(t))
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = hub.lane.Call(ctx, hub.run, hub.asks(), "block") })
	<-begun
	for i := range 300 {
		for _, p := range []place{hub, loop} {
			got, err := p.lane.Call(ctx, p.run, p.asks(), "same", i)
			if err != nil || got != int64(i) {
				t.Errorf("round %d: got %v, %v", i, got, err)
			}
		}
	}
	cancel()
	<-ended
	wg.Wait()
}

func TestWakeUpsOfManyAreNotLostEither(t *testing.T) {
	settled(t)
	ctx := testkit.Context(t)
	var wg sync.WaitGroup
	for w := range 8 {
		p := []place{hub, loop}[w%2]
		wg.Go(func() {
			for i := range 200 {
				got, err := p.lane.Call(ctx, p.run, p.asks(), "same", w*1000+i)
				if err != nil || got != int64(w*1000+i) {
					t.Errorf("worker %d round %d: got %v, %v", w, i, got, err)
					return
				}
				for range (w + i) % 8 * 20 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
}

func TestALaneThatEndsRefusesWhatWaitsForIt(t *testing.T) {
	settled(t)
	begun, ended := blocker(t)
	n := int(thread.call(t, "open_lane").(int64))
	lane := python.Lane(n)
	ctx := testkit.Context(t)
	const calls = 5
	errs := make(chan error, calls)
	for range calls {
		go func() {
			_, err := lane.Call(ctx, echo, "never taken")
			errs <- err
		}()
	}
	// It asks Go, and does not wait for the answer.
	thread.call(t, "ask_on", n, "block")
	<-begun
	testkit.Wait(t, "all calls are in the inbox", func() bool {
		_, to := python.Counts()
		return to == calls
	})
	thread.call(t, "close_lane", n)
	for range calls {
		err := <-errs
		if err == nil || !errors.Is(err, py.ErrClosed) && !strings.Contains(err.Error(), "the lane has ended") {
			t.Errorf("got %v, want that the lane has ended", err)
		}
	}
	<-ended // nobody waits for it any more
	if _, err := lane.Call(ctx, echo, 1); !errors.Is(err, py.ErrClosed) {
		t.Errorf("a call of a closed lane: got %v, want %v", err, py.ErrClosed)
	}
	if _, err := lane.OpenPort(1 << 16); err == nil {
		t.Error("a port of a closed lane was opened")
	}
}

func TestANumberIsTakenAgainWithoutWhatWasMeantForTheLastLane(t *testing.T) {
	settled(t)
	release := make(chan struct{})
	answered := make(chan struct{})
	handle(t, "late", func(context.Context, []any) (any, error) {
		defer close(answered)
		<-release
		return "for the last lane", nil
	})
	n := int(thread.call(t, "open_lane").(int64))
	thread.call(t, "ask_on", n, "late")
	thread.call(t, "close_lane", n)
	if again := int(thread.call(t, "open_lane").(int64)); again != n {
		t.Fatalf("got lane %d, want %d again", again, n)
	}
	close(release)
	<-answered
	if got := fmt.Sprint(thread.call(t, "ask_on_and_take", n, "same", "mine")); got != "[mine]" {
		t.Errorf("got %v, want its own answer alone", got)
	}
	thread.call(t, "close_lane", n)
}

func TestPythonStandsGarbageCollectionAtEveryStep(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		defer hub.call(t, "execute", "gc.set_threshold(700, 10, 10)")
		hub.call(t, "execute", "gc.set_threshold(1)")
		for i := range 30 {
			in := []any{py.Tuple{i, "\xff\xfe"}, map[string]any{"k": []any{noon, sample, nil}}}
			got := p.call(t, p.asks(), "same", in)
			if a, b := encoded(t, got), encoded(t, in); !bytes.Equal(a, b) {
				t.Fatalf("got %v, want %v", got, in)
			}
			if _, err := p.try(t, "fail", "ValueError", "x"); err == nil {
				t.Fatal("got no error")
			}
		}
	})
}
