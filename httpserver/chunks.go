// chunks.go takes the chunked coding off a request body, in place and strictly: what one server reads as a chunk and another
// as something else is how requests are smuggled.

package httpserver

import "bytes"

// chunkState is which byte of the coding comes next.
type chunkState uint8

const (
	chunkSize      chunkState = iota // first digit of a size
	chunkDigits                      // further digits
	chunkExtension                   // after the semicolon
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerName
	trailerValue
	trailerLF
	chunksEndLF
	chunksEnd
)

// chunks is a chunked body in the making.
type chunks struct {
	left   int64 // of the current chunk
	digits int
	extra  int // bytes of extensions and trailers so far
	state  chunkState
	fields int
	text   []byte // of the trailers, a line each
}

// take removes the coding from raw. It returns how many bytes of content stand at the front of raw now, and how many bytes
// it used up; after the last one, done.
func (d *chunks) take(raw []byte, c *Config) (content, used int, r *refusal) {
	for used < len(raw) && d.state != chunksEnd {
		if d.state == chunkData {
			n := int(min(d.left, int64(len(raw)-used)))
			copy(raw[content:], raw[used:used+n])
			content += n
			used += n
			if d.left -= int64(n); d.left == 0 {
				d.state = chunkDataCR
			}
			continue
		}
		if r = d.step(raw[used], c); r != nil {
			return content, used, r
		}
		used++
	}
	return content, used, nil
}

func (d *chunks) done() bool { return d.state == chunksEnd }

// step takes one byte that is not content.
func (d *chunks) step(b byte, c *Config) *refusal {
	switch d.state {
	case chunkSize, chunkDigits:
		return d.size(b)
	case chunkExtension:
		if b == '\r' {
			d.state = chunkSizeLF
			return nil
		}
		if classOf[b]&inValue == 0 {
			return refuseChunk
		}
		return d.count(c)
	case chunkSizeLF:
		d.state = chunkData
		if d.left == 0 {
			d.state = trailerStart
		}
		d.digits = 0
		return expect(b, '\n', refuseChunk)
	case chunkDataCR:
		d.state = chunkDataLF
		return expect(b, '\r', refuseChunk)
	case chunkDataLF:
		d.state = chunkSize
		return expect(b, '\n', refuseChunk)
	}
	return d.trailer(b, c)
}

func (d *chunks) size(b byte) *refusal {
	switch {
	case classOf[b]&inHex != 0:
		// Sixteen digits would be more than any length an int64 can hold, and an endless row of zeros is no size.
		if d.digits++; d.digits > 15 {
			return refuseChunk
		}
		d.left = d.left<<4 | int64(unhex(b))
		d.state = chunkDigits
	case d.state == chunkSize:
		return refuseChunk
	case b == ';':
		d.state = chunkExtension
	case b == '\r':
		d.state = chunkSizeLF
	default:
		return refuseChunk
	}
	return nil
}

func (d *chunks) trailer(b byte, c *Config) *refusal {
	switch d.state {
	case trailerStart:
		if b == '\r' {
			d.state = chunksEndLF
			return nil
		}
		if d.fields++; d.fields > c.MaxFields {
			return refuseExtensions
		}
		d.state = trailerName
		if classOf[b]&inToken == 0 {
			return refuseTrailer
		}
	case trailerName:
		if b == ':' {
			d.state = trailerValue
		} else if classOf[b]&inToken == 0 {
			return refuseTrailer
		}
	case trailerValue:
		if b == '\r' {
			d.state = trailerLF
		} else if classOf[b]&inValue == 0 {
			return refuseTrailer
		}
	case trailerLF:
		d.state = trailerStart
		d.text = append(d.text, '\n')
		return expect(b, '\n', refuseTrailer)
	case chunksEndLF:
		d.state = chunksEnd
		return expect(b, '\n', refuseTrailer)
	}
	if d.state != trailerLF {
		d.text = append(d.text, b)
	}
	return d.count(c)
}

// trailers returns the fields behind the last chunk, but those that have no place there.
func (d *chunks) trailers() (fields []Field) {
	for line := range bytes.SplitSeq(d.text, []byte{'\n'}) {
		name, value, ok := bytes.Cut(line, []byte{':'})
		if ok && trailing(name) {
			fields = append(fields, Field{name, trim(value)})
		}
	}
	return fields
}

func (d *chunks) count(c *Config) *refusal {
	if d.extra++; d.extra > c.MaxTrailers {
		return refuseExtensions
	}
	return nil
}

func expect(got, want byte, otherwise *refusal) *refusal {
	if got != want {
		return otherwise
	}
	return nil
}

func unhex(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b | 0x20 - 'a' + 10
}
