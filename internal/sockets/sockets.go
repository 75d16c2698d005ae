// Package sockets opens the sockets a server listens on, and hands them from one
// process to another.
//
//	all, err := sockets.OpenAll(ctx, []string{"127.0.0.1:8000", "unix:/run/app.sock"}, sockets.Config{})
//	if err != nil {
//		return err
//	}
//	defer sockets.CloseAll(all)
//	listener, err := all[0].Listener() // a *net.TCPListener
//
// A [Socket] is held by a process that need not accept from it: a parent keeps one for
// each place a child may have, passes [Socket.File] to the child, and makes more of a
// kind with [Socket.Another]. The child makes a Socket of the descriptor with [Inherit].
// What systemd has opened comes from [Activated].
package sockets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Config says how sockets are opened.
type Config struct {
	// Backlog is how many connections the kernel holds until they are accepted. Default:
	// the most it allows.
	Backlog int
	// ReusePort lets processes that are not of this server listen on the same TCP address.
	// Default: false, a second one is refused.
	ReusePort bool
	// Mode is the permissions of unix sockets. Default: 0600.
	Mode fs.FileMode
}

func (c Config) withDefaults() Config {
	if c.Backlog <= 0 {
		c.Backlog = unix.SOMAXCONN
	}
	if c.Mode == 0 {
		c.Mode = 0o600
	}
	return c
}

// Socket is a listening socket. The process that holds it need not accept from it.
type Socket struct {
	config Config
	addr   net.Addr
	name   string // that systemd knows it by
	shared bool   // there is one of its kind: Another returns itself

	mu sync.Mutex

	file  *os.File // nil: closed
	path  string   // of a unix socket that is to be removed
	made  identity
	users int // how often Another returned it, and once more
}

// Open listens on address, HOST:PORT or unix:PATH.
func Open(ctx context.Context, address string, c Config) (*Socket, error) {
	c = c.withDefaults()
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return openUnix(ctx, path, c)
	}
	return openTCP(ctx, address, c, false)
}

// OpenAll listens on every address or, when one fails, on none. Where an IPv4 address of
// the list has the port of [::], that is for IPv6 only; otherwise [::] takes both.
func OpenAll(ctx context.Context, addresses []string, c Config) ([]*Socket, error) {
	c = c.withDefaults()
	var all []*Socket
	for _, address := range addresses {
		s, err := openOf(ctx, address, addresses, c)
		if err != nil {
			return nil, errors.Join(err, CloseAll(all))
		}
		all = append(all, s)
	}
	return all, nil
}

func openOf(ctx context.Context, address string, addresses []string, c Config) (*Socket, error) {
	if strings.HasPrefix(address, "unix:") {
		return Open(ctx, address, c)
	}
	return openTCP(ctx, address, c, besideIPv4(address, addresses))
}

// CloseAll closes each of them.
func CloseAll(all []*Socket) error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// Addr returns the address that is listened on, a *net.TCPAddr or a *net.UnixAddr.
func (s *Socket) Addr() net.Addr { return s.addr }

// Name returns what systemd calls the socket (FileDescriptorName=), or "".
func (s *Socket) Name() string { return s.name }

// Shared reports whether Another returns the socket itself.
func (s *Socket) Shared() bool { return s.shared }

// File returns the socket as a file, to be passed to a child process. It belongs to s.
// Passing it on changes nothing for those who accept from it: it stays non-blocking.
func (s *Socket) File() *os.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file
}

// Listener returns a listener on a descriptor of its own, a *net.TCPListener or a
// *net.UnixListener. Closing it leaves the socket open, and the path of a unix socket there.
func (s *Socket) Listener() (net.Listener, error) {
	f := s.File()
	if f == nil {
		return nil, fmt.Errorf("listen on %s: %w", describe(s.addr), net.ErrClosed)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", describe(s.addr), err)
	}
	return l, nil
}

// Another returns one more socket of the kind. For TCP it listens on the same address, and
// the kernel deals connections out to both; a child that has it to itself is not woken for
// those of others. Of unix sockets and those of systemd there is one only: it is s itself,
// which then wants to be closed as often.
func (s *Socket) Another(ctx context.Context) (*Socket, error) {
	if !s.shared {
		return anotherTCP(ctx, s)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil, fmt.Errorf("listen on %s once more: %w", describe(s.addr), net.ErrClosed)
	}
	s.users++
	return s, nil
}

// Release leaves removing the path of a unix socket to a process that has inherited it, see
// [Socket.Adopt].
func (s *Socket) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path = ""
}

// Close closes the socket, and removes the path of a unix socket that this process owns if
// it still leads to it. Of a shared one the last of those who have it does that.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.file == nil || s.users > 0 {
		return nil
	}
	// As long as it is open no other file can have its number.
	err := s.removePath()
	err = errors.Join(err, s.file.Close())
	s.file = nil
	return err
}

// newSocket returns a Socket that holds a descriptor of its own for the socket fd.
func newSocket(fd int, addr net.Addr, c Config) (*Socket, error) {
	f, err := hold(fd, describe(addr))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", describe(addr), err)
	}
	return &Socket{config: c, addr: addr, file: f, users: 1}, nil
}

// hold returns a file on a second descriptor of the socket fd. It begins as another file
// that blocks: of one that does not, Go would tell its poller, which then woke this process
// for each connection that another one accepts.
func hold(fd int, name string) (*os.File, error) {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open /dev/null", err)
	}
	f := os.NewFile(uintptr(null), name)
	err = unix.Dup3(fd, null, unix.O_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(null, true)
	}
	if err != nil {
		f.Close()
		return nil, os.NewSyscallError("dup3", err)
	}
	return f, nil
}

// describe returns an address as Open takes it.
func describe(a net.Addr) string {
	if u, ok := a.(*net.UnixAddr); ok {
		return "unix:" + u.Name
	}
	return a.String()
}
