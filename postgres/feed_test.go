package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"pgregory.net/rapid"
)

// pieces is a socket that has as much at a time as sizes says, 0 being nothing yet.
type pieces struct {
	left  []byte
	sizes []int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := len(p.left)
	if len(p.sizes) > 0 {
		n, p.sizes = p.sizes[0], p.sizes[1:]
	}
	if n == 0 {
		return 0, errNotYet
	}
	n = copy(b, p.left[:min(n, len(p.left))])
	p.left = p.left[n:]
	return n, nil
}

// message draws one of the server's: rows of all sizes, and others.
func message(t *rapid.T) pgproto3.BackendMessage {
	size := func(label string) int {
		return rapid.OneOf(rapid.IntRange(0, 30), rapid.IntRange(feedSmall-20, feedSmall+20), rapid.IntRange(feedBig-20, feedBig+20)).Draw(t, label)
	}
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return &pgproto3.NoticeResponse{Message: "note"}
	case 1:
		return &pgproto3.CopyData{Data: make([]byte, size("size of the data"))}
	case 2:
		return &pgproto3.ReadyForQuery{TxStatus: 'T'}
	}
	row := &pgproto3.DataRow{Values: [][]byte{nil, {}, []byte("a")}}
	for range rapid.IntRange(0, 2).Draw(t, "columns") {
		row.Values = append(row.Values, bytes.Repeat([]byte{'x'}, size("size of a value")))
	}
	return row
}

func TestRowsAndOtherMessagesComeInOrderHoweverTheyArrive(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		sent := rapid.SliceOfN(rapid.Custom(message), 1, 12).Draw(r, "messages")
		var stream []byte
		for _, m := range sent {
			var err error
			if stream, err = m.Encode(stream); err != nil {
				r.Fatal(err)
			}
		}
		cut := rapid.IntRange(0, 3).Draw(r, "missing at the end")
		socket := &pieces{
			left:  stream[:len(stream)-min(cut, 3)],
			sizes: rapid.SliceOf(rapid.OneOf(rapid.IntRange(0, 12), rapid.IntRange(0, 100000))).Draw(r, "sizes of what arrives"),
		}
		f := newFeed(socket)
		c := &Conn{feed: f, fe: pgproto3.NewFrontend(f, io.Discard)}
		if cut > 0 {
			sent = sent[:len(sent)-1]
		}
		for i, want := range sent {
			got, err := c.next()
			for errors.Is(err, errNotYet) {
				got, err = c.next()
			}
			if err != nil {
				r.Fatalf("message %d: %v", i, err)
			}
			if !bytes.Equal(encodedMessage(r, got), encodedMessage(r, want)) {
				r.Fatalf("message %d: got %.200v, want %.200v", i, got, want)
			}
			if _, row := got.(*pgproto3.DataRow); row && c.fe.ReadBufferLen() > 0 {
				r.Fatalf("message %d: the frontend has %d bytes of the next one", i, c.fe.ReadBufferLen())
			}
		}
		_, err := c.next()
		for errors.Is(err, errNotYet) {
			_, err = c.next()
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			r.Fatalf("got %v after the last message, want %v", err, io.ErrUnexpectedEOF)
		}
	})
}

func encodedMessage(t *rapid.T, m pgproto3.BackendMessage) []byte {
	b, err := m.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessageOfALengthThatCanNotBeIsRefused(t *testing.T) {
	for _, length := range []int32{-1, 0, 3} {
		for _, kind := range []byte("DZ") {
			stream := binary.BigEndian.AppendUint32([]byte{kind}, uint32(length))
			f := newFeed(&pieces{left: append(stream, make([]byte, 100)...)})
			c := &Conn{feed: f, fe: pgproto3.NewFrontend(f, io.Discard)}
			if m, err := c.next(); err == nil {
				t.Errorf("kind %c of length %d: got %#v, want an error", kind, length, m)
			}
		}
	}
}
