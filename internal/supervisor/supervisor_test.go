package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWorkersServeAndEndWithTheirParent(t *testing.T) {
	h := open(t, "", Config{Workers: 2})
	for _, r := range h.started(2) {
		if r.Interface != "test" {
			t.Errorf("got %+v", r)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answers := h.Ask(ctx, []byte(`"how are you"`))
	if len(answers) != 2 {
		t.Fatalf("%d workers answered, want 2", len(answers))
	}
	for n, a := range answers {
		if a.Err != nil {
			t.Fatal(a.Err)
		}
		// The sockets come after "ready", so a worker may answer before.
		h.until("the sockets", func() bool {
			all := h.Ask(ctx, []byte(`"how are you"`))
			question, files := body(t, all[n].Body)
			return question == "how are you" && files == 1 && all[n].Slot == n
		})
	}
	if refused := h.Ask(ctx, []byte(`"refuse"`)); refused[0].Err == nil || refused[0].Err.Error() != "refused" {
		t.Errorf("a question that is refused: got %+v", refused[0])
	}
	pids := h.serving()
	h.end()
	if err := <-h.err; err != nil {
		t.Errorf("Run returned %v", err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("worker %d has outlived its parent", pid)
		}
	}
	if got := h.Snapshot(); len(got.Workers) != 0 {
		t.Errorf("after the end: %+v", got)
	}
	if got := h.Ask(ctx, []byte("1")); got != nil {
		t.Errorf("after the end somebody answers: %+v", got)
	}
}

func TestFirstStartThatFailsEndsTheParentWithTheStatus(t *testing.T) {
	h := open(t, "fail", Config{Workers: 2})
	err := <-h.err
	if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Code != 3 {
		t.Errorf("got %v, want the status 3", err)
	}
}

func TestReloadReplacesEveryWorker(t *testing.T) {
	h := open(t, "", Config{Workers: 2})
	h.started(2)
	before := h.serving()
	h.do(h.reload)
	h.until("new workers", func() bool {
		now := h.serving()
		return len(now) == 2 && now[0] != before[0] && now[1] != before[1]
	})
	h.until("the old ones to end", func() bool { return !alive(before[0]) && !alive(before[1]) })
	if got := h.restartsOf(reasonReload); got != 2 {
		t.Errorf("%d restarts by reload, want 2", got)
	}
}

func TestReloadThatFailsLeavesTheOldWorkers(t *testing.T) {
	h := open(t, "", Config{Workers: 2})
	h.started(2)
	before := h.serving()
	h.act("fail")
	h.do(h.reload)
	h.until("the failure", func() bool {
		all := h.Snapshot().Workers
		return len(all) == 2 && all[0].LastExit == "status 3"
	})
	if now := h.serving(); !maps.Equal(now, before) {
		t.Errorf("got %v, want %v", now, before)
	}
	h.act("")
	h.do(h.reload)
	h.until("a reload that succeeds", func() bool {
		now := h.serving()
		return len(now) == 2 && now[0] != before[0] && now[1] != before[1]
	})
}

func TestWorkerThatIsKilledIsReplaced(t *testing.T) {
	h := open(t, "", Config{})
	h.started(1)
	before := h.serving()[0]
	syscall.Kill(before, syscall.SIGKILL)
	h.until("another", func() bool { pid := h.serving()[0]; return pid != 0 && pid != before })
	w := h.Snapshot().Workers[0]
	if w.LastExit != "signal killed" || w.Restarts[reasonCrash] != 1 {
		t.Errorf("got %+v", w)
	}
}

func TestPausesGrowAndAreForgiven(t *testing.T) {
	at := &slot{}
	var got []time.Duration
	for range 11 {
		got = append(got, at.pause(longest))
	}
	if got[0] != shortest || got[1] != 2*shortest || got[10] != longest {
		t.Errorf("got %v", got)
	}
	for n := 1; n < len(got); n++ {
		if got[n] < got[n-1] {
			t.Errorf("pause %d is shorter than the one before: %v", n, got)
		}
	}
	if got := at.pause(longestServed); got != longestServed {
		t.Errorf("after a worker that has served: %v, want %v", got, longestServed)
	}
	now := time.Now()
	at.forgive(&worker{served: now.Add(stable / 2)}, now.Add(stable))
	if at.failures == 0 {
		t.Error("forgiven before the worker has lasted")
	}
	at.forgive(&worker{served: now.Add(stable / 2)}, now.Add(2*stable))
	if at.failures != 0 {
		t.Error("not forgiven though the worker has lasted")
	}
}

func TestSilentWorkerIsDumpedAndReplaced(t *testing.T) {
	h := open(t, "silent", Config{WorkerTimeout: 20 * time.Millisecond})
	h.started(1)
	before := h.serving()[0]
	h.act("")
	h.until("another", func() bool { pid := h.serving()[0]; return pid != 0 && pid != before })
	if got := h.restartsOf(reasonHang); got < 1 {
		t.Errorf("%d restarts by hanging, want 1 at least", got)
	}
}

func TestWorkerThatDoesNotEndIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the seconds that a worker has beyond its own timeout")
	}
	h := open(t, "stubborn", Config{GracefulTimeout: time.Millisecond})
	h.started(1)
	before := h.serving()[0]
	h.end()
	err := <-h.err
	if _, ok := errors.AsType[*ExitError](err); !ok {
		t.Errorf("got %v, want a status", err)
	}
	if alive(before) {
		t.Error("the worker lives")
	}
}

