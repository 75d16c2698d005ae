// parse.go reads the head of a request, in place. Next: target.go for the forms of a target, framing.go for what the fields
// say about the body.

package httpserver

import "bytes"

// scan is how far the reading of one head has come. The head may arrive in any number of pieces; a line is looked at when it
// is complete, once, and a bad line is refused without waiting for the rest.
type scan struct {
	pos     int // where the current line begins
	seen    int // no line ends before it
	fields  int
	started bool // the request line was read
	skipped bool // the one empty line before the request line was read
	resumed bool // an earlier call ran out of bytes, so fields of x may point into a buffer that is gone
}

// head reads b, which holds all that has arrived of the request, into x. It returns the length of the head, or 0 if there is
// more to come: then it is called again with more, at the same or another place, and the same x.
func (s *scan) head(b []byte, c *Config, x *Exchange) (int, *refusal) {
	for {
		i := bytes.IndexByte(b[s.seen:], '\n')
		if i < 0 {
			s.seen, s.resumed = len(b), true
			return 0, s.excess(len(b), c)
		}
		end := s.seen + i
		if end == s.pos || b[end-1] != '\r' {
			return 0, refuseBareLF
		}
		line := b[s.pos : end-1]
		s.pos, s.seen = end+1, end+1
		if s.pos > c.MaxHead && s.started {
			return 0, refuseLongHead
		}
		switch {
		case !s.started:
			if len(line) == 0 {
				if s.skipped {
					return 0, refuseEmptyLine
				}
				s.skipped = true
				continue
			}
			if len(line) > c.MaxRequestLine {
				return 0, refuseLongLine
			}
			if r := x.requestLine(line); r != nil {
				return 0, r
			}
			s.started = true
			x.Fields = x.Fields[:0]
			x.framing = framing{}
		case len(line) > 0:
			s.fields++
			if s.fields > c.MaxFields {
				return 0, refuseManyFields
			}
			if r := x.field(line); r != nil {
				return 0, r
			}
		case s.resumed:
			// Each line is good, but what x points to may have moved.
			*s = scan{}
		default:
			return s.pos, x.conclude(c)
		}
	}
}

// excess refuses a head of which n bytes are there and the current line has no end yet.
func (s *scan) excess(n int, c *Config) *refusal {
	switch {
	case !s.started && n-s.pos > c.MaxRequestLine+1:
		return refuseLongLine
	case s.started && n > c.MaxHead:
		return refuseLongHead
	}
	return nil
}

// requestLine reads "GET /path?query HTTP/1.1".
func (x *Exchange) requestLine(line []byte) *refusal {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok {
		return refuseLine
	}
	if !token(method) {
		return refuseMethod
	}
	target, version, ok := bytes.Cut(rest, []byte{' '})
	if !ok || len(target) == 0 {
		return refuseLine
	}
	minor, r := minorVersion(version)
	if r != nil {
		return r
	}
	if !all(target, inTarget) {
		return refuseTarget
	}
	x.Method, x.Target, x.Major, x.Minor = method, target, 1, minor
	x.Protocol, x.Trailers = nil, nil
	return x.splitTarget()
}

// minorVersion reads "HTTP/1.1". A client of a later 1.x is talked to in 1.1, the highest the engine knows.
func minorVersion(v []byte) (int, *refusal) {
	const form = "HTTP/1.1"
	if len(v) != len(form) || string(v[:5]) != form[:5] || v[6] != '.' || v[5]-'0' > 9 || v[7]-'0' > 9 {
		return 0, refuseLine
	}
	if v[5] != '1' {
		return 0, refuseVersion
	}
	return int(min(v[7]-'0', 1)), nil
}

// field reads "Name: value".
func (x *Exchange) field(line []byte) *refusal {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !all(line[:colon], inToken) {
		if line[0] == ' ' || line[0] == '\t' {
			return refuseFold
		}
		return refuseField
	}
	name, value := line[:colon], line[colon+1:]
	if !plainText(value) {
		return refuseValue
	}
	value = trim(value)
	x.Fields = append(x.Fields, Field{name, value})
	if len(name) < len(telling) {
		for _, t := range telling[len(name)] {
			if same(name, t.name) {
				return t.note(x, value)
			}
		}
	}
	return nil
}
