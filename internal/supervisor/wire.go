package supervisor

// What parent and worker say to each other: a line of JSON per message, over a pair of
// sockets. Open descriptors travel beside the first byte of the message that counts them.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What a message is about. The first group goes to the parent, the second to a worker.
const (
	kindReady   = "ready"   // the application is there; wants its sockets
	kindBeat    = "beat"    // the lane has answered
	kindFull    = "full"    // wants to be replaced, and serves until then
	kindLeaving = "leaving" // drains already, and wants to be replaced
	kindAnswer  = "answer"  // to the question of that number

	kindServe  = "serve"  // here are your sockets
	kindDrain  = "drain"  // end what is under way, and yourself
	kindAsk    = "ask"    // answer this question
	kindReopen = "reopen" // the files of the log have been moved
	kindDump   = "dump"   // write down what every thread does
)

// message is one line. Which fields count depends on Kind.
type message struct {
	Kind   string
	Ready  *Ready          `json:",omitempty"`
	Reason string          `json:",omitempty"` // of full, leaving and drain
	Signal int             `json:",omitempty"` // of drain: what the parent got
	ID     uint64          `json:",omitempty"` // of ask and answer
	Body   json.RawMessage `json:",omitempty"`
	Error  string          `json:",omitempty"` // of answer
	Files  int             `json:",omitempty"` // how many descriptors come along
}

const (
	maxLine   = 1 << 20 // bytes of a message
	maxFiles  = 250     // descriptors of a message: the kernel takes 253
	writeTime = time.Second
)

// wire is one end of the pair.
type wire struct {
	conn *net.UnixConn

	in    []byte // what was read and is no whole line yet
	files []int  // descriptors that belong to messages to come

	mu sync.Mutex // one writer at a time
}

// newPair returns the parent's end, and the worker's as a file to be inherited.
func newPair() (*wire, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open a channel to a worker: %w", os.NewSyscallError("socketpair", err))
	}
	far := os.NewFile(uintptr(fds[1]), "worker")
	w, err := newWire(fds[0])
	if err != nil {
		far.Close()
		return nil, nil, err
	}
	return w, far, nil
}

// newWire takes over fd.
func newWire(fd int) (*wire, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "channel")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("open the channel between parent and worker: %w", err)
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("open the channel between parent and worker: the descriptor is no unix socket")
	}
	return &wire{conn: conn}, nil
}

// send writes m and passes the descriptors on. Whoever does not read for a second is as
// good as gone: the channel is closed.
func (w *wire) send(m message, files ...int) error {
	if len(files) > maxFiles {
		return fmt.Errorf("send %s: %d descriptors are more than %d", m.Kind, len(files), maxFiles)
	}
	m.Files = len(files)
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("send %s: %w", m.Kind, err)
	}
	if len(line) >= maxLine {
		return fmt.Errorf("send %s: %d bytes are more than %d", m.Kind, len(line), maxLine)
	}
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return fmt.Errorf("send %s: %w", m.Kind, err)
	}
	line = append(line, '\n')
	n, _, err := w.conn.WriteMsgUnix(line, rights, nil)
	if err == nil && n < len(line) {
		_, err = w.conn.Write(line[n:])
	}
	if err != nil {
		w.conn.Close() // half a message may have gone out
		return fmt.Errorf("send %s: %w", m.Kind, err)
	}
	return nil
}

// receive returns the next message and its descriptors, which the caller owns. One
// goroutine receives.
func (w *wire) receive() (message, []int, error) {
	for {
		if line, rest, ok := bytes.Cut(w.in, []byte{'\n'}); ok {
			w.in = rest
			return w.parse(line)
		}
		if len(w.in) > maxLine {
			return message{}, nil, fmt.Errorf("receive from the channel: a message has more than %d bytes", maxLine)
		}
		if err := w.fill(); err != nil {
			return message{}, nil, err
		}
	}
}

func (w *wire) parse(line []byte) (m message, files []int, err error) {
	if err := json.Unmarshal(line, &m); err != nil {
		return m, nil, fmt.Errorf("receive from the channel: %w", err)
	}
	if m.Files < 0 || m.Files > len(w.files) {
		return m, nil, fmt.Errorf("receive %s: %d descriptors were promised, %d came", m.Kind, m.Files, len(w.files))
	}
	files = w.files[:m.Files:m.Files]
	w.files = w.files[m.Files:]
	return m, files, nil
}

// fill reads what has come.
func (w *wire) fill() error {
	buf, oob := make([]byte, 16<<10), make([]byte, unix.CmsgSpace(4*maxFiles))
	// Go has the kernel mark what comes in as to be closed on exec.
	n, oobn, _, _, err := w.conn.ReadMsgUnix(buf, oob)
	if n > 0 || oobn > 0 {
		w.in = append(w.in, buf[:n]...)
		return w.take(oob[:oobn])
	}
	if err == nil {
		err = net.ErrClosed
	}
	return err
}

func (w *wire) take(oob []byte) error {
	controls, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("receive descriptors: %w", err)
	}
	for _, c := range controls {
		files, err := unix.ParseUnixRights(&c)
		if err != nil {
			return fmt.Errorf("receive descriptors: %w", err)
		}
		w.files = append(w.files, files...)
	}
	return nil
}

// close ends the channel, and closes descriptors that nobody has asked for.
func (w *wire) close() {
	w.conn.Close()
	for _, fd := range w.files {
		unix.Close(fd)
	}
	w.files = nil
}
