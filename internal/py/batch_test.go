package py_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// together has calls of name answered by run, but for those whose argument is "alone".
func together(t *testing.T, name string, run func(ctx context.Context, calls []py.Call)) {
	t.Helper()
	handle(t, name, func(_ context.Context, args []any) (any, error) { return args[0], nil })
	python.HandleTogether(name, py.Batch{
		Joins: func(args []byte) bool {
			r := py.NewReader(args)
			return r.Peek() != py.TagStr || string(r.Text()) != "alone"
		},
		Run: run,
	})
}

// same answers calls with what they were given.
func same(calls []py.Call) {
	py.Answer(calls, func(i int, b []byte) ([]byte, error) { return append(b, calls[i].Args...), nil })
}

// inOneTurn has Python make n calls of name while Go reads none of them, and returns the
// answers, or the texts of errors, by the numbers that were their arguments.
func inOneTurn(t *testing.T, name string, n int) []any {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	python.HandleInline("hold", func(context.Context, []any) (any, error) {
		_, err := r.Read(make([]byte, 1))
		return nil, err
	})
	got := hub.call(t, "execute", `
lane, _ = _puff.lane()
name, n, fd = args
_puff.call(lane, ("hold",), None)
for i in range(n):
    _puff.call(lane, (name, i), i)
os.write(fd, b"x")
left, answers = n, {}
while left >= 0:
    for kind, i, _, value in _puff.take(lane, -1):
        answers[i] = str(value) if kind == _puff.ERROR else value
        left -= 1
_puff.close(lane)
out = [answers[i] for i in range(n)]
`, name, n, int(w.Fd()))
	return got.([]any)
}

func numbers(n int) (all []any) {
	for i := range n {
		all = append(all, int64(i))
	}
	return all
}

func TestCallsThatCameTogetherRunAsOne(t *testing.T) {
	settled(t)
	sizes := make(chan int, 10)
	together(t, "many", func(_ context.Context, calls []py.Call) {
		sizes <- len(calls)
		same(calls)
	})
	if diff := cmp.Diff(numbers(300), inOneTurn(t, "many", 300)); diff != "" {
		t.Errorf("answers: got + want -\n%s", diff)
	}
	if got := []int{<-sizes, <-sizes}; !slices.Contains(got, 256) || !slices.Contains(got, 44) {
		t.Errorf("got batches of %v, want 256 and 44", got)
	}
}

func TestACallThatDoesNotJoinRunsByItself(t *testing.T) {
	together(t, "many", func(_ context.Context, calls []py.Call) {
		py.Answer(calls, func(int, []byte) ([]byte, error) { return nil, errors.New("it joined") })
	})
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		if got := p.call(t, p.asks(), "many", "alone"); got != "alone" {
			t.Errorf("got %v, want what a function of its own answers", got)
		}
		if _, err := p.try(t, p.asks(), "many", 1); err == nil || !strings.Contains(err.Error(), "it joined") {
			t.Errorf("got %v, want the error of the batch", err)
		}
	})
}

func TestManyCallersGetTheAnswersOfTheirOwnCalls(t *testing.T) {
	together(t, "many", func(_ context.Context, calls []py.Call) { same(calls) })
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		var callers sync.WaitGroup
		for i := range 64 {
			callers.Go(func() {
				for j := range 10 {
					want := fmt.Sprintf("%d-%d", i, j)
					if got, err := p.try(t, p.asks(), "many", want); got != want {
						t.Errorf("got %v, %v, want %s", got, err, want)
					}
				}
			})
		}
		callers.Wait()
	})
}

func TestACallThatIsNotAnsweredGetsAnError(t *testing.T) {
	settled(t)
	together(t, "many", func(_ context.Context, calls []py.Call) { same(calls[:1]) })
	want := []any{int64(0), "call Go: the call was not answered", "call Go: the call was not answered"}
	if diff := cmp.Diff(want, inOneTurn(t, "many", 3)); diff != "" {
		t.Errorf("answers: got + want -\n%s", diff)
	}
}

