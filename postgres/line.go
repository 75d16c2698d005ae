package postgres

// The socket of a connection, which can be read without waiting, and without Go's poller:
// that wakes a thread for each packet of every socket it knows, whoever waits for it.

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

// settled is after how many answers in a row that were read without waiting a socket is
// taken out of Go's poller: to bring it back costs a few calls of the system.
const settled = 4

// sentAtOnce is after how many bytes of much that is sent there is news of that.
const sentAtOnce = 64 << 10

// line is a plain socket: TLS has no descriptor that tells whether there is something
// to read.
type line struct {
	net.Conn // as it was dialled: its addresses

	// Of whoever has the connection's turn.
	now   bool // reads do not wait: errNotYet
	quick int  // answers in a row that were read so
	stays bool // the answer at hand is a big one, since
	began time.Time
	empty bool // the socket was, after the last read that stayed

	mu     sync.Mutex
	fd     int      // not known to Go's poller
	polled net.Conn // the same socket, known to it: for goroutines that wait; nil: none did lately
	closed bool
	timed  bool             // a deadline is set: for Go's poller to heed
	report func(waits bool) // nil: nobody wants to know
}

// notYet is what reading without waiting returns when there is nothing yet. It is a
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
	l := &line{Conn: nc, polled: nc}
	var failed error
	err = raw.Control(func(fd uintptr) {
		l.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	return l, nil
}

// known returns the socket as Go's poller knows it.
func (l *line) known() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, net.ErrClosed
	}
	if l.polled != nil {
		return l.polled, nil
	}
	fd, err := unix.FcntlInt(uintptr(l.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "postgres")
	defer f.Close()
	l.polled, err = net.FileConn(f)
	return l.polled, err
}

// hide takes the socket out of Go's poller once nobody waits there any more. For whoever
// has the turn, before something is sent.
func (l *line) hide() {
	if l.quick < settled {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.polled != nil && !l.closed {
		_ = l.polled.Close() // a duplicate: the connection stays
		l.polled = nil
	}
}

// Read reads, or when it may not wait returns errNotYet.
func (l *line) Read(b []byte) (int, error) {
	if !l.now {
		if l.stays {
			if n, err := l.stay(b); err != unix.EAGAIN {
				return n, err
			}
		}
		nc, err := l.known()
		if err != nil {
			return 0, err
		}
		return nc.Read(b)
	}
	n, err := l.try(unix.Read, b)
	switch {
	case err == unix.EAGAIN:
		return 0, errNotYet
	case err == nil && n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, err
}

const (
	// stayMS is how long a read may wait in the socket: it keeps one of Go's processors from
	// other goroutines until the runtime takes that away.
	stayMS = 1
	// A read lingers for a part of the time that the answer has taken, but not for less than
	// the system can sleep, nor for more than fills the socket.
	lingerPart  = 16
	lingerLeast = 80 * time.Microsecond
	lingerMost  = 250 * time.Microsecond
)

// big says whether the answer at hand is a big one by now.
func (l *line) big(is bool) {
	if is != l.stays {
		l.stays, l.began = is, time.Now()
	}
}

// stay reads in the middle of a big answer, of which more is on its way: it waits in the
// socket, since Go's poller takes longer to put a goroutine to sleep and to wake it than
// the server to send the next 8 KB; and it waits until there is more than that. It returns
// [unix.EAGAIN] where the poller is to wait.
func (l *line) stay(b []byte) (int, error) {
	if l.empty && !l.arrives() {
		return 0, unix.EAGAIN
	}
	for again := false; ; again = true {
		n, err := l.try(unix.Read, b)
		if l.empty = n < len(b); err == unix.EAGAIN && !again && l.arrives() {
			continue
		}
		if err == nil && n == 0 && len(b) > 0 {
			err = io.EOF
		}
		return n, err
	}
}

// arrives waits for something to read.
func (l *line) arrives() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.timed {
		return false
	}
	if d := min(time.Since(l.began)/lingerPart, lingerMost); d >= lingerLeast {
		pause := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&pause, nil) // a signal ends it sooner: as well
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}, stayMS)
	return n > 0 && err == nil
}

// Write writes all of b.
func (l *line) Write(b []byte) (n int, err error) {
	l.mu.Lock()
	hidden, report := l.polled == nil, l.report
	l.mu.Unlock()
	if hidden || report != nil {
		if n, err = l.try(unix.Write, b); n == len(b) || err != nil && err != unix.EAGAIN {
			if report != nil {
				report(false)
			}
			return n, err
		}
	}
	nc, err := l.known()
	if err != nil {
		return n, err
	}
	if report == nil {
		more, err := nc.Write(b[n:])
		return n + more, err
	}
	err = nil // there was no room
	for n < len(b) && err == nil {
		report(true)
		var more int
		more, err = nc.Write(b[n:min(len(b), n+sentAtOnce)])
		n += more
	}
	report(false)
	return n, err
}

// try makes a call that does not wait. Nothing is counted of one that failed.
func (l *line) try(call func(int, []byte) (int, error), b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.closed {
			return 0, net.ErrClosed
		}
		if n, err := call(l.fd, b); err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Close closes the socket.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	err := unix.Close(l.fd)
	if l.polled != nil {
		err = errors.Join(err, l.polled.Close())
	}
	return err
}

// SetDeadline is for goroutines that wait.
func (l *line) SetDeadline(t time.Time) error { return l.until(t, net.Conn.SetDeadline) }

// SetReadDeadline is for goroutines that wait.
func (l *line) SetReadDeadline(t time.Time) error { return l.until(t, net.Conn.SetReadDeadline) }

// SetWriteDeadline is for goroutines that wait.
func (l *line) SetWriteDeadline(t time.Time) error { return l.until(t, net.Conn.SetWriteDeadline) }

func (l *line) until(t time.Time, set func(net.Conn, time.Time) error) error {
	nc, err := l.known()
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.timed = !t.IsZero()
	l.mu.Unlock()
	return set(nc, t)
}

// SyscallConn returns something that has Control alone.
func (l *line) SyscallConn() (syscall.RawConn, error) { return rawLine{l}, nil }

type rawLine struct{ l *line }

func (r rawLine) Control(f func(fd uintptr)) error {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	if r.l.closed {
		return net.ErrClosed
	}
	f(uintptr(r.l.fd))
	return nil
}

func (rawLine) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (rawLine) Write(func(uintptr) bool) error { return errors.ErrUnsupported }

var _ syscall.Conn = (*line)(nil)
