package bind

import (
	"testing"

	"golang.org/x/sys/unix"
)

// ready returns what a gate is ready for, as a program sees it, when it is ready for what
// is wanted or patience has ended.
func ready(t *testing.T, g *gate, want int16) int16 {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(g.fd), Events: want & unix.POLLIN}}
	if p[0].Events != 0 {
		if _, err := unix.Poll(p, 20000); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	p[0].Events = unix.POLLIN | unix.POLLOUT
	if _, err := unix.Poll(p, 0); err != nil {
		t.Fatal(err)
	}
	return p[0].Revents
}

func TestAGateSaysWhatItIsReadyFor(t *testing.T) {
	w, err := newWatcher()
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { w.run(); close(over) }()
	g, err := newGate(w)
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
	const in, out = unix.POLLIN, unix.POLLOUT
	for i, step := range []struct {
		do   func()
		want int16
	}{
		{g.hush, out},
		{g.ring, in | out},
		{g.ring, in | out},
		{g.full, in},
		{g.hush, out},
		{watch(pair[0]), out},
		{watch(pair[0]), out},
		{func() { _, _ = unix.Write(pair[1], []byte("news")) }, in | out},
		{g.hush, out}, // it was told once
		{watch(pair[0]), in | out},
		{watch(-1), in | out},
		{g.hush, out},
		{func() { _ = unix.Close(pair[0]) }, out},
		{watch(-1), out},
	} {
		step.do()
		if got := ready(t, g, step.want); got != step.want {
			t.Errorf("step %d: got %d, want %d", i, got, step.want)
		}
	}
	_ = unix.Close(pair[1])
	if err := g.close(); err != nil {
		t.Error(err)
	}
	g.ring() // of something that ended after the connection was closed
	if err := g.watch(0); err != nil {
		t.Error(err)
	}
	if err := g.close(); err != nil {
		t.Error(err)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
	<-over
}
