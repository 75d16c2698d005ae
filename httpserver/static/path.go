package static

// path.go turns the path of a request into a name below a folder. What is not plainly such a name is none: there is nothing
// to gain from guessing what a client meant by "..".

import (
	"bytes"
	"strings"
)

// maxPath is longer than any name that a file system takes.
const maxPath = 4 << 10

// decode undoes the percent-encoding of a path. It refuses what could pass for something else: encoded slashes, backslashes,
// control characters, and encodings that are none.
func decode(path []byte) (string, bool) {
	if len(path) > maxPath {
		return "", false
	}
	for _, c := range path {
		if c == '\\' || c < ' ' || c == 0x7f {
			return "", false
		}
	}
	if bytes.IndexByte(path, '%') < 0 {
		return string(path), true
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) {
				return "", false
			}
			hi, lo := unhex(path[i+1]), unhex(path[i+2])
			if hi > 15 || lo > 15 {
				return "", false
			}
			c = hi<<4 | lo
			i += 2
			if c == '/' || c == '\\' || c < ' ' || c == 0x7f {
				return "", false
			}
		}
		out = append(out, c)
	}
	return string(out), true
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// clean returns the name that rest, what follows the URL of a mount, has below its folder; "." is the folder itself. folder
// says that rest names a folder. Segments that are empty or begin with a dot name nothing, /.well-known at the top excepted
// (RFC 8615).
func clean(rest string) (name string, folder, ok bool) {
	if rest == "" {
		return ".", false, true
	}
	if rest == "/" {
		return ".", true, true
	}
	name, folder = strings.CutSuffix(rest[1:], "/")
	first := true
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment[0] == '.' && !(first && segment == ".well-known") {
			return "", false, false
		}
		first = false
	}
	return name, folder, true
}
