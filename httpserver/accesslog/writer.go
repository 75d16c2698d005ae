// writer.go brings lines to a file without anybody waiting for it.

package accesslog

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what is written, and where.
type Config struct {
	// Format is how lines look. Required.
	Format *Format
	// File is where they go to, by its name. Default: standard output.
	File string
	// Room is how many bytes of lines may wait to be written. Default: 4 MiB.
	Room int
	// Delay is how long a line may wait for others. Default: 100 ms.
	Delay time.Duration
	// Logger hears of trouble with the file. Default: silence.
	Logger *slog.Logger
}

// pipeWrite is the most bytes that go into a pipe in one piece, whoever else writes to it (PIPE_BUF of Linux).
const pipeWrite = 4096

// muchWaits is how much is written without waiting for more: so the buffer stays small enough to be kept and to fit the caches.
const muchWaits = 64 << 10

// writer has one goroutine, which alone touches the file.
type writer struct {
	c       Config
	dropped atomic.Uint64
	wake    chan struct{} // holds one: there is something to write
	full    chan struct{} // holds one: there is much of it
	orders  chan order
	ended   chan struct{}

	mu sync.Mutex

	buf    []byte
	closed bool

	// The goroutine's own.
	file  *os.File
	piece int // the most bytes of one write; 0: any number
	spare []byte
	told  uint64 // lines dropped when the operator was last told
	sick  bool   // the last write failed
}

// order asks the goroutine for something, and takes its answer.
type order struct {
	end    bool // else: reopen
	answer chan error
}

func newWriter(c Config) (*writer, error) {
	if c.Room <= 0 {
		c.Room = 4 << 20
	}
	if c.Delay <= 0 {
		c.Delay = 100 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	w := &writer{c: c, wake: make(chan struct{}, 1), full: make(chan struct{}, 1), orders: make(chan order), ended: make(chan struct{})}
	if err := w.open(); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// open opens the file, in place of the one that is open.
func (w *writer) open() error {
	file := os.Stdout
	if w.c.File != "" {
		var err error
		file, err = os.OpenFile(w.c.File, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			return fmt.Errorf("open access log: %w", err)
		}
	}
	w.shut()
	w.file, w.piece = file, 0
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		w.piece = pipeWrite
	}
	return nil
}

// shut closes the file, unless it is somebody else's.
func (w *writer) shut() {
	if w.file != nil && w.file != os.Stdout {
		w.file.Close()
	}
}

// add takes a line, if there is room for it.
func (w *writer) add(line []byte) {
	w.mu.Lock()
	if w.closed || len(w.buf)+len(line) > w.c.Room {
		w.mu.Unlock()
		w.dropped.Add(1)
		return
	}
	before := len(w.buf)
	w.buf = append(w.buf, line...)
	w.mu.Unlock()
	switch {
	case before == 0:
		signal(w.wake)
	case before < muchWaits && before+len(line) >= muchWaits:
		signal(w.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *writer) run() {
	defer close(w.ended)
	delay := time.NewTimer(w.c.Delay)
	delay.Stop()
	for {
		select {
		case <-w.wake:
			delay.Reset(w.c.Delay)
		case <-delay.C:
			w.flush()
		case <-w.full:
			w.flush()
		case o := <-w.orders:
			w.flush()
			if o.end {
				w.shut()
				o.answer <- nil
				return
			}
			o.answer <- w.open()
		}
	}
}

// flush writes what is there. What cannot be written is lost: the next lines may have more luck.
func (w *writer) flush() {
	w.mu.Lock()
	lines := w.buf
	w.buf = w.spare[:0]
	w.mu.Unlock()
	err := w.write(lines)
	if cap(lines) > 4*muchWaits {
		lines = nil
	}
	w.spare = lines
	if err != nil && !w.sick {
		w.c.Logger.Error("write access log", "error", err)
	}
	w.sick = err != nil
	if n := w.dropped.Load(); n != w.told {
		w.c.Logger.Warn("access log lines were dropped", "lines", n-w.told)
		w.told = n
	}
}

// write writes whole lines, at most so many at a time that other writers cannot come in between.
func (w *writer) write(lines []byte) error {
	for len(lines) > 0 {
		n := len(lines)
		if w.piece > 0 && n > w.piece {
			if n = bytes.LastIndexByte(lines[:w.piece], '\n') + 1; n == 0 {
				n = bytes.IndexByte(lines, '\n') + 1
			}
		}
		if k, err := w.file.Write(lines[:n]); err != nil || k < n {
			w.dropped.Add(uint64(bytes.Count(lines[k:], []byte("\n"))))
			if err == nil {
				err = io.ErrShortWrite
			}
			return err
		}
		lines = lines[n:]
	}
	return nil
}

func (w *writer) reopen() error {
	o := order{answer: make(chan error, 1)}
	select {
	case w.orders <- o:
		return <-o.answer
	case <-w.ended:
		return os.ErrClosed
	}
}

func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	o := order{end: true, answer: make(chan error, 1)}
	select {
	case w.orders <- o:
		return <-o.answer
	case <-w.ended:
		return nil
	}
}
