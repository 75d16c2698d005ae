package puff

// What the slots of workers listen on: a TCP socket of its own for each slot and address.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/internal/supervisor"
)

// workersOf is how many workers there are to be.
func workersOf(s *ServeConfig) int {
	if s.Workers > 0 {
		return s.Workers
	}
	return runtime.NumCPU()
}

// slotSockets holds a set of sockets per slot; it implements supervisor.Sockets.
type slotSockets struct {
	ctx       context.Context // of the parent, which opens more as it goes
	config    *ServeConfig
	addresses []string
	slots     map[int][]int
}

// openSockets opens every address, or none, or takes what another parent has handed over.
func openSockets(ctx context.Context, s *ServeConfig, h *supervisor.Heritage) (*slotSockets, error) {
	all := &slotSockets{ctx: ctx, config: s, slots: map[int][]int{}}
	if h != nil {
		return all, all.inherit(h)
	}
	for _, address := range s.Addresses() {
		fd, bound, err := listenOn(ctx, address, s, s.ReusePort)
		if err != nil {
			all.closeAll()
			return nil, err
		}
		all.slots[0] = append(all.slots[0], fd)
		all.addresses = append(all.addresses, bound)
	}
	return all, nil
}

// inherit takes the sockets of another parent.
func (a *slotSockets) inherit(h *supervisor.Heritage) error {
	for n, fds := range h.Slots {
		a.slots[n] = fds
	}
	for _, fd := range a.slots[0] {
		again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("take over a socket: %w", os.NewSyscallError("fcntl", err))
		}
		f := os.NewFile(uintptr(again), "socket")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("take over a socket: %w", err)
		}
		a.addresses = append(a.addresses, l.Addr().String())
		l.Close()
	}
	return nil
}

// Slot implements supervisor.Sockets.
func (a *slotSockets) Slot(n int) ([]int, error) {
	if fds, ok := a.slots[n]; ok {
		return fds, nil
	}
	for i, address := range a.addresses {
		// Not before: it has kept others off, of the same user too.
		for _, fds := range a.slots {
			if err := unix.SetsockoptInt(fds[i], unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
				return nil, fmt.Errorf("share %s among workers: %w", address, err)
			}
		}
		fd, _, err := listenOn(a.ctx, address, a.config, true)
		if err != nil {
			return nil, errors.Join(err, a.Close(n))
		}
		a.slots[n] = append(a.slots[n], fd)
	}
	return a.slots[n], nil
}

// Close implements supervisor.Sockets.
func (a *slotSockets) Close(n int) error {
	var errs []error
	for _, fd := range a.slots[n] {
		errs = append(errs, unix.Close(fd))
	}
	delete(a.slots, n)
	return errors.Join(errs...)
}

func (a *slotSockets) closeAll() {
	for n := range a.slots {
		_ = a.Close(n) // at the end of the process
	}
}

func (a *slotSockets) urls() []string {
	urls := slices.Clone(a.addresses)
	for i := range urls {
		urls[i] = "http://" + urls[i]
	}
	return urls
}

// listenOn returns a descriptor of a socket that listens on address, and where that is.
func listenOn(ctx context.Context, address string, s *ServeConfig, reuse bool) (fd int, bound string, err error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			if reuse {
				set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
		})
		return errors.Join(err, set)
	}}
	l, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return -1, "", fmt.Errorf("listen on %s: somebody else does already; choose another with --port or --bind", address)
	}
	if err != nil {
		return -1, "", fmt.Errorf("listen on %s: %w", address, err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return -1, "", fmt.Errorf("listen on %s: %w", address, err)
	}
	var inner error
	err = raw.Control(func(f uintptr) {
		// Listening again on the same socket changes the backlog alone.
		if inner = unix.Listen(int(f), s.Backlog); inner == nil {
			fd, inner = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0)
		}
	})
	if err = errors.Join(err, inner); err != nil {
		return -1, "", fmt.Errorf("listen on %s: %w", address, err)
	}
	return fd, l.Addr().String(), nil
}
