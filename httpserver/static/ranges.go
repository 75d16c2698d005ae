package static

// ranges.go is RFC 9110, section 14: parts of a file.

import (
	"strconv"
	"strings"
)

// maxRanges is how many ranges a request may ask for. Who wants more gets the whole file.
const maxRanges = 16

// span is a part of a file.
type span struct{ from, length int64 }

// contentRange is what Content-Range says of s within size bytes.
func (s span) contentRange(size int64) string {
	b := strconv.AppendInt([]byte("bytes "), s.from, 10)
	b = strconv.AppendInt(append(b, '-'), s.from+s.length-1, 10)
	return string(strconv.AppendInt(append(b, '/'), size, 10))
}

// readRanges reads the value of Range for a file of the given size. No spans with ok: the whole file is to be sent, since the
// field asks for nothing that makes sense, or for more than there is. Not ok: nothing of what it asks for exists (416).
func readRanges(value string, size int64) (spans []span, ok bool) {
	unit, list, found := strings.Cut(value, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return nil, true
	}
	var total int64
	asked := 0
	for text := range strings.SplitSeq(list, ",") {
		text = strings.Trim(text, " \t")
		if text == "" {
			continue
		}
		if asked++; asked > maxRanges {
			return nil, true
		}
		s, valid := readRange(text, size)
		if !valid {
			return nil, true
		}
		if s.length > 0 {
			spans = append(spans, s)
			total += s.length
		}
	}
	if asked == 0 || total > size || len(spans) > 1 && overlap(spans) {
		return nil, true
	}
	return spans, len(spans) > 0
}

// readRange reads one range. A length of 0: it lies behind the end.
func readRange(text string, size int64) (s span, valid bool) {
	first, last, found := strings.Cut(text, "-")
	if !found {
		return s, false
	}
	first, last = strings.Trim(first, " \t"), strings.Trim(last, " \t")
	if first == "" { // the last so many bytes
		n, ok := number(last)
		n = min(n, size)
		return span{size - n, n}, ok
	}
	from, ok := number(first)
	if !ok {
		return s, false
	}
	to := size - 1
	if last != "" {
		n, ok := number(last)
		if !ok || n < from {
			return s, false
		}
		to = min(to, n)
	}
	if from >= size {
		return s, true
	}
	return span{from, to - from + 1}, true
}

// overlap reports whether some bytes are asked for twice.
func overlap(spans []span) bool {
	for i, a := range spans {
		for _, b := range spans[:i] {
			if a.from < b.from+b.length && b.from < a.from+a.length {
				return true
			}
		}
	}
	return false
}

// number reads digits. What is too large is the largest number.
func number(text string) (int64, bool) {
	if text == "" {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, _ := strconv.ParseInt(text, 10, 64) // beyond the largest: the largest, with an error
	return n, true
}
