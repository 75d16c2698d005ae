package static

// parts.go is the frame of an answer that has several parts of a file (RFC 9110, section 14.6).

import (
	"crypto/rand"
	"strconv"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/negotiation"
)

// parts is what stands in front of each part and behind the last one.
type parts struct {
	fields []httpserver.Field // of the whole answer
	heads  []string
	end    string
}

// newParts frames spans of a file of the given size. The fields are those of the file: its type moves into the parts.
func newParts(fields []httpserver.Field, spans []span, size int64) parts {
	boundary := rand.Text()
	p := parts{end: "\r\n--" + boundary + "--\r\n"}
	kind := string(negotiation.Find(fields, "content-type"))
	for _, f := range fields {
		if negotiation.Same(f.Name, "content-type") {
			f.Value = []byte("multipart/byteranges; boundary=" + boundary)
		}
		p.fields = append(p.fields, f)
	}
	length := int64(len(p.end))
	before := "--"
	for _, s := range spans {
		head := before + boundary + "\r\nContent-Type: " + kind +
			"\r\nContent-Range: " + s.contentRange(size) + "\r\n\r\n"
		p.heads = append(p.heads, head)
		length += int64(len(head)) + s.length
		before = "\r\n--"
	}
	p.fields = append(p.fields, httpserver.Field{
		Name: []byte("Content-Length"), Value: strconv.AppendInt(nil, length, 10),
	})
	return p
}
