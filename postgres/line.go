package postgres

// The socket of a connection, which can be read without waiting.

import (
	"context"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

// line is a plain socket: TLS has no descriptor that tells whether there is something
// to read.
type line struct {
	net.Conn
	raw syscall.RawConn
	fd  int

	now bool // reads do not wait: errNotYet
	// Of one read: a function made once does for all.
	read func(fd uintptr) bool
	into []byte
	n    int
	err  error
}

// errNotYet is what reading without waiting returns when there is nothing yet. It is a
// timeout: what is above a connection goes on after those.
type notYet struct{}

var errNotYet error = notYet{}

func (notYet) Error() string   { return "read: nothing is there yet" }
func (notYet) Timeout() bool   { return true }
func (notYet) Temporary() bool { return true }

// newLine is called before anything is sent.
func newLine(_ context.Context, _ *pgconn.Config, nc net.Conn) (net.Conn, error) {
	switch nc.(type) {
	case *net.UnixConn, *net.TCPConn:
	default:
		return nc, nil
	}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &line{Conn: nc, raw: raw}
	l.read = func(fd uintptr) bool {
		for {
			if l.n, l.err = unix.Read(int(fd), l.into); l.err != unix.EINTR {
				return true
			}
		}
	}
	return l, raw.Control(func(fd uintptr) { l.fd = int(fd) })
}

// SyscallConn returns the socket's.
func (l *line) SyscallConn() (syscall.RawConn, error) { return l.raw, nil }

// Read reads, or when it may not wait returns errNotYet.
func (l *line) Read(b []byte) (int, error) {
	if !l.now {
		return l.Conn.Read(b)
	}
	l.into = b
	err := l.raw.Read(l.read)
	l.into = nil
	switch {
	case err != nil:
		return 0, err
	case l.err == unix.EAGAIN:
		return 0, errNotYet
	case l.err != nil:
		return 0, l.err
	case l.n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return l.n, nil
}

var _ syscall.Conn = (*line)(nil)
