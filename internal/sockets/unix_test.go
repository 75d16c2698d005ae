package sockets_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/internal/sockets"
)

func TestAUnixSocketHasItsModeWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o077} {
		for _, mode := range []fs.FileMode{0, 0o600, 0o660, 0o777} {
			path := filepath.Join(t.TempDir(), "s")
			before := unix.Umask(mask)
			s, err := sockets.Open(t.Context(), "unix:"+path, sockets.Config{Mode: mode})
			unix.Umask(before)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			want := mode
			if want == 0 {
				want = 0o600
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("umask %03o: got %03o, want %03o", mask, got, want)
			}
			s.Close()
		}
	}
}

func TestAUnixSocketGivesAUnixListenerThatLeavesThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := open(t, "unix:"+path, sockets.Config{})
	l := listener(t, s)
	if _, ok := l.(*net.UnixListener); !ok {
		t.Errorf("got a %T, want a *net.UnixListener", l)
	}
	talks(t, l)
	l.Close()
	talks(t, listener(t, s))
}

func TestClosingRemovesThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := open(t, "unix:"+path, sockets.Config{})
	same, err := s.Another(t.Context())
	if err != nil || same != s || !s.Shared() {
		t.Fatalf("got %v, %v, want the socket itself", same, err)
	}
	s.Close()
	talks(t, listener(t, s)) // the other one who has it is not done
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the path is left: %v", err)
	}
}

func TestARelativePathIsRemovedFromAnotherFolder(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	s := open(t, "unix:s", sockets.Config{})
	t.Chdir("/")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(folder + "/s"); !os.IsNotExist(err) {
		t.Errorf("the path is left: %v", err)
	}
}

func TestAPathThatIsNotOursAnyMoreStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := open(t, "unix:"+path, sockets.Config{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other := open(t, "unix:"+path, sockets.Config{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	talks(t, listener(t, other))
}

func TestAReleasedPathStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := open(t, "unix:"+path, sockets.Config{})
	s.Release()
	s.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the path is gone: %v", err)
	}
}

func TestASocketThatAnswersIsNotTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := open(t, "unix:"+path, sockets.Config{Backlog: 1})
	// Once its queue is full it does not answer at once; it is in use all the same.
	var clients []int
	defer func() {
		for _, fd := range clients {
			unix.Close(fd)
		}
	}()
	for range 4 {
		_, err := sockets.Open(t.Context(), "unix:"+path, sockets.Config{})
		if !errors.Is(err, unix.EADDRINUSE) {
			t.Fatalf("got %v, want that the path is in use", err)
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, fd)
		_ = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	listener(t, s)
}

func TestASocketThatNobodyAnswersOnIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	talks(t, listener(t, open(t, "unix:"+path, sockets.Config{})))
}

func TestASocketOfAnotherKindIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	if s, err := sockets.Open(t.Context(), "unix:"+path, sockets.Config{}); err == nil {
		s.Close()
		t.Error("a socket for datagrams was replaced")
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestOfManyServersThatStartAtOnceOneGetsThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	won := make(chan *sockets.Socket, 8)
	var group sync.WaitGroup
	for range cap(won) {
		group.Go(func() {
			s, err := sockets.Open(t.Context(), "unix:"+path, sockets.Config{})
			switch {
			case err == nil:
				won <- s
			case !errors.Is(err, unix.EADDRINUSE):
				t.Errorf("got %v, want that the path is in use", err)
			}
		})
	}
	group.Wait()
	close(won)
	n := 0
	for s := range won {
		n++
		s.Close()
	}
	if n != 1 {
		t.Errorf("%d servers listen, want 1", n)
	}
}