func TestAPanicIsTheErrorOfTheCallsThatHaveNoAnswerYet(t *testing.T) {
	settled(t)
	together(t, "many", func(_ context.Context, calls []py.Call) {
		same(calls[1:2])
		panic("it broke")
	})
	got := inOneTurn(t, "many", 3)
	if got[1] != int64(1) || !strings.HasPrefix(got[0].(string), "it broke") || !strings.HasPrefix(got[2].(string), "it broke") {
		t.Errorf("got %v, want a panic, 1, a panic", got)
	}
}

func TestAnswersLargerThanTheRingArrive(t *testing.T) {
	settled(t)
	large := strings.Repeat("x", 12<<10) // six fill the ring of the lane, which spills nothing of this size
	together(t, "many", func(_ context.Context, calls []py.Call) {
		py.Answer(calls, func(i int, b []byte) ([]byte, error) {
			if i == 7 {
				return b, errors.New("seven")
			}
			return py.AppendText(b, py.TagStr, large), nil
		})
	})
	for i, v := range inOneTurn(t, "many", 40) {
		if want := large; i != 7 && v != want || i == 7 && v != "seven" {
			t.Errorf("answer %d: got %.20q", i, v)
		}
	}
}

func TestWhoAnswersDoesNotWaitForALaneThatIsBehind(t *testing.T) {
	settled(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	large := strings.Repeat("x", 12<<10)
	var left atomic.Int64
	left.Store(40)
	together(t, "many", func(_ context.Context, calls []py.Call) {
		py.Answer(calls, func(_ int, b []byte) ([]byte, error) { return py.AppendText(b, py.TagStr, large), nil })
		if left.Add(-int64(len(calls))) == 0 {
			_, _ = w.Write([]byte("x"))
		}
	})
	got := hub.call(t, "execute", `
import select
lane, _ = _puff.lane()
for i in range(40):
    _puff.call(lane, ("many", i), i)
answered = bool(select.select([args[0]], [], [], 20)[0])
answers = set()
while len(answers) < 40:
    answers |= {i for _, i, _, value in _puff.take(lane, -1) if len(value) == 12 << 10}
_puff.close(lane)
out = answered
`, int(r.Fd()))
	if got != true {
		t.Error("who answers waited until the lane took its answers")
	}
}

func TestACallThatWasGivenUpGetsNoAnswer(t *testing.T) {
	settled(t)
	begun, end := make(chan struct{}), make(chan struct{})
	together(t, "many", func(_ context.Context, calls []py.Call) {
		close(begun)
		<-end
		same(calls)
	})
	ctx, cancel := context.WithCancel(testkit.Context(t))
	ended := make(chan error)
	go func() {
		_, err := loop.lane.Call(ctx, loop.run, "go_async", "many", 1)
		ended <- err
	}()
	<-begun
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the call was cancelled", err)
	}
	close(end)
}

func TestWhatRunsHearsOfACallThatWasGivenUp(t *testing.T) {
	settled(t)
	handle(t, "many", func(context.Context, []any) (any, error) { return nil, errors.New("alone") })
	begun, gone, heard := make(chan struct{}), make(chan struct{}), make(chan int, 10)
	python.HandleTogether("many", py.Batch{
		Joins: func([]byte) bool { return true },
		Run: func(_ context.Context, calls []py.Call) {
			close(begun)
			calls[0].OnGone(func() { heard <- 1; close(gone) })
			<-gone
			calls[0].OnGone(func() { heard <- 2 }) // it was before
			same(calls)
		},
		Ends: true,
	})
	ctx, cancel := context.WithCancel(testkit.Context(t))
	ended := make(chan error)
	before, _ := python.Counts()
	go func() {
		_, err := loop.lane.Call(ctx, loop.run, "go_async", "many", 1)
		ended <- err
	}()
	<-begun
	if n, _ := python.Counts(); n != before+1 {
		t.Errorf("%d calls run, want %d", n, before+1)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the call was cancelled", err)
	}
	if a, b := <-heard, <-heard; a != 1 || b != 2 {
		t.Errorf("heard %d and %d, want 1 and 2", a, b)
	}
}

