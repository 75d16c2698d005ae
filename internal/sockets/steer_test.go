package sockets_test

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/internal/sockets"
)

// group returns n sockets of one address, with a listener each.
func group(t *testing.T, address string, n int) (all []*sockets.Socket, listeners []*net.TCPListener) {
	t.Helper()
	all = []*sockets.Socket{open(t, address, sockets.Config{})}
	for range n - 1 {
		another, err := all[0].Another(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { another.Close() })
		all = append(all, another)
	}
	for _, s := range all {
		listeners = append(listeners, listener(t, s).(*net.TCPListener))
	}
	return all, listeners
}

// dealt connects so many times and returns how many connections each listener got.
func dealt(t *testing.T, listeners []*net.TCPListener, times int) []int {
	t.Helper()
	for range times {
		c, err := net.Dial("tcp", listeners[0].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	counts := make([]int, len(listeners))
	for n, l := range listeners {
		raw, err := l.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		// What has connected is in a queue by now: on loopback all of it happens in the call.
		raw.Control(func(fd uintptr) {
			for {
				c, _, err := unix.Accept(int(fd))
				if err != nil {
					return
				}
				unix.Close(c)
				counts[n]++
			}
		})
	}
	return counts
}

func TestConnectionsAreSteered(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		all, listeners := group(t, address, 4)
		const times = 64 // that one of two gets none is a matter of 2^-63
		tests := []struct {
			name    string
			numbers []int
			want    [4]bool
		}{
			{"to the last", []int{3}, [4]bool{3: true}},
			{"to some", []int{0, 2}, [4]bool{0: true, 2: true}},
			{"to all again", nil, [4]bool{true, true, true, true}},
			{"to none there is", []int{17}, [4]bool{true, true, true, true}},
		}
		for _, tt := range tests {
			if err := all[1].Steer(tt.numbers...); err != nil {
				t.Fatalf("%s, %s: %v", address, tt.name, err)
			}
			for n, got := range dealt(t, listeners, times) {
				if got > 0 != tt.want[n] {
					t.Errorf("%s, %s: socket %d got %d of %d", address, tt.name, n, got, times)
				}
			}
		}
	}
}

func TestNumbersOfTheClosedGoToTheLast(t *testing.T) {
	all, listeners := group(t, "127.0.0.1:0", 4)
	listeners[1].Close()
	all[1].Close()
	if err := all[0].Steer(1); err != nil {
		t.Fatal(err)
	}
	left := []*net.TCPListener{listeners[0], listeners[2], listeners[3]}
	if got := dealt(t, left, 8); got[2] != 8 {
		t.Errorf("got %v, want all for the last", got)
	}
}

func TestSocketThatIsAloneIsSteered(t *testing.T) {
	s := open(t, "127.0.0.1:0", sockets.Config{})
	l := listener(t, s)
	if err := s.Steer(); err != nil {
		t.Error(err)
	}
	talks(t, l)
	s.Close()
	if err := s.Steer(); err == nil {
		t.Error("a closed socket was steered")
	}
}
