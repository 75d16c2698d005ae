package sockets_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/internal/sockets"
	"github.com/puffstack/puff/internal/testkit"
)

// TestMain runs a test program as the child of one of its tests, if that asks for it.
func TestMain(m *testing.M) {
	if child, ok := children[os.Getenv("SOCKETS_TEST_CHILD")]; ok {
		if err := child(); err != nil {
			fmt.Println("child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, address string, c sockets.Config) *sockets.Socket {
	t.Helper()
	s, err := sockets.Open(t.Context(), address, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func listener(t *testing.T, s *sockets.Socket) net.Listener {
	t.Helper()
	l, err := s.Listener()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// talks has a client of l's address exchange a byte with whom l accepts.
func talks(t *testing.T, l net.Listener) {
	t.Helper()
	client, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := client.Read(b[:]); err != nil || b[0] != 'x' {
		t.Errorf("got %q, %v, want x", b, err)
	}
}

func TestATCPSocketGivesATCPListener(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0", ":0"} {
		s := open(t, address, sockets.Config{})
		l := listener(t, s)
		if _, ok := l.(*net.TCPListener); !ok {
			t.Errorf("%s: got a %T, want a *net.TCPListener", address, l)
		}
		if l.Addr().String() != s.Addr().String() {
			t.Errorf("%s: the listener is on %s, the socket on %s", address, l.Addr(), s.Addr())
		}
		talks(t, l)
	}
}

func TestAListenerIsNotTheSocket(t *testing.T) {
	s := open(t, "127.0.0.1:0", sockets.Config{})
	first := listener(t, s)
	first.Close()
	talks(t, listener(t, s))
}

func TestAnIPv4AddressTakesNoIPv6(t *testing.T) {
	s := open(t, "0.0.0.0:0", sockets.Config{})
	if got := s.Addr().(*net.TCPAddr).IP; got.To4() == nil || !got.IsUnspecified() {
		t.Errorf("got %s, want 0.0.0.0", got)
	}
}

func TestTheTwoWildcardsShareAPort(t *testing.T) {
	port := testkit.FreePort(t)
	all, err := sockets.OpenAll(t.Context(), []string{"0.0.0.0:" + port, "[::]:" + port}, sockets.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.CloseAll(all)
	six, err := all[1].Another(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	six.Close()
}

func TestOpenAllOpensNoneIfOneFails(t *testing.T) {
	busy := open(t, "127.0.0.1:0", sockets.Config{})
	free := net.JoinHostPort("127.0.0.1", testkit.FreePort(t))
	path := t.TempDir() + "/s"
	_, err := sockets.OpenAll(t.Context(), []string{free, "unix:" + path, busy.Addr().String()}, sockets.Config{})
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Fatalf("got %v, want that the address is in use", err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the unix socket is left: %v", err)
	}
	open(t, free, sockets.Config{})
}

func TestAddressesThatCannotBeListenedOnSayWhy(t *testing.T) {
	busy := open(t, "127.0.0.1:0", sockets.Config{}).Addr().String()
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/file", []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ address, want string }{
		{busy, "listen on " + busy + ": somebody else does already"},
		{"192.0.2.1:0", "no interface of this machine has the address"},
		{"nowhere.invalid:80", `the host "nowhere.invalid" is not found`},
		{"unix:" + folder + "/none/s", "the folder " + folder + "/none does not exist"},
		{"unix:" + folder + "/file/s", folder + "/file is no folder"},
		{"unix:" + folder + "/file", "is no socket; remove it"},
		{"unix:" + folder, "is no socket; remove it"},
		{"unix:" + folder + "/" + strings.Repeat("s", 108), "there is room for 107"},
		{"unix:", "a path is missing"},
		{"unix:@name", "everybody could connect"},
	} {
		s, err := sockets.Open(t.Context(), c.address, sockets.Config{})
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", c.address)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, want %q in it", c.address, err, c.want)
		}
	}
	if kept, err := os.ReadFile(folder + "/file"); string(kept) != "kept" {
		t.Errorf("the file in the way is %q, %v", kept, err)
	}
}

func TestAnotherListensOnTheSameAddressAndGetsConnections(t *testing.T) {
	first := open(t, "127.0.0.1:0", sockets.Config{})
	second, err := first.Another(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if first.Addr().String() != second.Addr().String() {
		t.Fatalf("got %s, want %s", second.Addr(), first.Addr())
	}
	// What the first does not take any more goes to the second.
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	talks(t, listener(t, second))
	third, err := second.Another(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	third.Close()
}

func TestNobodyElseListensBesideTheSocketsOfOneServer(t *testing.T) {
	first := open(t, "127.0.0.1:0", sockets.Config{})
	second, err := first.Another(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	other, err := sockets.Open(t.Context(), first.Addr().String(), sockets.Config{})
	if !errors.Is(err, unix.EADDRINUSE) {
		other.Close()
		t.Errorf("got %v, want that the address is in use", err)
	}
}

func TestReusePortLetsOthersListenBeside(t *testing.T) {
	first := open(t, "127.0.0.1:0", sockets.Config{ReusePort: true})
	open(t, first.Addr().String(), sockets.Config{ReusePort: true})
}

func TestASocketIsClosedOnce(t *testing.T) {
	s := open(t, "127.0.0.1:0", sockets.Config{})
	for range 3 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Listener(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener of a closed socket: %v", err)
	}
	if _, err := s.Another(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("another of a closed socket: %v", err)
	}
}

func TestPassingAFileOnLeavesItNonBlocking(t *testing.T) {
	s := open(t, "127.0.0.1:0", sockets.Config{})
	flags, err := unix.FcntlInt(s.File().Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %x, %v: those who accept would block", flags, err)
	}
	flags, err = unix.FcntlInt(s.File().Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %x, %v: every child would inherit it", flags, err)
	}
}
