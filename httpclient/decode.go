// decode.go reads the body of an answer: it undoes Content-Encoding and says why a body ends early.

package httpclient

import (
	"bufio"
	"compress/zlib"
	"context"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const acceptEncoding = "gzip, br, zstd, deflate"

// maxWindow bounds what a body in zstd can make the decoder hold (RFC 8878, section 3.1.1.1.2: 8 MiB is what all support).
const maxWindow = 8 << 20

// decoders opens a body by its Content-Encoding. It is never changed.
var decoders = map[string]func(io.Reader) (io.ReadCloser, error){
	"gzip":    func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
	"x-gzip":  func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
	"br":      func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(brotli.NewReader(r)), nil },
	"deflate": zlib.NewReader,
	"zstd": func(r io.Reader) (io.ReadCloser, error) {
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	},
}

func newResponse(ctx context.Context, answer *http.Response, history []Hop, cancel context.CancelFunc) *Response {
	r := &Response{
		Status: answer.StatusCode, Version: answer.Proto, URL: answer.Request.URL.Redacted(), History: history,
	}
	for _, c := range answer.Cookies() {
		r.Cookies = append(r.Cookies, Field{c.Name, c.Value})
	}
	b := &body{ctx: ctx, url: r.URL, raw: answer.Body}
	coding := strings.ToLower(strings.TrimSpace(answer.Header.Get("Content-Encoding")))
	b.open = decoders[coding]
	hasBody := answer.Request.Method != http.MethodHead && answer.ContentLength != 0
	r.Length = answer.ContentLength
	if b.open != nil || answer.Request.Method == http.MethodHead {
		r.Length = -1
	}
	r.Fields = Fields{answer.Header, b.open != nil && hasBody}
	r.Body = b
	r.close = func() {
		b.close()
		cancel()
	}
	return r
}

// Fields are those of a head, as they were read.
type Fields struct {
	header  http.Header
	decoded bool // leave out what no longer fits the body
}

// All yields names, in lower case, and values by the order of names; those of one name as they came. No value has a line
// feed in it.
func (f Fields) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		names := make([]string, 0, 16)
		for name := range f.header {
			if !f.decoded || name != "Content-Encoding" && name != "Content-Length" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			lower := lowered[name]
			if lower == "" {
				lower = strings.ToLower(name)
			}
			for _, v := range f.header[name] {
				if !yield(lower, v) {
					return
				}
			}
		}
	}
}

// lowered are the names that most answers have, in lower case. It is never changed.
var lowered = map[string]string{
	"Cache-Control": "cache-control", "Connection": "connection", "Content-Encoding": "content-encoding",
	"Content-Length": "content-length", "Content-Type": "content-type", "Date": "date", "Etag": "etag",
	"Expires": "expires", "Last-Modified": "last-modified", "Server": "server", "Set-Cookie": "set-cookie",
	"Transfer-Encoding": "transfer-encoding", "Vary": "vary", "X-Request-Id": "x-request-id",
}

// body is the content of an answer.
type body struct {
	ctx     context.Context
	url     string
	raw     io.ReadCloser
	open    func(io.Reader) (io.ReadCloser, error) // nil: the body is as it is
	decoded io.ReadCloser
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.read(p)
	if err != nil && err != io.EOF {
		err = classify(b.ctx, "read the answer of", b.url, err)
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	if b.open == nil {
		return b.raw.Read(p)
	}
	if b.decoded == nil {
		// An empty body is no broken one: answers to HEAD and 304 say how the body would be coded.
		in := bufio.NewReader(b.raw)
		if _, err := in.Peek(1); err != nil {
			return 0, err
		}
		decoded, err := b.open(in)
		if err != nil {
			return 0, err
		}
		b.decoded = decoded
	}
	return b.decoded.Read(p)
}

func (b *body) close() {
	if b.decoded != nil {
		b.decoded.Close()
	}
	b.raw.Close()
}
