// buffers.go keeps the buffers of one event loop for use by the next connection that needs one. A connection has one only
// while a request or an answer is incomplete, so that an idle connection costs next to nothing.

package httpserver

// buffers is a free list by size. It belongs to one thread, so taking a buffer needs no lock, and the most recently used one
// is taken first, which is likely in the processor's cache.
type buffers [len(bufferSizes)][][]byte

var bufferSizes = [...]int{4 << 10, 16 << 10, 64 << 10, 256 << 10}

// keptBytes bounds what is kept of each size.
const keptBytes = 4 << 20

// take returns an empty buffer that has room for n bytes.
func (p *buffers) take(n int) []byte {
	for i, size := range bufferSizes {
		if n > size {
			continue
		}
		free := p[i]
		if len(free) == 0 {
			return make([]byte, 0, size)
		}
		b := free[len(free)-1]
		p[i] = free[:len(free)-1]
		return b
	}
	return make([]byte, 0, n)
}

// give takes back a buffer, or nil.
func (p *buffers) give(b []byte) {
	for i, size := range bufferSizes {
		if cap(b) == size && len(p[i])*size < keptBytes {
			p[i] = append(p[i], b[:0])
		}
	}
}

// grow returns b with room for n more bytes, in the same buffer if that has it.
func (p *buffers) grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	bigger := append(p.take(max(len(b)+n, 2*cap(b))), b...)
	p.give(b)
	return bigger
}