func TestWorkerThatIsFullIsReplacedBeforeItEnds(t *testing.T) {
	h := open(t, "full", Config{})
	h.started(1)
	before := h.serving()[0]
	h.act("")
	h.until("another", func() bool { pid := h.serving()[0]; return pid != 0 && pid != before })
	if got := h.restartsOf("requests"); got < 1 {
		t.Errorf("%d restarts by requests, want 1 at least", got)
	}
}

func TestWorkerThatLeavesIsReplaced(t *testing.T) {
	h := open(t, "leave", Config{})
	h.started(1)
	h.act("")
	h.until("another", func() bool { return h.restartsOf(reasonSignal) >= 1 && len(h.serving()) == 1 })
	if got := h.restartsOf(reasonCrash); got != 0 {
		t.Errorf("%d restarts by a crash, want none", got)
	}
}

func TestOldWorkersAreReplaced(t *testing.T) {
	h := open(t, "", Config{MaxAge: time.Millisecond})
	h.started(1)
	h.until("two more", func() bool { return h.restartsOf(reasonAge) >= 2 })
}

func TestSlotsComeAndGo(t *testing.T) {
	h := open(t, "", Config{Workers: 1})
	h.started(1)
	h.do(func() { h.hear(unix.SIGTTIN) })
	h.until("two workers", func() bool { return len(h.serving()) == 2 })
	h.do(func() { h.hear(unix.SIGTTOU) })
	h.until("one worker", func() bool { return len(h.Snapshot().Workers) == 1 })
	h.do(func() { h.hear(unix.SIGTTOU) }) // the last one stays
	if got := h.Snapshot().Workers; len(got) != 1 || got[0].State != Serving {
		t.Errorf("got %+v", got)
	}
}

func TestOrphansAreBuried(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the seconds that orphans are given")
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	h := open(t, "orphan", Config{})
	h.started(1)
	h.until("an orphan", func() bool { return len(endedChildren()) > 0 })
	h.until("its burial", func() bool { return len(endedChildren()) == 0 })
}

func TestConnectionsAreDealtToSlotsThatTakeThem(t *testing.T) {
	h := open(t, "", Config{Workers: 3})
	h.started(3)
	dealt := func(want ...int) func() bool { return func() bool { return slices.Equal(h.on.takers(), want) } }
	h.until("three takers", dealt(0, 1, 2))
	before := h.serving()
	h.act("fail") // so that it stays away
	syscall.Kill(before[1], syscall.SIGKILL)
	h.until("the slot of the dead to be avoided", dealt(0, 2))
	h.act("")
	h.do(h.reload)
	h.until("all to take connections again", dealt(0, 1, 2))
	last := h.serving()[2]
	h.do(func() { h.hear(unix.SIGTTOU) })
	h.until("the slot that goes away to be avoided", dealt(0, 1))
	// Its sockets are open as long as it is: what the kernel shakes hands for is accepted.
	for h.on.holds(2) {
		time.Sleep(time.Millisecond)
	}
	if alive(last) {
		t.Error("the sockets were closed before the worker had ended")
	}
}

