package embedded

// The Redis for machines that have none: in the guardian's memory, for development.

import (
	"crypto/rand"
	"os"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

type memory struct {
	m    *miniredis.Miniredis
	over chan struct{}
	once sync.Once
}

func newMemory() server { return &memory{m: miniredis.NewMiniRedis(), over: make(chan struct{})} }

func (s *memory) start() (*State, error) {
	password := rand.Text() // its port is open to everybody of this machine
	s.m.RequireAuth(password)
	if err := s.m.StartAddr("127.0.0.1:0"); err != nil {
		return nil, err
	}
	go s.age()
	return &State{
		Program: "a Redis in memory", PID: os.Getpid(), Address: s.m.Addr(),
		URL:  "redis://:" + password + "@" + s.m.Addr(),
		Note: "for development: what it holds is gone when the last user is; install redis-server to keep it",
	}, nil
}

// age has keys expire: its clock does not go by itself.
func (s *memory) age() {
	const step = 20 * time.Millisecond
	t := time.NewTicker(step)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case now := <-t.C:
			s.m.FastForward(now.Sub(last))
			last = now
		case <-s.over:
			return
		}
	}
}

func (s *memory) ready() error { return nil }

func (s *memory) stop() {
	s.once.Do(func() {
		s.m.Close()
		close(s.over)
	})
}

func (s *memory) kill()                  { s.stop() }
func (s *memory) ended() <-chan struct{} { return s.over }
