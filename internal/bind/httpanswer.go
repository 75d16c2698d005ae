package bind

// Answers of the HTTP client as Python gets them, written straight from what was read:
// (status, version, URL, fields, cookies, history), and the body or the number of a stream.
// Fields are one piece of bytes, "name:value\n" for each: most are never looked at, and
// _http_response.py takes apart those that are. No cookies and no history are None.

import (
	"encoding/binary"
	"io"
	"slices"

	"github.com/puffstack/puff/httpclient"
	"github.com/puffstack/puff/internal/py"
)

// httpAnswer reads the body of r and returns head and body.
func httpAnswer(r *httpclient.Response) (py.Raw, error) {
	const roomForHead = 512
	length := r.Length
	if length < 0 || length > min(maxAtOnce, r.MaxBody) {
		body, err := r.All()
		if err != nil {
			return nil, err
		}
		b := make([]byte, 0, roomForHead+len(body))
		return py.AppendText(appendHead(b, r, 1), py.TagBytes, body), nil
	}
	b := make([]byte, 0, roomForHead+length)
	b = py.AppendHead(appendHead(b, r, 1), py.TagBytes, int(length))
	b = slices.Grow(b, int(length))
	at := len(b)
	b = b[:at+int(length)]
	_, err := io.ReadFull(r.Body, b[at:])
	return b, err
}

// maxAtOnce is the most bytes for which there is memory before they have come.
const maxAtOnce = 1 << 20

// httpHead is a head, with the number of its stream unless that is 0.
type httpHead struct {
	response *httpclient.Response
	stream   int64
}

func (h *httpHead) AppendValue(b []byte) ([]byte, error) {
	if h.stream == 0 {
		return appendHead(b, h.response, 0), nil
	}
	return py.AppendInt(appendHead(b, h.response, 1), h.stream), nil
}

// appendHead appends a tuple of the head, which more values belong to.
func appendHead(b []byte, r *httpclient.Response, more int) []byte {
	b = py.AppendHead(b, py.TagTuple, 6+more)
	b = py.AppendInt(b, int64(r.Status))
	b = appendStr(appendStr(b, r.Version), r.URL)
	return appendHistory(appendCookies(appendFields(b, r.Fields), r.Cookies), r.History)
}

// appendFields appends the fields of a head.
func appendFields(b []byte, fields httpclient.Fields) []byte {
	b = py.AppendHead(b, py.TagBytes, 0)
	at := len(b)
	for name, value := range fields.All() {
		b = append(append(b, name...), ':')
		b = append(append(b, value...), '\n')
	}
	binary.LittleEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	return b
}

func appendCookies(b []byte, cookies []httpclient.Field) []byte {
	if len(cookies) == 0 {
		return py.AppendNone(b)
	}
	b = py.AppendHead(b, py.TagList, len(cookies))
	for _, k := range cookies {
		b = appendStr(py.AppendHead(b, py.TagTuple, 2), k.Name)
		b = py.AppendText(b, py.TagBytes, k.Value)
	}
	return b
}

// appendHistory appends a list of (status, URL, fields).
func appendHistory(b []byte, hops []httpclient.Hop) []byte {
	if len(hops) == 0 {
		return py.AppendNone(b)
	}
	b = py.AppendHead(b, py.TagList, len(hops))
	for _, hop := range hops {
		b = py.AppendInt(py.AppendHead(b, py.TagTuple, 3), int64(hop.Status))
		b = appendFields(appendStr(b, hop.URL), hop.Fields)
	}
	return b
}

// appendStr appends a str, of any bytes.
func appendStr(b []byte, s string) []byte {
	if b, ok := py.AppendUTF8(b, s); ok {
		return b
	}
	b, _ = py.Append(b, s) // of a string there is no error but of its size, which a head has not
	return b
}
