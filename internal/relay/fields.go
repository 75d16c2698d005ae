package relay

import (
	"net/netip"
	"strconv"
	"sync/atomic"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
)

// Names are the field names that programs meet every day, in lower case. Each is made
// once in Python; a request only points at it. The order is a protocol's numbering.
var Names = []string{
	"host", "user-agent", "accept", "accept-language", "accept-encoding", "connection", "cookie", "referer",
	"cache-control", "upgrade-insecure-requests", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user",
	"content-type", "content-length", "origin", "authorization", "if-none-match", "if-modified-since", "range", "pragma",
	"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "x-request-id",
	"x-requested-with", "x-csrf-token", "x-api-key", "x-csrftoken", "forwarded", "via", "dnt", "te", "expect", "date",
	"traceparent", "tracestate", "baggage", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-gpc", "priority",
	"accept-charset", "if-match", "if-unmodified-since", "if-range", "transfer-encoding", "trailer", "upgrade",
	"proxy-authorization", "x-http-method-override", "last-event-id", "keep-alive", "content-encoding",
	"content-language", "content-disposition", "access-control-request-method", "access-control-request-headers",
}

// nameIndex finds a name by a hash of its length and two of its letters: index + 1,
// at most a few to compare.
var nameIndex = func() (index [512][]uint8) {
	for i, n := range Names {
		h := nameHash([]byte(n))
		index[h] = append(index[h], uint8(i+1))
	}
	return index
}()

func nameHash(n []byte) uint32 {
	first, middle, last := lower[n[0]], lower[n[len(n)/2]], lower[n[len(n)-1]]
	return (uint32(len(n))*59 + uint32(first)*7 + uint32(middle)*31 + uint32(last)*3) & 511
}

var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

// Known returns the place of a field name in [Names], in any case, or -1.
func Known(name []byte) int {
	if len(name) == 0 {
		return -1
	}
	for _, i := range nameIndex[nameHash(name)] {
		if SameName(name, Names[i-1]) {
			return int(i - 1)
		}
	}
	return -1
}

// SameName reports whether name, in any case, is the lower-case name known.
func SameName(name []byte, known string) bool {
	if len(name) != len(known) {
		return false
	}
	for i, c := range name {
		if lower[c] != known[i] {
			return false
		}
	}
	return true
}

// ContentLength returns the Content-Length among fields; false: none that is a length.
func ContentLength(fields []httpserver.Field) (int64, bool) {
	for i := range fields {
		if SameName(fields[i].Name, "content-length") {
			n, err := strconv.ParseInt(string(fields[i].Value), 10, 64)
			return n, err == nil && n >= 0
		}
	}
	return 0, false
}

// AppendAddr appends an IP address as text.
func AppendAddr(b []byte, a netip.Addr) []byte {
	b = py.AppendHead(b, py.TagLatin1, 0)
	at := len(b)
	b = a.Unmap().AppendTo(b)
	b[at-4] = byte(len(b) - at)
	return b
}

// AppendLower appends name in lower case.
func AppendLower(b, name []byte) []byte {
	for _, c := range name {
		b = append(b, lower[c])
	}
	return b
}

// AppendDecoded appends a path with its percent-encoding undone. What is no encoding
// stays as it is.
func AppendDecoded(b, path []byte) []byte {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) {
			if hi, lo := unhex[path[i+1]], unhex[path[i+2]]; hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, c)
	}
	return b
}

var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range 10 {
		t['0'+i] = byte(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = byte(10+i), byte(10+i)
	}
	return t
}()

// ids numbers what is defined in Python: one sequence for the process.
var ids atomic.Uint32

// NewIDs returns the first of n numbers that nobody has.
func NewIDs(n int) uint16 {
	last := ids.Add(uint32(n))
	if last > 1<<16-1 {
		panic("more values are defined in Python than there are numbers")
	}
	return uint16(last - uint32(n) + 1)
}
