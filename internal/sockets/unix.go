package sockets

// Unix sockets: their permissions, and whose path it is.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// identity tells a file from all others that exist.
type identity struct{ device, inode uint64 }

func openUnix(ctx context.Context, path string, c Config) (*Socket, error) {
	s, err := bindUnix(ctx, path, c)
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, explainUnix(path, err))
	}
	return s, nil
}

// maxPath is what Linux has room for in sockaddr_un, its final zero excluded.
const maxPath = 107

func bindUnix(ctx context.Context, path string, c Config) (*Socket, error) {
	switch {
	case path == "":
		return nil, errors.New(`a path is missing, as in "unix:/run/app.sock"`)
	case len(path) > maxPath:
		return nil, fmt.Errorf("the path has %d bytes, and there is room for %d; choose a shorter one", len(path), maxPath)
	case strings.HasPrefix(path, "@"):
		return nil, errors.New("an abstract socket has no permissions, so that everybody could connect; choose a path")
	}
	whole, err := filepath.Abs(path) // the process may change its folder before it removes the path
	if err != nil {
		return nil, err
	}
	unlock := lockFolder(ctx, filepath.Dir(whole))
	defer unlock()
	if err := clearPath(whole); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	// Linux makes the path with the permissions of the socket, less the umask: at no time has it
	// more than it is to have.
	if err := unix.Fchmod(fd, uint32(c.Mode.Perm())); err != nil {
		return nil, os.NewSyscallError("fchmod", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	made, err := permit(whole, c.Mode.Perm())
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, c.Backlog))
	}
	var s *Socket
	if err == nil {
		s, err = newSocket(fd, &net.UnixAddr{Name: path, Net: "unix"}, c)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(whole))
	}
	s.shared, s.path, s.made = true, whole, made
	return s, nil
}

// permit gives the socket at path what the umask took, and returns which file it is. It holds
// the file meanwhile, so that nothing put in its place is given anything.
func permit(path string, mode fs.FileMode) (identity, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return identity{}, os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return identity{}, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return identity{}, errors.New("somebody has put something else in its place; choose a folder of your own")
	}
	if fs.FileMode(st.Mode).Perm() != mode {
		if err := os.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode); err != nil {
			return identity{}, err
		}
	}
	return identity{st.Dev, st.Ino}, nil
}

// clearPath removes a socket on which nobody answers any more, and nothing else.
func clearPath(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("the path is there and is no socket; remove it, or choose another")
	}
	if err := probe(path); !errors.Is(err, unix.ECONNREFUSED) {
		if err == nil || errors.Is(err, unix.EAGAIN) { // or too busy to
			return &reason{"somebody answers there already; end that server, or choose another path", unix.EADDRINUSE}
		}
		return &reason{fmt.Sprintf("the path is a socket of which nobody can tell whether it is in use (%v); "+
			"remove it, or choose another", err), err}
	}
	return os.Remove(path)
}

// probe connects to the socket at path, without waiting for its server.
func probe(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

// removePath removes the path if it is ours still.
func (s *Socket) removePath() error {
	path := s.path
	if path == "" {
		return nil
	}
	s.path = ""
	unlock := lockFolder(context.Background(), filepath.Dir(path))
	defer unlock()
	now, err := statIdentity(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && now != s.made {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("remove unix:%s: %w", path, err)
	}
	return nil
}

func statIdentity(path string) (identity, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return identity{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return identity{st.Dev, st.Ino}, nil
}

// lockFolder keeps other servers from doing the same in folder, and returns what ends that.
// Between two which start at once, one could otherwise remove the socket the other has just
// made. Somebody who holds the lock for long is not waited for: it is no more than advice.
func lockFolder(ctx context.Context, folder string) (unlock func()) {
	const tries, pause = 40, 25 * time.Millisecond
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	unlock = func() { unix.Close(fd) }
	for range tries {
		if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != unix.EWOULDBLOCK {
			return unlock
		}
		select {
		case <-ctx.Done():
			return unlock
		case <-time.After(pause):
		}
	}
	return unlock
}

func explainUnix(path string, err error) error {
	folder := filepath.Dir(path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return &reason{fmt.Sprintf("the folder %s does not exist; make it first", folder), err}
	case errors.Is(err, unix.ENOTDIR):
		return &reason{fmt.Sprintf("%s is no folder", folder), err}
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		return &reason{fmt.Sprintf("this user may not make files in %s (%v)", folder, err), err}
	case errors.Is(err, unix.EADDRINUSE):
		if _, ours := errors.AsType[*reason](err); !ours {
			return &reason{"somebody else took the path just now; choose another", err}
		}
	}
	return err
}
