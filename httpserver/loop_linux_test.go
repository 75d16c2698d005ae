package httpserver

import (
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func BenchmarkRead(b *testing.B) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	fd, p := int(f.Fd()), make([]byte, 1)
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			read(fd, p)
		}
	})
	b.Run("told", func(b *testing.B) {
		for b.Loop() {
			unix.Read(fd, p)
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
