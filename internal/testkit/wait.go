package testkit

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Wait waits until the world is as it should be: cond is asked again and again. The
// test fails when it does not come about.
func Wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for pause := time.Microsecond; !cond(); pause = min(2*pause, 10*time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for this in vain: %s", patience, what)
		}
		time.Sleep(pause) // yields to the world; nothing is concluded from its length
	}
}

// Context returns a context that ends with the test, or when a test that hangs is to
// fail.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// NoLeaks has the test fail if it leaves more goroutines or file descriptors than it
// found. Call it first: what is closed by a later Cleanup is closed before the look.
func NoLeaks(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		t.Helper()
		Wait(t, "goroutines and file descriptors are as many as before\n"+stacks(), func() bool {
			return runtime.NumGoroutine() <= goroutines && openFiles() <= files
		})
	})
}

// openFiles counts the file descriptors of this process; 0 where that is not known.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// stacks returns the stacks of all goroutines but those of the testing package.
func stacks() string {
	b := make([]byte, 1<<20)
	var out []string
	for stack := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if !strings.Contains(stack, "testing.(*M)") {
			out = append(out, stack)
		}
	}
	return strings.Join(out, "\n\n")
}
