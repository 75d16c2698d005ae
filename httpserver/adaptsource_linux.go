// adaptsource_linux.go lets a net/http handler serve the short road: its answers are queued for the loop.

package httpserver

import (
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sys/unix"
)

// AdaptSource returns a Config.Open whose sources serve with h, on a goroutine per exchange.
func AdaptSource(h http.Handler) func() (Source, error) {
	return func() (Source, error) {
		fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		if err != nil {
			return nil, fmt.Errorf("create eventfd: %w", err)
		}
		return &adaptedSource{h: h, fd: fd}, nil
	}
}

type adaptedSource struct {
	h  http.Handler
	fd int

	mu sync.Mutex

	queue  []func()
	parked bool // the loop sleeps, or is about to
	rung   bool // fd is readable
	closed bool
}

var _ Source = (*adaptedSource)(nil)

func (s *adaptedSource) Handle(x *Exchange) { serveHTTP(s.h, x, s.post) }

// post has f called on the loop, unless that has ended.
func (s *adaptedSource) post(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.queue = append(s.queue, f)
	if s.parked {
		s.parked, s.rung = false, true
		unix.Write(s.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (s *adaptedSource) FD() int { return s.fd }

func (s *adaptedSource) Flush() {}

func (s *adaptedSource) Drain() int {
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	if s.rung {
		s.rung = false
		var count [8]byte
		unix.Read(s.fd, count[:])
	}
	s.mu.Unlock()
	for _, f := range queue {
		f()
	}
	return len(queue)
}

func (s *adaptedSource) Park() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = len(s.queue) == 0
	return s.parked
}

func (s *adaptedSource) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return unix.Close(s.fd)
}
