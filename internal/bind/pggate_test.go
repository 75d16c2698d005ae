package bind

import (
	"testing"

	"golang.org/x/sys/unix"
)

// open reports whether a gate is readable, as a program sees it.
func open(t *testing.T, g *gate) bool {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(g.epoll), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestAGateIsReadableWhileItRingsOrItsSocketIs(t *testing.T) {
	g, err := newGate()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	watch := func(socket int) func() {
		return func() {
			if err := g.watch(socket); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, step := range []struct {
		do   func()
		want bool
	}{
		{g.hush, false},
		{g.ring, true},
		{g.ring, true},
		{g.hush, false},
		{watch(pair[0]), false},
		{watch(pair[0]), false},
		{func() { _, _ = unix.Write(pair[1], []byte("news")) }, true},
		{g.hush, true},
		{watch(-1), false},
		{watch(pair[0]), true},
		{func() { _ = unix.Close(pair[0]) }, false},
		{watch(-1), false},
	} {
		step.do()
		if got := open(t, g); got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
	_ = unix.Close(pair[1])
	if err := g.close(); err != nil {
		t.Error(err)
	}
	g.ring() // of something that ended after the connection was closed
	g.hush()
	if err := g.watch(0); err != nil {
		t.Error(err)
	}
	if err := g.close(); err != nil {
		t.Error(err)
	}
}
