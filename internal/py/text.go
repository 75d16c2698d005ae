package py

// Text: a str of Python may hold lone surrogates, a string of Go any bytes. A byte
// that is no UTF-8 is in Python what its own os.fsdecode makes of it, U+DC80 to U+DCFF,
// and the same byte again in Go: so names of files survive the way in both directions.
// Other lone surrogates are three bytes in Go, as in the encoding.

import (
	"encoding/binary"
	"unicode/utf8"
)

const (
	escapes    = 0xDC00 // plus the byte
	escapedMin = 0xDC80
	escapedMax = 0xDCFF
)

// appendString appends s as a str.
func appendString(b []byte, s string) []byte {
	if utf8.ValidString(s) {
		return AppendText(b, TagStr, s)
	}
	b = AppendHead(b, TagStr, 0)
	start := len(b)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			if c, ok := surrogate(s); ok && (c < escapedMin || c > escapedMax) {
				n = 3
			} else {
				b = appendSurrogate(b, escapes+rune(s[0]))
				s = s[1:]
				continue
			}
		}
		b = append(b, s[:n]...)
		s = s[n:]
	}
	binary.LittleEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	return b
}

// decodeText returns a str as a string, and whether it is one.
func decodeText(b []byte) (string, bool) {
	if utf8.Valid(b) {
		return string(b), true
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			c, ok := surrogate(b)
			if !ok {
				return "", false
			}
			n = 3
			if c >= escapedMin && c <= escapedMax {
				out = append(out, byte(c-escapes))
				b = b[n:]
				continue
			}
		}
		out = append(out, b[:n]...)
		b = b[n:]
	}
	return string(out), true
}

// surrogate reads the three bytes that UTF-8 would have for a surrogate, if it had one.
func surrogate[T string | []byte](s T) (rune, bool) {
	if len(s) < 3 || s[0] != 0xED || s[1]&0xE0 != 0xA0 || s[2]&0xC0 != 0x80 {
		return 0, false
	}
	return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), true
}

func appendSurrogate(b []byte, r rune) []byte {
	return append(b, 0xED, byte(0x80|r>>6&0x3F), byte(0x80|r&0x3F))
}

// isDecimal reports whether decimal.Decimal reads s as Go means it.
func isDecimal(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	switch s {
	case "Infinity", "Inf":
		return true
	}
	for _, name := range []string{"NaN", "sNaN"} {
		if len(s) >= len(name) && s[:len(name)] == name {
			n := digits(s[len(name):])
			return n+len(name) == len(s) && n < 18
		}
	}
	whole := digits(s)
	s = s[whole:]
	fraction := 0
	if s != "" && s[0] == '.' {
		fraction = digits(s[1:])
		s = s[1+fraction:]
	}
	if whole+fraction == 0 || s == "" {
		return whole+fraction > 0
	}
	if s[0] != 'E' && s[0] != 'e' {
		return false
	}
	if s = s[1:]; s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	// 17 digits: the exponents of Python's own have 18.
	return s != "" && digits(s) == len(s) && len(s) <= 17
}

// digits counts the digits that s begins with.
func digits(s string) (n int) {
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
