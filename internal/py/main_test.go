package py_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// python is the interpreter of the test process: there is one per process.
var python *testkit.Python

// place is a way to run Python: a lane and the handle that runs a function on it.
type place struct {
	name string
	lane *py.Lane
	run  py.Handle
}

// The places that testdata/border.py opens, and the handle that answers on the hub with
// what it is given.
var (
	hub, thread, loop place
	places            []place
	echo              py.Handle
)

func TestMain(m *testing.M) {
	status := 1
	defer func() { os.Exit(status) }()
	var err error
	python, err = testkit.Start(testkit.Program{Path: "testdata", Module: "border"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	n := make([]int, len(python.Ready))
	for i, v := range python.Ready {
		n[i] = int(v.(int64))
	}
	hubLane, loopLane := python.Lane(n[0]), python.Lane(n[4])
	hub = place{"greenlet", hubLane, py.Handle(n[1])}
	thread = place{"thread", hubLane, py.Handle(n[2])}
	loop = place{"asyncio", loopLane, py.Handle(n[5])}
	places = []place{hub, thread, loop}
	echo = py.Handle(n[3])
	python.Handle("same", func(_ context.Context, args []any) (any, error) { return args[0], nil })
	// A thread that came into Go once has a goroutine from then on: no test leaves it behind.
	for _, p := range []place{hub, thread} {
		if _, err := p.lane.Call(context.Background(), p.run, "go_here", "same", 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
	status = m.Run()
	if err := errors.Join(hubLane.Stop(), loopLane.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	// The program ends because Go does; it looks that it is told so, see border.py.
	python.Close()
	if got := python.End(); got != 0 {
		fmt.Fprintf(os.Stderr, "Python ended with status %d\n", got)
		status = 1
	}
}

// try calls a function of testdata/border_functions.py.
func (p place) try(t testing.TB, name string, args ...any) (any, error) {
	t.Helper()
	return p.lane.Call(testkit.Context(t), p.run, append([]any{name}, args...)...)
}

// call is try for what must not fail.
func (p place) call(t testing.TB, name string, args ...any) any {
	t.Helper()
	v, err := p.try(t, name, args...)
	if err != nil {
		t.Fatalf("%s of %.200v on %s: %v", name, args, p.name, trace(err))
	}
	return v
}

// everywhere runs f once for each place.
func everywhere(t *testing.T, f func(t *testing.T, p place)) {
	t.Helper()
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) { f(t, p) })
	}
}

// trace is an error with the traceback it has.
func trace(err error) string {
	var e *py.Error
	if errors.As(err, &e) && e.Traceback() != "" {
		return e.Traceback()
	}
	return fmt.Sprint(err)
}

// handle has Go's name answered by f while the test runs.
func handle(t *testing.T, name string, f py.Func) {
	t.Helper()
	python.Handle(name, f)
	t.Cleanup(func() {
		python.Handle(name, func(context.Context, []any) (any, error) {
			return nil, fmt.Errorf("%s is called after its test", name)
		})
	})
}

// settled has the test wait, at its end, until no call runs in either direction, and as
// many handles and waiters are in use as there were.
func settled(t *testing.T) {
	t.Helper()
	testkit.NoLeaks(t)
	before := fmt.Sprint(hub.call(t, "counts"))
	from, to := python.Counts()
	t.Cleanup(func() {
		testkit.Wait(t, "calls are over", func() bool {
			nowFrom, nowTo := python.Counts()
			return nowFrom <= from && nowTo <= to
		})
		testkit.Wait(t, "handles and waiters are as many as before", func() bool {
			v, err := hub.lane.Call(context.Background(), hub.run, "counts")
			return err == nil && fmt.Sprint(v) == before
		})
		python.DismissIdle()
	})
}
