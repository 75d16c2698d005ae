package sockets

// Sockets that another process has opened: the parent, or systemd.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Handover is what a process should know of a socket that it inherits. The zero Handover is
// enough for one that accepts and does nothing else.
type Handover struct {
	// Config is how it was opened, for Another.
	Config Config
	// Name is what systemd calls it.
	Name string `json:",omitempty"`
	// Shared says that there is one of its kind.
	Shared bool
	// Path is what is to be removed, if it leads to the file with the numbers that follow.
	Path          string `json:",omitempty"`
	Device, Inode uint64 `json:",omitempty"`
}

// Handover returns what a process that is to take the place of this one should know. The path
// stays this one's until [Socket.Release], and is no other's until [Socket.Adopt].
func (s *Socket) Handover() Handover {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Handover{s.config, s.name, s.shared, s.path, s.made.device, s.made.inode}
}

// Adopt has Close remove the path that h names: the process that made it has ended, or has
// released it.
func (s *Socket) Adopt(h Handover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path, s.made = h.Path, identity{h.Device, h.Inode}
}

// Inherit returns the listening socket that was passed to this process as the descriptor fd,
// which it takes over and keeps from further children.
func Inherit(fd int, h Handover) (*Socket, error) {
	unix.CloseOnExec(fd)
	addr, err := listening(fd)
	if err != nil {
		return nil, fmt.Errorf("inherit the socket with descriptor %d: %w", fd, err)
	}
	s, err := newSocket(fd, addr, h.Config.withDefaults())
	if err != nil {
		return nil, err
	}
	unix.Close(fd)
	s.name, s.shared = h.Name, h.Shared || addr.Network() == "unix"
	return s, nil
}

// listening returns the address of fd, if it is a socket that can be accepted from.
func listening(fd int) (net.Addr, error) {
	accepts, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return nil, &reason{"it is no socket", err}
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM || accepts == 0 {
		return nil, errors.New("it is no stream socket that listens")
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))), nil
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			ip = ip.WithZone(zone(int(sa.ZoneId)))
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(sa.Port))), nil
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}, nil
	}
	return nil, errors.New("it is neither TCP nor a unix socket")
}

// zone returns the name of a network interface.
func zone(index int) string {
	if i, err := net.InterfaceByIndex(index); err == nil {
		return i.Name
	}
	return strconv.Itoa(index)
}

// firstActivated is the number of the first descriptor that systemd passes.
const firstActivated = 3

// activation names the variables of systemd's socket activation, see sd_listen_fds(3).
var activation = []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"}

// Activated returns the sockets that systemd has opened for this process, none if it has not:
// LISTEN_FDS counts them, if LISTEN_PID is the number of this process. The variables are
// removed, so that no child takes the sockets for its own. They stay systemd's: there is one
// of each, and closing one removes no path.
func Activated() ([]*Socket, error) {
	value := map[string]string{}
	for _, name := range activation {
		value[name] = os.Getenv(name)
		os.Unsetenv(name)
	}
	if pid, err := strconv.Atoi(value["LISTEN_PID"]); err != nil || pid != os.Getpid() {
		return nil, nil
	}
	const most = 1024
	n, err := strconv.Atoi(value["LISTEN_FDS"])
	if err != nil || n < 0 || n > most {
		return nil, fmt.Errorf("read LISTEN_FDS: want a number from 0 to %d, got %q", most, value["LISTEN_FDS"])
	}
	names := strings.Split(value["LISTEN_FDNAMES"], ":")
	var all []*Socket
	for i := range n {
		h := Handover{Shared: true}
		if i < len(names) {
			h.Name = names[i]
		}
		s, err := Inherit(firstActivated+i, h)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("take socket %d of LISTEN_FDS: %w", i+1, err), CloseAll(all))
		}
		all = append(all, s)
	}
	return all, nil
}
