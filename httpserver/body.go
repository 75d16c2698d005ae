// body.go tells where a request body ends, under either framing. Both roads read bodies through it.

package httpserver

import "time"

// bodyPatience is how long a short body may take before the handler hears of it, on the long road in HTTP/1: most arrive with
// their head, and an application should hear of a slow one before it is complete.
const bodyPatience = 20 * time.Millisecond

// body is a request body in the making.
type body struct {
	left    int64 // of the Content-Length
	total   int64 // content so far
	chunks  chunks
	chunked bool
}

// newBody returns the body that the head of x announces.
func newBody(x *Exchange) body {
	return body{left: max(x.ContentLength, 0), chunked: x.ContentLength < 0}
}

// take turns raw bytes into content, in place. It returns how many bytes of content stand at the front of raw now, and how
// many of raw were used up. What is left of raw once the body is done belongs to the next request.
func (b *body) take(raw []byte, c *Config) (content, used int, r *refusal) {
	if !b.chunked {
		n := int(min(b.left, int64(len(raw))))
		b.left -= int64(n)
		b.total += int64(n)
		return n, n, nil
	}
	content, used, r = b.chunks.take(raw, c)
	b.total += int64(content)
	if r == nil && b.total > c.MaxBody {
		r = refuseBigBody
	}
	return content, used, r
}

// trailers returns the fields that followed the body.
func (b *body) trailers() []Field {
	if len(b.chunks.text) == 0 {
		return nil
	}
	return b.chunks.trailers()
}

func (b *body) done() bool {
	if b.chunked {
		return b.chunks.done()
	}
	return b.left == 0
}

// scratchSize is how much is read at once. What is read is parsed where it lies, and only what is incomplete is copied to a
// buffer of the connection. It is also the largest piece of a body a handler is given.
const scratchSize = 64 << 10

// trailing reports whether a field may follow a body: not if it says how the message is read, RFC 9110 section 6.5.1.
func trailing(name []byte) bool {
	if len(name) < len(telling) {
		for _, t := range telling[len(name)] {
			if same(name, t.name) {
				return false
			}
		}
	}
	return kindOf(name) == ordinary
}
