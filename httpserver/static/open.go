package static

// open.go finds the file that a request gets: the plain one, or a compressed one beside it.

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/puffstack/puff/httpserver/negotiation"
)

// file is an open regular file.
type file struct {
	*os.File
	size     int64
	modified time.Time
	inode    uint64
}

// errNoFile is what is there, but is no regular file.
var errNoFile = errors.New("not a regular file")

// file opens a regular file. isDir: there is a folder of that name.
func (d *folder) file(name string) (f *file, isDir bool, err error) {
	opened, err := d.open(name)
	if err != nil {
		return nil, false, err
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		isDir, err = info.IsDir(), errNoFile
	}
	if err != nil {
		opened.Close()
		return nil, isDir, err
	}
	f = &file{File: opened, size: info.Size(), modified: info.ModTime()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.inode = uint64(s.Ino)
	}
	return f, false, nil
}

// tag returns the entity tag: another file, another size or another time makes another one.
func (f *file) tag() string {
	b := append(make([]byte, 0, 64), '"')
	b = append(strconv.AppendUint(b, f.inode, 36), '-')
	b = append(strconv.AppendInt(b, f.size, 36), '-')
	b = append(strconv.AppendInt(b, f.modified.UnixNano(), 36), '"')
	return string(b)
}

// siblings are the endings of compressed files that stand beside plain ones, in the order of preference.
var siblings = [...]struct{ coding, ending string }{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// sibling opens the compressed file beside name that the client likes best; nil: there is none it takes. varies: there is
// one, and other clients may get it.
func (d *folder) sibling(name string, accepted *negotiation.Codings) (best *file, coding string, varies bool) {
	var there [len(siblings)]*file
	codings := make([]string, 0, len(there))
	for i, s := range siblings {
		if f, _, err := d.file(name + s.ending); err == nil {
			there[i] = f
			codings = append(codings, s.coding)
		}
	}
	coding = accepted.Best(codings...)
	for i, s := range siblings {
		switch {
		case there[i] == nil:
		case s.coding == coding:
			best = there[i]
		default:
			there[i].Close()
		}
	}
	return best, coding, len(codings) > 0
}

// unreadable reports whether an error is the operator's business: there is something, and it can not be read.
func unreadable(err error) bool {
	for _, e := range []error{fs.ErrPermission, syscall.EMFILE, syscall.ENFILE, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
