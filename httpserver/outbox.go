// outbox.go is what is still to be sent on a connection: bytes, and files that stand between them.

package httpserver

import "os"

// outbox holds what the kernel has not taken yet.
type outbox struct {
	buf   []byte
	off   int // sent so far
	files []part
	frame int // bytes of buf that are heads and chunk framing
}

// part is a piece of a file, to be sent once buf was sent up to at.
type part struct {
	at     int
	file   *os.File
	off, n int64
}

func (o *outbox) empty() bool { return o.off == len(o.buf) && len(o.files) == 0 }

// ready returns the bytes that stand before the next file.
func (o *outbox) ready() []byte {
	if len(o.files) > 0 {
		return o.buf[o.off:o.files[0].at]
	}
	return o.buf[o.off:]
}

// sent notes that n bytes of buf are gone, and returns how many of them to call body. Framing is taken to go first: so the
// sum comes out right, and a handler is never told of bytes that are still here.
func (o *outbox) sent(n int) (body int) {
	o.off += n
	frame := min(n, o.frame)
	o.frame -= frame
	return n - frame
}

// compact makes room at the end by dropping what was sent.
func (o *outbox) compact() {
	for i := range o.files {
		o.files[i].at -= o.off
	}
	o.buf = o.buf[:copy(o.buf, o.buf[o.off:])]
	o.off = 0
}

// attach puts n bytes of f behind what is there.
func (o *outbox) attach(f *os.File, off, n int64) {
	o.files = append(o.files, part{len(o.buf), f, off, n})
}

// detach closes the first file, which was sent.
func (o *outbox) detach() {
	o.files[0].file.Close()
	o.files[0].file = nil
	o.files = o.files[1:]
	if len(o.files) == 0 {
		o.files = nil
	}
}

// drop closes the files and forgets everything. It returns the buffer.
func (o *outbox) drop() []byte {
	for len(o.files) > 0 {
		o.detach()
	}
	b := o.buf
	*o = outbox{}
	return b
}
