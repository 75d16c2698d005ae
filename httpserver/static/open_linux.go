package static

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openFlags has the open of a pipe return instead of waiting for who writes into it.
const openFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// folder is where names are looked up. It is opened for each request, so that the folder may be replaced.
type folder struct {
	dir    string
	follow bool
	fd     int
}

func openFolder(dir string, follow bool) (*folder, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return &folder{dir, follow, fd}, nil
}

func (d *folder) close() { unix.Close(d.fd) }

// open opens name. Unless links are followed the kernel lets none of them, and no "..", lead out of the folder: one call of
// openat2 costs less than half of what os.Root takes, which walks (BenchmarkOpen: 3.5 µs and 8.1 µs).
func (d *folder) open(name string) (*os.File, error) {
	how := unix.OpenHow{Flags: openFlags}
	if !d.follow {
		how.Resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS
	}
	for range 8 {
		fd, err := unix.Openat2(d.fd, name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case err == unix.EINTR || err == unix.EAGAIN: // EAGAIN: something was renamed on the way
		case errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM):
			return d.openOld(name) // an old kernel, or a sandbox that does not know the call
		default:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: unix.EAGAIN}
}

func (d *folder) openOld(name string) (*os.File, error) {
	if d.follow {
		return os.OpenFile(filepath.Join(d.dir, name), openFlags, 0)
	}
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenFile(name, openFlags, 0)
}
