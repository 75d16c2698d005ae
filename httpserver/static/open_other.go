//go:build !linux

package static

import (
	"os"
	"path/filepath"
	"syscall"
)

// folder is where names are looked up. It is opened for each request, so that the folder may be replaced.
type folder struct {
	dir  string
	root *os.Root // nil: links are followed
}

func openFolder(dir string, follow bool) (*folder, error) {
	if follow {
		return &folder{dir: dir}, nil
	}
	root, err := os.OpenRoot(dir)
	return &folder{dir, root}, err
}

func (d *folder) close() {
	if d.root != nil {
		d.root.Close()
	}
}

// open opens name. Unless links are followed none of them, and no "..", leads out of the folder.
func (d *folder) open(name string) (*os.File, error) {
	// Non-blocking: the open of a pipe returns instead of waiting for who writes into it.
	if d.root == nil {
		return os.OpenFile(filepath.Join(d.dir, name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	return d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
