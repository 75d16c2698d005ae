package httpserver

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func BenchmarkRead(b *testing.B) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	fd, p := pair[0], make([]byte, 1)
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			read(fd, p)
		}
	})
	b.Run("told", func(b *testing.B) {
		for b.Loop() {
			syscall.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), 1, unix.MSG_DONTWAIT, 0, 0)
		}
	})
}

func TestFilesAreCopiedWhereTheKernelCannotSendThem(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	name := t.TempDir() + "/file"
	if err := os.WriteFile(name, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := &conn{l: &loop{scratch: make([]byte, scratchSize)}, fd: pair[0]}
	p := &part{file: f, off: 3, n: 5}
	if n, err := c.copyPart(p); n != 5 || err != nil || p.off != 8 {
		t.Errorf("got %d, %v, then at %d", n, err, p.off)
	}
	got := make([]byte, 100)
	if n, err := unix.Read(pair[1], got); string(got[:n]) != "34567" || err != nil {
		t.Errorf("got %q, %v", got[:n], err)
	}
	if n, err := c.copyPart(&part{file: f, off: 10, n: 5}); n != 0 || err != nil {
		t.Errorf("got %d, %v at the end", n, err)
	}
}

// TestListenersSurviveAShortageOfDescriptors lowers the limit of the process, so that accepting fails for a while.
func TestListenersSurviveAShortageOfDescriptors(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		s.dial(t).get("/")
		addr, err := net.ResolveTCPAddr("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		low := limit
		low.Cur = 3
		unix.Setrlimit(unix.RLIMIT_NOFILE, &low)
		defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		until(t, "accepting to fail", func() bool { return strings.Contains(s.log.String(), "accept failed") })
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		unix.Write(fd, []byte(plainRequest))
		got := make([]byte, 1000)
		if n, err := unix.Read(fd, got); !strings.HasPrefix(string(got[:n]), "HTTP/1.1 200") {
			t.Errorf("got %q, %v", got[:n], err)
		}
	})
}

func TestIdleConnectionsCostLittleMemory(t *testing.T) {
	checkLeaks(t)
	if size := unsafe.Sizeof(conn{}); size > 768 {
		t.Errorf("a connection takes %d bytes", size)
	}
	s := openSite(t, onShort(Config{}, hello))
	const n = 100
	for i := range n {
		c := s.dial(t)
		if i%2 == 0 {
			// This one takes the long road in between.
			c.send("POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000))
			c.answer("POST")
		}
		// A piece of the second request has to wait for the first, so that every kind of buffer is used.
		c.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
		c.answer("GET")
		c.send("x")
		c.answer("POST")
	}
	idle := make(chan int)
	s.mu.Lock()
	l := s.loops[0]
	s.mu.Unlock()
	// A request may have taken the long road, if the machine was slow: it is waited for.
	until(t, "the connections to be idle", func() bool {
		l.post(func() {
			count := 0
			for _, c := range l.conns {
				if c != nil && c.in == nil && c.out.buf == nil && c.half == nil && c.x == nil {
					count++
				}
			}
			idle <- count
		})
		return <-idle == n
	})
}