func TestCallsRunByThemselvesWhereTheBatchSaysSo(t *testing.T) {
	settled(t)
	handle(t, "many", func(_ context.Context, args []any) (any, error) { return args[0], nil })
	var asked atomic.Int64
	python.HandleTogether("many", py.Batch{
		Joins: func([]byte) bool { return true },
		Apart: func(calls []py.Call) bool {
			for _, c := range calls {
				a := py.NewReader(c.Args)
				a.Int()
				if a.Bad {
					t.Errorf("a call has the arguments %q, want a number", c.Args)
				}
			}
			asked.Add(int64(len(calls)))
			return true
		},
		Run: func(context.Context, []py.Call) { t.Error("they ran together") },
	})
	if diff := cmp.Diff(numbers(300), inOneTurn(t, "many", 300)); diff != "" {
		t.Errorf("answers: got + want -\n%s", diff)
	}
	if n := asked.Load(); n != 300 {
		t.Errorf("it was asked about %d calls, want 300", n)
	}
}

func TestACallThatIsGivenUpBeforeItIsStartedIsKnownToBe(t *testing.T) {
	for _, apart := range []bool{false, true} {
		settled(t)
		gone, ran := make(chan int64, 10), make(chan int64, 10)
		handle(t, "many", func(_ context.Context, args []any) (any, error) { ran <- args[0].(int64); return args[0], nil })
		python.HandleTogether("many", py.Batch{
			Joins: func([]byte) bool { return true },
			Apart: func([]py.Call) bool { return apart },
			Run: func(_ context.Context, calls []py.Call) {
				for i := range calls {
					a := py.NewReader(calls[i].Args)
					n := a.Int()
					ran <- n
					calls[i].OnGone(func() { gone <- n })
				}
				same(calls)
			},
			Ends: true,
		})
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		python.HandleInline("hold", func(context.Context, []any) (any, error) {
			_, err := r.Read(make([]byte, 1))
			return nil, err
		})
		hub.call(t, "execute", `
lane, _ = _puff.lane()
_puff.call(lane, ("hold",), None)
_puff.cancel(_puff.call(lane, ("many", 1), 1))
_puff.call(lane, ("many", 2), 2)
os.write(args[0], b"x")
got = set()
while not {None, 2} <= got:
    got |= {i for _, i, _, _ in _puff.take(lane, -1)}
_puff.close(lane)
out = None
`, int(w.Fd()))
		r.Close()
		w.Close()
		if apart {
			if n := <-ran; n != 2 || len(ran) > 0 {
				t.Errorf("call %d ran first, want 2 alone", n)
			}
		} else if n := <-gone; n != 1 || len(gone) > 0 {
			t.Errorf("call %d is gone first, want 1 alone", n)
		}
	}
}

func TestACallIsToldAlthoughItsTurnDoesNotEnd(t *testing.T) {
	settled(t)
	together(t, "many", func(_ context.Context, calls []py.Call) { same(calls) })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	handle(t, "tell", func(context.Context, []any) (any, error) { return w.Write([]byte("told")) })
	// A turn that has several answers waits with what it asks, and this one ends only
	// once Go has been told.
	got := hub.call(t, "execute", `
import select
lane, _ = _puff.lane()
left, turns = 0, 0
while turns < 50:
    _puff.call(lane, ("many", 1), None)
    _puff.call(lane, ("many", 2), None)
    left += 2
    answers = len(_puff.take(lane, -1))
    left -= answers
    if answers > 1:
        turns += 1
        _puff.call(lane, ("tell",), None)
        left += 1
        if not select.select([args[0]], [], [], 20)[0]:
            break
        os.read(args[0], 4)
while left > 0:
    left -= len(_puff.take(lane, -1))
_puff.close(lane)
out = turns
`, int(r.Fd()))
	if got != int64(50) {
		t.Errorf("turn %v did not end: its call was not told", got)
	}
}
