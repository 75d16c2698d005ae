package compression

// encoder.go keeps the encoders of all codings: making one costs more than most bodies (BenchmarkWhole).

import (
	"bytes"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// codings are what there is, in the order of preference: what costs least for what it gains first (BenchmarkWhole).
var codings = []string{"zstd", "br", "gzip", "deflate"}

// makers make the writers. Their levels are those that take about as long as sending does: answers are made for one client
// and thrown away. A window of 128 KiB bounds what a stream holds; a bigger one gains only on bodies that are bigger.
var makers = map[string]func() writer{
	"zstd": func() writer {
		// The options are constants, so it can not fail.
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(128<<10), zstd.WithLowerEncoderMem(true))
		return w
	},
	"br": func() writer {
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: 3, LGWin: 17})
	},
	"gzip": func() writer {
		w, _ := gzip.NewWriterLevel(nil, 3)
		return w
	},
	"deflate": func() writer {
		w, _ := zlib.NewWriterLevel(nil, 3)
		return w
	},
}

type writer interface {
	io.Writer
	Flush() error
	Close() error
	Reset(io.Writer)
}

// encoder compresses into out.
type encoder struct {
	writer
	coding string
	out    bytes.Buffer
	dirty  bool // something was written since the last Flush
	closed bool
}

// encoders holds the ones that are not in use, by coding. They are big and the collector may have them.
type encoders struct{ pools [4]sync.Pool }

func (e *encoders) pool(coding string) *sync.Pool {
	for i, name := range codings {
		if name == coding {
			return &e.pools[i]
		}
	}
	return nil
}

// take returns an encoder at its beginning.
func (e *encoders) take(coding string) *encoder {
	enc, ok := e.pool(coding).Get().(*encoder)
	if !ok {
		enc = &encoder{writer: makers[coding](), coding: coding}
	}
	enc.out.Reset()
	enc.dirty, enc.closed = false, false
	enc.Reset(&enc.out)
	return enc
}

// give takes it back.
func (e *encoders) give(enc *encoder) {
	if enc.out.Cap() > 256<<10 {
		enc.out = bytes.Buffer{}
	}
	e.pool(enc.coding).Put(enc)
}
