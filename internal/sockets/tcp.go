package sockets

// TCP: one socket that nobody else may listen beside, and more of the same address for
// the processes of one server.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openTCP listens on HOST:PORT; only6 keeps IPv4 out of [::].
func openTCP(ctx context.Context, address string, c Config, only6 bool) (*Socket, error) {
	return listenTCP(ctx, networkOf(address, only6), address, c, c.ReusePort)
}

func listenTCP(ctx context.Context, network, address string, c Config, reuse bool) (*Socket, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if !reuse {
			return nil
		}
		return control(raw, reusePort)
	}}
	// Clients of multipath TCP are rare, its sockets cost each accept a little.
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(ctx, network, address)
	if err != nil {
		return nil, explainTCP(address, err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	var s *Socket
	err = control(raw, func(fd int) error {
		// Go asks for the longest queue; listening again on the same socket changes that alone.
		if err := unix.Listen(fd, c.Backlog); err != nil {
			return os.NewSyscallError("listen", err)
		}
		s, err = newSocket(fd, l.Addr(), c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return s, nil
}

// anotherTCP listens on the address of s once more. SO_REUSEPORT is set on s only now that it
// listens: the kernel has refused it by then if somebody else was there, of the same user
// too, and refuses whoever comes later without asking to share.
func anotherTCP(ctx context.Context, s *Socket) (*Socket, error) {
	f := s.File()
	address := s.addr.String()
	if f == nil {
		return nil, fmt.Errorf("listen on %s once more: %w", address, net.ErrClosed)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("listen on %s once more: %w", address, err)
	}
	network := networkOf(address, false)
	err = control(raw, func(fd int) error {
		if only6, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); err == nil && only6 == 1 {
			network = "tcp6"
		}
		return reusePort(fd)
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s once more: %w", address, err)
	}
	return listenTCP(ctx, network, address, s.config, true)
}

func reusePort(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// control calls f with the descriptor of raw.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var inner error
	outer := raw.Control(func(fd uintptr) { inner = f(int(fd)) })
	return errors.Join(outer, inner)
}

// networkOf returns the network that has address mean what it says: Go's "tcp" would listen
// on IPv6 too for 0.0.0.0.
func networkOf(address string, only6 bool) string {
	ip, ok := literal(address)
	switch {
	case ok && ip.Addr().Is4():
		return "tcp4"
	case only6:
		return "tcp6"
	}
	return "tcp"
}

// literal returns the address where that is no name.
func literal(address string) (netip.AddrPort, bool) {
	ap, err := netip.ParseAddrPort(address)
	return ap, err == nil
}

// besideIPv4 reports whether address is [::] and another one of the list needs its port for
// IPv4.
func besideIPv4(address string, addresses []string) bool {
	ip, ok := literal(address)
	if !ok || ip.Addr() != netip.IPv6Unspecified() || ip.Port() == 0 {
		return false
	}
	for _, other := range addresses {
		if ap, ok := literal(other); ok && ap.Addr().Is4() && ap.Port() == ip.Port() {
			return true
		}
	}
	return false
}

// reasons says what the errors of listening mean to an operator.
var reasons = []struct {
	err  error
	text string
}{
	{unix.EADDRINUSE, "somebody else does already; choose another with --port or --bind"},
	{unix.EADDRNOTAVAIL, "no interface of this machine has the address; choose one that has, or 0.0.0.0 for all"},
	{unix.EACCES, "ports below 1024 are for root and CAP_NET_BIND_SERVICE; choose another with --port or --bind"},
	{unix.EAFNOSUPPORT, "this machine does not speak that version of IP; choose another address"},
}

func explainTCP(address string, err error) error {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return fmt.Errorf("listen on %s: %w", address, &reason{r.text, err})
		}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("listen on %s: %w", address, &reason{
			fmt.Sprintf("the host %q is not found (%s); choose an address of this machine", dns.Name, dns.Err), err,
		})
	}
	return fmt.Errorf("listen on %s: %w", address, err)
}

// reason says in our words what an error means, which it still is.
type reason struct {
	text string
	err  error
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.err }
