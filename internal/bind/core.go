// Package bind is the glue between Python's names and Go's engines: tables of name and
// function, each reading its arguments, calling an engine, returning a value.
package bind

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/puffstack/puff/internal/py"
)

// Core is what every Puff answers.
var Core = map[string]py.Func{
	"sleep":     sleep,
	"read_file": readFile,

	"debug.goroutines": goroutines,
}

// sleep(seconds) returns when they have passed.
func sleep(ctx context.Context, args []any) (any, error) {
	var seconds float64
	switch v := arg(args, 0).(type) {
	case float64:
		seconds = v
	case int64:
		seconds = float64(v)
	default:
		return nil, wrong("sleep", "the number of seconds", args)
	}
	t := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readFile(path) returns the bytes of a file.
func readFile(_ context.Context, args []any) (any, error) {
	path, ok := arg(args, 0).(string)
	if !ok {
		return nil, wrong("read_file", "a path", args)
	}
	return os.ReadFile(path)
}

// goroutines() returns how many there are, for those who look for leaks.
func goroutines(context.Context, []any) (any, error) { return runtime.NumGoroutine(), nil }

func arg(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func wrong(name, want string, args []any) error {
	return py.NewError("TypeError", fmt.Sprintf("%s takes %s, not %v", name, want, args))
}
