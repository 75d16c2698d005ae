package bind

// Descriptors that programs of Python wait for with select and its kin, while a connection
// does something for them.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// gate is a descriptor that stays the same whatever is waited for: an eventfd, whose number
// says what it is ready for.
type gate struct {
	fd      int
	watcher *watcher

	mu     sync.Mutex
	closed bool
	socket int // that is watched; -1: none
}

func newGate(w *watcher) (*gate, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	return &gate{fd: fd, watcher: w, socket: -1}, nil
}

// ring makes the gate readable, and writable.
func (g *gate) ring() { g.set(1) }

// hush makes the gate writable, and no more readable.
func (g *gate) hush() { g.set(0) }

// full makes the gate one that can not be written to. It is readable then, which nobody
// waits for who has something to send.
func (g *gate) full() { g.set(math.MaxUint64 - 1) }

func (g *gate) set(n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setNow(n)
}

// setNow is set for who has mu.
func (g *gate) setNow(n uint64) {
	if g.closed {
		return
	}
	var b [8]byte
	_, _ = unix.Read(g.fd, b[:]) // fails when it is 0 already
	if n > 0 {
		binary.NativeEndian.PutUint64(b[:], n)
		_, _ = unix.Write(g.fd, b[:]) // there is room: it is 0
	}
}

// watch has the gate ring when a socket is readable, once; -1: no more.
func (g *gate) watch(socket int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || socket == g.socket {
		return nil
	}
	if g.socket >= 0 {
		g.watcher.forget(g.socket, g)
		g.socket = -1
	}
	if socket < 0 {
		return nil
	}
	if err := g.watcher.add(socket, g); err != nil {
		return err
	}
	g.socket = socket
	return nil
}

// news rings if the socket is watched still.
func (g *gate) news(socket int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.socket == socket {
		g.socket = -1
		g.setNow(1)
	}
}

// close closes the descriptor.
func (g *gate) close() error {
	if err := g.watch(-1); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	return unix.Close(g.fd)
}

// watcher tells gates that their sockets are readable: an epoll instance, in Go's poller
// like a socket.
type watcher struct {
	file *os.File

	mu     sync.Mutex
	closed bool
	epoll  int
	gates  map[int]*gate // by their sockets
}

func newWatcher() (*watcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or Go's poller does not take it
		return nil, errors.Join(fmt.Errorf("set up epoll: %w", err), unix.Close(fd))
	}
	return &watcher{file: os.NewFile(uintptr(fd), "gates"), epoll: fd, gates: map[int]*gate{}}, nil
}

func (w *watcher) add(socket int, g *gate) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return os.ErrClosed
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(socket)}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, socket, &event); err != nil {
		return fmt.Errorf("watch socket: %w", err)
	}
	w.gates[socket] = g
	return nil
}

// forget returns the gate of a socket, which it does not watch any more; g: only if it is
// that one.
func (w *watcher) forget(socket int, g *gate) *gate {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.gates[socket]
	if w.closed || found == nil || g != nil && g != found {
		return nil
	}
	delete(w.gates, socket)
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, socket, nil) // fails when it was closed: then it is gone
	return found
}

// run tells gates until close is called.
func (w *watcher) run() {
	raw, err := w.file.SyscallConn()
	for err == nil {
		var events [64]unix.EpollEvent
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			for {
				var failed error
				if n, failed = unix.EpollWait(int(fd), events[:], 0); failed != unix.EINTR {
					return n != 0
				}
			}
		})
		for _, e := range events[:max(n, 0)] {
			if g := w.forget(int(e.Fd), nil); g != nil {
				g.news(int(e.Fd))
			}
		}
	}
}

// close ends run.
func (w *watcher) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return w.file.Close()
}
