// Package accesslog writes a line per request, in a format of one's choice.
//
//	format, err := accesslog.Parse("combined")
//	…
//	log, err := accesslog.New(accesslog.Config{Format: format})
//	defer log.Close()
//	filter := observe.Filter(observe.Config{Log: log})
//
// Lines are collected and written together, at most 100 ms later; a line that finds no room, since whoever reads the log is
// behind, is dropped and counted. So no request ever waits for a log.
package accesslog

import (
	"sync"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/observe"
)

// Log is an observe.Log that writes lines.
type Log struct {
	format *Format
	out    *writer
	lines  sync.Pool // of *[]byte
}

var _ observe.Log = (*Log)(nil)

// New returns a Log that writes to what c opens. It is to be closed.
func New(c Config) (*Log, error) {
	out, err := newWriter(c)
	if err != nil {
		return nil, err
	}
	return &Log{format: c.Format, out: out}, nil
}

// Begin implements observe.Log.
func (l *Log) Begin(b []byte, x *httpserver.Exchange) []byte {
	for i := range l.format.parts {
		if p := &l.format.parts[i]; p.request != nil {
			b = l.format.note(b, func(b []byte) []byte { return p.request(b, x, p.name) })
		}
	}
	return b
}

// Head implements observe.Log.
func (l *Log) Head(b []byte, h *httpserver.Head) []byte {
	for i := range l.format.parts {
		if p := &l.format.parts[i]; p.answer != nil {
			b = l.format.note(b, func(b []byte) []byte { return p.answer(b, h, p.name) })
		}
	}
	return b
}

// End implements observe.Log.
func (l *Log) End(notes []byte, d *observe.Done) {
	line, _ := l.lines.Get().(*[]byte)
	if line == nil {
		line = new([]byte)
	}
	*line = append(l.format.line((*line)[:0], notes, d), '\n')
	l.out.add(*line)
	l.lines.Put(line)
}

// Reopen opens the file again, by its name, as is done after it was moved away.
func (l *Log) Reopen() error { return l.out.reopen() }

// Dropped returns how many lines found no room.
func (l *Log) Dropped() uint64 { return l.out.dropped.Load() }

// Close writes what is there and closes the file. Lines that come later are dropped.
func (l *Log) Close() error { return l.out.close() }
