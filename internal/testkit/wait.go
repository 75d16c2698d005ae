package testkit

import (
	"context"
	"os"
	"path/filepath"
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
		end := time.Now().Add(patience)
		for runtime.NumGoroutine() > goroutines || openFiles() > files {
			if time.Now().After(end) {
				t.Errorf("left %d goroutines, found %d; left %d files, found %d\n%s",
					runtime.NumGoroutine(), goroutines, openFiles(), files, stacks())
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// openFiles counts the file descriptors of this process; 0 where that is not known. The
// eventfds of lanes do not count: they are kept for the next lane.
func openFiles() (n int) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && !strings.Contains(to, "eventfd") {
			n++
		}
	}
	return n
}

// stacks returns the stacks of all goroutines.
func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}
