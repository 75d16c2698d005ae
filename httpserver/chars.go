// chars.go knows which byte may stand where. One table serves the parser, which refuses what a client may not send, and the
// answers, which refuse what a handler may not send.

package httpserver

import "encoding/binary"

// The classes of a byte.
const (
	inToken  = 1 << iota // a method or a field name
	inValue              // a field value
	inTarget             // a request target
	inHost               // a registered name, percent signs included
	inHex                // a hexadecimal digit
)

var classOf = func() (table [256]uint8) {
	mark := func(class uint8, chars string) {
		for i := range len(chars) {
			table[chars[i]] |= class
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const digits = "0123456789"
	mark(inToken, letters+digits+"!#$%&'*+-.^_`|~")
	mark(inHost, letters+digits+"-._~!$&'()*+,;=%")
	mark(inHex, digits+"abcdefABCDEF")
	mark(inValue, "\t ")
	for c := range 256 {
		if c > ' ' && c != 0x7f {
			table[c] |= inValue
			// Raw UTF-8 and brackets are no valid target either, but browsers send them. A fragment is different: two
			// servers on one path would disagree on where the path ends.
			if c != '#' {
				table[c] |= inTarget
			}
		}
	}
	return table
}()

// all reports whether each byte of p is of the class.
func all(p []byte, class uint8) bool {
	for _, c := range p {
		if classOf[c]&class == 0 {
			return false
		}
	}
	return true
}

func token(p []byte) bool { return len(p) > 0 && all(p, inToken) }

// plainText reports whether p holds no control character but tabs. It looks at eight bytes at a time, since field values
// are most of what a request is made of: those of a browser take less than half of the time they take through
// the table (BenchmarkPlainText: 80 ns and 190 ns).
func plainText(p []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for len(p) >= 8 {
		w := binary.LittleEndian.Uint64(p)
		del := w ^ 0x7f*ones
		if ((w-' '*ones)&^w|(del-ones)&^del)&high != 0 && !all(p[:8], inValue) {
			return false
		}
		p = p[8:]
	}
	return all(p, inValue)
}

// trim returns p without spaces and tabs at both ends.
func trim(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	for len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t') {
		p = p[:len(p)-1]
	}
	return p
}

// same reports whether p is s in any case. s must be made of lower case letters, digits and dashes: only then does setting
// one bit fold the case and nothing else.
func same(p []byte, s string) bool {
	if len(p) != len(s) {
		return false
	}
	for i, c := range p {
		if c != s[i] && (c|0x20 != s[i] || c < 'A') {
			return false
		}
	}
	return true
}

// number reads p as decimal digits and nothing else.
func number(p []byte) (n int64, ok bool) {
	if len(p) == 0 {
		return 0, false
	}
	for _, c := range p {
		if c < '0' || c > '9' || n > (1<<63-1-9)/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
