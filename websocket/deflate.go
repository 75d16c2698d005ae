package websocket

// deflate.go is permessage-deflate (RFC 7692). We compress each message by itself: a compressor that remembers would cost
// hundreds of KiB per connection. Clients may remember: that costs 32 KiB, of those which do compress.

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"

	"github.com/klauspost/compress/flate"
)

// deflate is the compression of one connection.
type deflate struct {
	pools     *pools
	remembers bool   // the client refers to its earlier messages
	bits      int    // of our window
	window    []byte // the end of what the client sent, while it remembers
}

const (
	fullBits   = 15
	fullWindow = 1 << fullBits
	level      = 1 // as fast as it can be: most messages are short
)

// offer is one set of parameters that a client offers, and what becomes of it.
type offer struct {
	clientForgets bool
	serverBits    int
}

// choose returns what to answer to the first offer that can be met.
func choose(extensions []extension, shared *pools) (d *deflate, answer string) {
	for _, e := range extensions {
		if e.name != "permessage-deflate" {
			continue
		}
		o, ok := readOffer(e.params)
		if !ok {
			continue
		}
		answer = "permessage-deflate; server_no_context_takeover"
		if o.clientForgets {
			answer += "; client_no_context_takeover"
		}
		if o.serverBits < fullBits {
			answer += "; server_max_window_bits=" + strconv.Itoa(o.serverBits)
		}
		return &deflate{pools: shared, remembers: !o.clientForgets, bits: o.serverBits}, answer
	}
	return nil, ""
}

func readOffer(params []param) (o offer, ok bool) {
	o.serverBits = fullBits
	seen := map[string]bool{}
	for _, p := range params {
		if seen[p.name] {
			return o, false
		}
		seen[p.name] = true
		switch p.name {
		case "server_no_context_takeover":
			ok = !p.given
		case "client_no_context_takeover":
			ok = !p.given
			o.clientForgets = true
		case "server_max_window_bits":
			// 8 is allowed and compressors can not do it, so nobody has to accept it.
			o.serverBits, ok = windowBits(p.value)
			ok = ok && o.serverBits > 8
		case "client_max_window_bits":
			// Whatever the client's window, ours for it is the largest.
			_, ok = windowBits(p.value)
			ok = ok || !p.given
		default:
			ok = false
		}
		if !ok {
			return o, false
		}
	}
	return o, true
}

func windowBits(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 8 && n <= fullBits && strconv.Itoa(n) == s
}

// tail is what a sender leaves out at the end of a message, and then the end of all data, so that the reader sees one.
const (
	flushTail = "\x00\x00\xff\xff"
	endTail   = "\x01\x00\x00\xff\xff"
)

// inflate returns the plain message of p, which it may append to, in a buffer that is to be given to done.
func (d *deflate) inflate(p []byte, most int64) (*[]byte, *failure) {
	r := d.pools.inflater()
	defer d.pools.inflaters.Put(r)
	r.in.Reset(append(p, flushTail+endTail...))
	if err := r.out.(flate.Resetter).Reset(&r.in, d.window); err != nil {
		return nil, failDeflate
	}
	plain := d.pools.buffer()
	for {
		if len(*plain) == cap(*plain) {
			*plain = append(*plain, 0)[:len(*plain)]
		}
		n, err := r.out.Read((*plain)[len(*plain):cap(*plain)])
		*plain = (*plain)[:len(*plain)+n]
		if int64(len(*plain)) > most {
			d.done(plain)
			return nil, failSize
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d.done(plain)
			return nil, failDeflate
		}
	}
	d.remember(*plain)
	return plain, nil
}

// remember keeps the end of what the client sent.
func (d *deflate) remember(p []byte) {
	if !d.remembers || len(p) == 0 {
		return
	}
	if len(p) >= fullWindow {
		d.window = append(d.window[:0], p[len(p)-fullWindow:]...)
		return
	}
	if over := len(d.window) + len(p) - fullWindow; over > 0 {
		d.window = d.window[:copy(d.window, d.window[over:])]
	}
	d.window = append(d.window, p...)
}

// deflate returns the compressed message in a buffer that is to be given to done.
func (d *deflate) deflate(p []byte) *[]byte {
	packed := d.pools.buffer()
	out := sink{packed}
	w := d.pools.deflater(d.bits)
	w.Reset(out)
	// A sink takes everything.
	_, _ = w.Write(p)
	_ = w.Flush()
	d.pools.deflaters[d.bits].Put(w)
	*packed = bytes.TrimSuffix(*packed, []byte(flushTail))
	return packed
}

func (d *deflate) done(b *[]byte) {
	if cap(*b) <= keptBuffer {
		d.pools.buffers.Put(b)
	}
}

type sink struct{ b *[]byte }

func (s sink) Write(p []byte) (int, error) {
	*s.b = append(*s.b, p...)
	return len(p), nil
}

// keptBuffer is the largest buffer that is used again.
const keptBuffer = 64 << 10

// pools holds what is expensive to make and of use to every connection: a compressor has hundreds of KiB
// (BenchmarkCompressedEcho: 5 µs with them, 330 without).
type pools struct {
	inflaters sync.Pool
	deflaters [fullBits + 1]sync.Pool // by the bits of the window
	buffers   sync.Pool
}

type inflater struct {
	in  bytes.Reader
	out io.ReadCloser
}

func (p *pools) inflater() *inflater {
	if r, ok := p.inflaters.Get().(*inflater); ok {
		return r
	}
	r := &inflater{}
	r.out = flate.NewReader(&r.in)
	return r
}

func (p *pools) deflater(bits int) *flate.Writer {
	if w, ok := p.deflaters[bits].Get().(*flate.Writer); ok {
		return w
	}
	var w *flate.Writer
	var err error
	if bits == fullBits {
		w, err = flate.NewWriter(nil, level)
	} else {
		w, err = flate.NewWriterWindow(nil, 1<<bits)
	}
	if err != nil {
		panic("make a compressor: " + err.Error()) // its parameters are ours
	}
	return w
}

func (p *pools) buffer() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, 4<<10)
	return &b
}
