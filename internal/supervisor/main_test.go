package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. No test passes by waiting so long.
const patience = 30 * time.Second

// behaviour names the file that says what a worker of a test does.
const behaviour = "TEST_WORKER_BEHAVIOUR"

// TestMain is also the program of the workers.
func TestMain(m *testing.M) {
	if text := os.Getenv(Variable); text != "" {
		os.Exit(work(text))
	}
	os.Exit(m.Run())
}

// work is a worker: it does what the words in the file say.
func work(text string) int {
	words, err := os.ReadFile(os.Getenv(behaviour))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	does := func(word string) bool { return strings.Contains(string(words), word) }
	if does("fail") {
		return 3
	}
	child, err := Attach(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	var files []*os.File
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go child.Run(ctx, Orders{
		Drain: func(syscall.Signal, bool) {
			if !does("stubborn") {
				os.Exit(0) // also while it waits for its sockets
			}
		},
		Dump: func() { fmt.Fprintln(os.Stderr, "dumped") },
		Answer: func(_ context.Context, question []byte) ([]byte, error) {
			if string(question) == `"refuse"` {
				return nil, fmt.Errorf("refused")
			}
			mu.Lock()
			defer mu.Unlock()
			return fmt.Appendf(nil, `{"question": %s, "files": %d}`, question, len(files)), nil
		},
	})
	got, err := child.Ready(ctx, Ready{Python: "3", Interface: "test"})
	if err != nil {
		return 9
	}
	mu.Lock()
	files = got
	mu.Unlock()
	if does("orphan") {
		// A shell that leaves a child behind, which ends at once.
		syscall.ForkExec("/bin/sh", []string{"sh", "-c", "(exec true) & exit 0"}, nil)
	}
	if does("full") {
		child.Full("requests")
	}
	if does("leave") {
		child.Leaving("signal")
	}
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for range beat.C {
		if !does("silent") {
			child.Beat()
		}
	}
	return 0
}

// listeners is what the slots of a test listen on.
type listeners struct {
	t  *testing.T
	mu sync.Mutex

	open  map[int]*os.File
	dealt []int
	times int // that one was opened
}

func (l *listeners) Slot(n int) ([]int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[n] == nil {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		f, err := ln.(*net.TCPListener).File()
		if err != nil {
			return nil, err
		}
		l.open[n] = f
		l.times++
	}
	return []int{int(l.open[n].Fd())}, nil
}

func (l *listeners) Close(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.open[n]
	delete(l.open, n)
	if f == nil {
		return nil
	}
	return f.Close()
}

func (l *listeners) Deal(slots []int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dealt = slices.Clone(slots)
	return true
}

func (l *listeners) holds(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[n] != nil
}

func (l *listeners) opened() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.times
}

// takers returns the slots that new connections come to.
func (l *listeners) takers() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dealt
}

// house is a parent under test.
type house struct {
	*Supervisor

	t    *testing.T
	file string
	on   *listeners
	end  context.CancelFunc
	err  chan error
	told chan []Ready
}

// open starts a parent whose workers do as words say. Nothing is left of it when the test
// ends.
func open(t *testing.T, words string, c Config) *house {
	t.Helper()
	h := &house{t: t, file: filepath.Join(t.TempDir(), "behaviour"), err: make(chan error, 1), told: make(chan []Ready, 1)}
	h.act(words)
	goroutines := runtime.NumGoroutine()
	h.on = &listeners{t: t, open: map[int]*os.File{}}
	c.Sockets = h.on
	c.Command = Command{Env: append(os.Environ(), behaviour+"="+h.file, "GORACE=atexit_sleep_ms=0")}
	c.Started = func(all []Ready) { h.told <- all }
	h.Supervisor = New(c)
	ctx, cancel := context.WithCancel(context.Background())
	h.end = cancel
	go func() { h.err <- h.Run(ctx) }()
	t.Cleanup(func() {
		h.act("")
		cancel()
		select {
		case <-h.done:
		case <-time.After(patience):
			t.Error("the parent did not end")
		}
		h.until("the goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+1 })
	})
	return h
}

// act has workers that start from now on do as words say.
func (h *house) act(words string) {
	if err := os.WriteFile(h.file, []byte(words), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) until(what string, done func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Errorf("gave up waiting for %s: %+v", what, h.Snapshot())
			return
		}
	}
}

// serving returns the processes that serve, by slot.
func (h *house) serving() map[int]int {
	pids := map[int]int{}
	for _, w := range h.Snapshot().Workers {
		if w.State == Serving {
			pids[w.Slot] = w.PID
		}
	}
	return pids
}

func (h *house) restartsOf(reason string) int { return h.Snapshot().Restarts[reason] }

// started waits until all workers serve.
func (h *house) started(workers int) []Ready {
	h.t.Helper()
	select {
	case all := <-h.told:
		if len(all) != workers {
			h.t.Errorf("%d workers are ready, want %d", len(all), workers)
		}
		return all
	case err := <-h.err:
		h.t.Fatalf("the parent ended: %v", err)
	case <-time.After(patience):
		h.t.Fatal("the workers did not start")
	}
	return nil
}

func body(t *testing.T, raw json.RawMessage) (question string, files int) {
	t.Helper()
	var b struct {
		Question string
		Files    int
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return b.Question, b.Files
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
