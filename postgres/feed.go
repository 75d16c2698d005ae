package postgres

// What stands between a connection and pgx's frontend, which reads 8 KB at a time and
// looks at each message twice: a big result is read here, by as much as there is, and its
// rows never reach the frontend.

import (
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	feedSmall = 8 << 10  // what the server sends at once
	feedBig   = 64 << 10 // for connections that got more than that
	headSize  = 5        // of a message: its kind, and the length of what follows
)

// feed gives the frontend one message at a time, so that it never holds the beginning of
// the next one.
type feed struct {
	from io.Reader

	buf    []byte
	rp, wp int  // what was read and not given on is between
	more   bool // the last read filled buf
	left   int  // bytes of the message that the frontend has begun to read
	got    int  // bytes of the answer at hand
	row    pgproto3.DataRow
}

func newFeed(from io.Reader) *feed { return &feed{from: from, buf: make([]byte, feedSmall)} }

// unread returns how many bytes were read and not given on.
func (f *feed) unread() int { return f.wp - f.rp }

// fill reads until n bytes are there, n being less than buf has.
func (f *feed) fill(n int) error {
	for f.unread() < n {
		if f.rp == f.wp {
			f.rp, f.wp = 0, 0
			if f.more && len(f.buf) < feedBig {
				f.buf = make([]byte, feedBig)
			}
		} else if f.rp+n > len(f.buf) {
			f.wp = copy(f.buf, f.buf[f.rp:f.wp])
			f.rp = 0
		}
		got, err := f.from.Read(f.buf[f.wp:])
		f.wp += got
		f.got += got
		f.more = f.wp == len(f.buf)
		if err != nil && f.unread() < n {
			return err
		}
	}
	return nil
}

// head returns the kind and the size of the message that comes next, its head included.
func (f *feed) head() (kind byte, size int, err error) {
	if err := f.fill(headSize); err != nil {
		return 0, 0, err
	}
	b := f.buf[f.rp:]
	length := int64(int32(binary.BigEndian.Uint32(b[1:])))
	return b[0], int(max(length+1, headSize)), nil // one that is too short is the frontend's to refuse
}

// Read reads from one message.
func (f *feed) Read(p []byte) (int, error) {
	if f.left == 0 {
		_, size, err := f.head()
		if err != nil {
			return 0, err
		}
		f.left = size
	}
	p = p[:min(len(p), f.left)]
	if f.rp == f.wp && len(p) >= len(f.buf) { // much of one: past the buffer
		n, err := f.from.Read(p)
		f.left -= n
		f.got += n
		return n, err
	}
	if err := f.fill(1); err != nil {
		return 0, err
	}
	n := copy(p, f.buf[f.rp:f.wp])
	f.rp += n
	f.left -= n
	return n, nil
}

// nextRow returns the message that comes next if that is a row which fits into the
// buffer; nil: it is for the frontend to read. The row is gone with the next message.
func (f *feed) nextRow() (*pgproto3.DataRow, error) {
	if f.left > 0 {
		return nil, nil
	}
	kind, size, err := f.head()
	if err == nil && (kind != 'D' || size > len(f.buf)) {
		return nil, nil
	}
	if err == nil {
		err = f.fill(size)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // as the frontend has it
	}
	if err != nil {
		return nil, err
	}
	body := f.buf[f.rp+headSize : f.rp+size]
	f.rp += size
	return &f.row, f.row.Decode(body)
}
