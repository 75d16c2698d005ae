package relay

import (
	"errors"
	"unicode/utf8"
)

var errLatin1 = errors.New("a character of a field is not in ISO 8859-1")

// Latin1 returns text, which is UTF-8, as ISO 8859-1: the bytes that PEP 3333 means
// by a str. ASCII, which is nearly all there is, comes back as it is.
func Latin1(text []byte) ([]byte, error) {
	for i, c := range text {
		if c >= utf8.RuneSelf {
			return latin1(text, i)
		}
	}
	return text, nil
}

func latin1(text []byte, ascii int) ([]byte, error) {
	out := append(make([]byte, 0, len(text)), text[:ascii]...)
	for rest := text[ascii:]; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r > 0xff || r == utf8.RuneError && n < 2 {
			return nil, errLatin1
		}
		out = append(out, byte(r))
		rest = rest[n:]
	}
	return out, nil
}
