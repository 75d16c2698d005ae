package bind

// A descriptor that programs of Python wait for with select and its kin, while a
// connection does something for them.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// gate is a descriptor that is readable from ring to hush, and while a socket that is
// watched is. It is an epoll instance, which can be waited for like a socket, so that it
// stays the same whatever is waited for.
type gate struct {
	mu     sync.Mutex
	closed bool

	epoll, bell int
	socket      int // that is watched; -1: none
}

func newGate() (*gate, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create eventfd: %w", err), unix.Close(epoll))
	}
	g := &gate{epoll: epoll, bell: bell, socket: -1}
	if err := g.add(bell); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *gate) add(fd int) error {
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		return fmt.Errorf("watch descriptor: %w", err)
	}
	return nil
}

// ring makes the gate readable until hush is called.
func (g *gate) ring() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(g.bell, one[:]) // fails when it rings already, 2^64 times
}

// hush ends what ring did.
func (g *gate) hush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	var n [8]byte
	_, _ = unix.Read(g.bell, n[:]) // fails when it does not ring
}

// watch has the gate be readable while a socket is; -1: no more.
func (g *gate) watch(socket int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || socket == g.socket {
		return nil
	}
	if g.socket >= 0 {
		_ = unix.EpollCtl(g.epoll, unix.EPOLL_CTL_DEL, g.socket, nil) // fails when it was closed: then it is gone
		g.socket = -1
	}
	if socket < 0 {
		return nil
	}
	if err := g.add(socket); err != nil {
		return err
	}
	g.socket = socket
	return nil
}

// close closes the descriptor.
func (g *gate) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	return errors.Join(unix.Close(g.bell), unix.Close(g.epoll))
}
