package bind

// Answers of the HTTP client as Python gets them, written straight from what was read.

import (
	"io"

	"github.com/puffstack/puff/httpclient"
	"github.com/puffstack/puff/internal/py"
)

// httpAnswer is a head with its body: (status, version, URL, fields, cookies, history, body).
type httpAnswer struct {
	response *httpclient.Response
	body     []byte
}

func (a *httpAnswer) AppendValue(b []byte) ([]byte, error) {
	return py.AppendText(appendHead(b, a.response, 1), py.TagBytes, a.body), nil
}

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
	b = appendFields(appendFields(b, r.Fields), r.Cookies)
	b = py.AppendHead(b, py.TagList, len(r.History))
	for _, hop := range r.History {
		b = py.AppendInt(py.AppendHead(b, py.TagTuple, 3), int64(hop.Status))
		b = appendFields(appendStr(b, hop.URL), hop.Fields)
	}
	return b
}

// appendFields appends a list of (name, value), the values as bytes.
func appendFields(b []byte, fields []httpclient.Field) []byte {
	b = py.AppendHead(b, py.TagList, len(fields))
	for _, f := range fields {
		b = appendStr(py.AppendHead(b, py.TagTuple, 2), f.Name)
		b = py.AppendText(b, py.TagBytes, f.Value)
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

// readAll reads a body that is handed over in one piece, of length bytes; -1: nobody knows.
func readAll(r *httpclient.Response, length int64) ([]byte, error) {
	if 0 <= length && length <= min(maxAtOnce, r.MaxBody) {
		body := make([]byte, length)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	return r.All()
}

// maxAtOnce is the most bytes for which there is memory before they have come.
const maxAtOnce = 1 << 20