func TestSlotThatComesBackKeepsItsSockets(t *testing.T) {
	h := open(t, "", Config{Workers: 2})
	h.started(2)
	first := h.serving()[1]
	h.do(func() {
		h.hear(unix.SIGTTOU)
		h.hear(unix.SIGTTIN)
	})
	h.until("the first worker to end", func() bool { return !alive(first) })
	h.until("another", func() bool { return len(h.serving()) == 2 })
	h.do(func() {
		if h.on.opened() != 2 {
			t.Errorf("sockets were opened %d times, want 2", h.on.opened())
		}
	})
}

func TestPIDFileNamesTheParentAndGoesWithIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(file, []byte("999999999\n"), 0o600); err != nil { // of nobody
		t.Fatal(err)
	}
	h := open(t, "", Config{PIDFile: file})
	h.started(1)
	text, err := os.ReadFile(file)
	if pid, _ := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || pid != os.Getpid() {
		t.Errorf("got %q, %v, want %d", text, err, os.Getpid())
	}
	h.end()
	<-h.err
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestPIDFileOfSomebodyElseIsLeftAlone(t *testing.T) {
	other := open(t, "", Config{})
	other.started(1)
	file := filepath.Join(t.TempDir(), "pid")
	mine := strconv.Itoa(other.serving()[0]) // a process of the same program
	if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, "", Config{PIDFile: file})
	err := <-h.err
	if err == nil || !strings.Contains(err.Error(), mine) {
		t.Errorf("got %v, want an error that names %s", err, mine)
	}
	if text, _ := os.ReadFile(file); string(text) != mine {
		t.Errorf("the file now says %q", text)
	}
}

// ends returns the two ends of a channel.
func ends(t *testing.T) (near *wire, far *net.UnixConn) {
	t.Helper()
	near, file, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		near.close()
		c.Close()
	})
	return near, c.(*net.UnixConn)
}

func TestMessagesThatBreakTheRulesEndTheChannel(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"no JSON", "hello\n", "invalid character"},
		{"descriptors that did not come", `{"Kind":"serve","Files":2}` + "\n", "2 descriptors were promised, 0 came"},
		{"fewer than none", `{"Kind":"serve","Files":-1}` + "\n", "-1 descriptors were promised"},
		{"endless", strings.Repeat("x", maxLine+2), "more than"},
	}
	for _, tt := range tests {
		near, far := ends(t)
		go func() {
			far.Write([]byte(tt.line))
			far.Close()
		}()
		if _, _, err := near.receive(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestMessageThatIsTooLargeIsNotSent(t *testing.T) {
	near, _ := ends(t)
	if err := near.send(message{Kind: kindAnswer, Error: strings.Repeat("x", maxLine)}); err == nil {
		t.Error("it was sent")
	}
	if err := near.send(message{Kind: kindServe}, make([]int, maxFiles+1)...); err == nil {
		t.Error("too many descriptors were sent")
	}
}

func TestWorkerThatWaitsForItsSocketsMayBeToldToEnd(t *testing.T) {
	near, far := ends(t)
	child := &Child{wire: near, serve: make(chan []int, 1), leave: make(chan struct{}), gone: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan syscall.Signal, 2)
	go child.Run(ctx, Orders{Drain: func(sig syscall.Signal, _ bool) { told <- sig }})
	order := fmt.Sprintf(`{"Kind":%q,"Signal":%d}`+"\n", kindDrain, syscall.SIGTERM)
	if _, err := far.Write([]byte(order + order)); err != nil { // a second changes nothing
		t.Fatal(err)
	}
	if _, err := child.Ready(ctx, Ready{}); !errors.Is(err, ErrLeave) {
		t.Errorf("Ready: got %v, want ErrLeave", err)
	}
	for range 2 {
		if sig := <-told; sig != syscall.SIGTERM {
			t.Errorf("signal: got %v", sig)
		}
	}
	cancel()
	<-child.gone
}
