package forwarded

// The two ways to write down what proxies say.

import (
	"bytes"

	"github.com/puffstack/puff/httpserver"
)

// legacy reads the X-Forwarded fields. It returns nil if there are none. A list of schemes or
// hosts as long as that of addresses goes with it, one by one; of any other the last is meant,
// which the nearest proxy has written.
func legacy(fields []httpserver.Field) []hop {
	var lists [3][][]byte
	for i := range fields {
		f := &fields[i]
		switch {
		case is(f.Name, "x-forwarded-for"):
			lists[0] = split(lists[0], f.Value)
		case is(f.Name, "x-forwarded-proto"):
			lists[1] = split(lists[1], f.Value)
		case is(f.Name, "x-forwarded-host"):
			lists[2] = split(lists[2], f.Value)
		}
	}
	from, proto, host := lists[0], lists[1], lists[2]
	if len(from)+len(proto)+len(host) == 0 {
		return nil
	}
	hops := make([]hop, max(len(from), 1))
	for i := range hops {
		if i < len(from) {
			hops[i].from = from[i]
		}
		hops[i].proto, hops[i].host = matching(proto, i, len(hops)), matching(host, i, len(hops))
	}
	return hops
}

func matching(list [][]byte, i, n int) []byte {
	switch len(list) {
	case 0:
		return nil
	case n:
		return list[i]
	}
	return list[len(list)-1]
}

// split appends the members of a list, of which empty ones do not count (RFC 9110, 5.6.1).
func split(list [][]byte, value []byte) [][]byte {
	for member := range bytes.SplitSeq(value, []byte{','}) {
		if member = bytes.Trim(member, " \t"); len(member) > 0 {
			list = append(list, member)
		}
	}
	return list
}

// standard reads the Forwarded fields. A field that is malformed counts as a proxy that says
// nothing: what stands left of it is not believed.
func standard(fields []httpserver.Field) (hops []hop) {
	for i := range fields {
		if !is(fields[i].Name, "forwarded") {
			continue
		}
		n := len(hops)
		ok := false
		if hops, ok = elements(hops, fields[i].Value); !ok {
			hops = append(hops[:n], hop{})
		}
	}
	return hops
}

// elements appends what one Forwarded field says (RFC 7239, section 4).
func elements(hops []hop, b []byte) ([]hop, bool) {
	p := parser{b}
	for {
		p.space()
		h, empty, ok := p.element()
		if !ok {
			return hops, false
		}
		if !empty {
			hops = append(hops, h)
		}
		switch p.next() {
		case 0:
			return hops, true
		case ',':
		default:
			return hops, false
		}
	}
}

// parser reads what is left of a field.
type parser struct{ b []byte }

// next takes one byte; 0: there is none.
func (p *parser) next() byte {
	if len(p.b) == 0 {
		return 0
	}
	c := p.b[0]
	p.b = p.b[1:]
	return c
}

func (p *parser) space() { p.b = bytes.TrimLeft(p.b, " \t") }

func (p *parser) at(c byte) bool { return len(p.b) > 0 && p.b[0] == c }

// element reads pairs up to a comma or the end. None may come twice.
func (p *parser) element() (h hop, empty, ok bool) {
	empty = true
	for len(p.b) > 0 && !p.at(',') {
		if p.at(';') {
			p.next()
			p.space()
			continue
		}
		name := p.token()
		if len(name) == 0 || p.next() != '=' {
			return h, false, false
		}
		value, ok := p.value()
		if !ok || !h.note(name, value) {
			return h, false, false
		}
		empty = false
		p.space()
		if len(p.b) > 0 && !p.at(',') && !p.at(';') {
			return h, false, false
		}
	}
	return h, empty, true
}

func (h *hop) note(name, value []byte) bool {
	for _, place := range []struct {
		name string
		to   *[]byte
	}{{"for", &h.from}, {"proto", &h.proto}, {"host", &h.host}} {
		if !is(name, place.name) {
			continue
		}
		if *place.to != nil {
			return false
		}
		*place.to = value
	}
	return true
}

// token reads the characters that need no quotes. Colons and brackets do, but some proxies leave
// them out.
func (p *parser) token() []byte {
	n := 0
	for n < len(p.b) && !bytes.ContainsRune([]byte(` "(),/;<=>?@\{}`+"\t"), rune(p.b[n])) {
		n++
	}
	t := p.b[:n:n]
	p.b = p.b[n:]
	return t
}

// value reads a token or a quoted string.
func (p *parser) value() ([]byte, bool) {
	if !p.at('"') {
		t := p.token()
		return t, len(t) > 0
	}
	p.next()
	v := []byte{}
	for {
		switch c := p.next(); c {
		case 0:
			return nil, false
		case '"':
			return v, true
		case '\\':
			if c = p.next(); c == 0 {
				return nil, false
			}
			v = append(v, c)
		default:
			v = append(v, c)
		}
	}
}
