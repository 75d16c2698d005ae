package compression

// rules.go decides which answers are compressed, and what their heads say then.

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/negotiation"
)

// rules are what a request leaves of the question.
type rules struct {
	min    int64 // the shortest body
	forced bool  // the client refuses what is not compressed
}

// compressible reports whether the body of an answer may be compressed. length is that of the body if Content-Length does
// not say another, -1 if it is not known.
func (r *rules) compressible(h *httpserver.Head, length int64) bool {
	switch h.Status {
	case 204, 205, 206, 304:
		return false
	}
	kind := ""
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case negotiation.Same(f.Name, "content-encoding"), negotiation.Same(f.Name, "content-range"):
			return false
		case negotiation.Same(f.Name, "cache-control"):
			if bytes.Contains(bytes.ToLower(f.Value), []byte("no-transform")) {
				return false
			}
		case negotiation.Same(f.Name, "content-type"):
			kind = string(f.Value)
		}
	}
	if n, ok := lengthOf(h); ok {
		length = n
	}
	if r.forced {
		return length != 0
	}
	return gains(kind) && (length < 0 || length >= r.min)
}

// lengthOf returns the Content-Length.
func lengthOf(h *httpserver.Head) (int64, bool) {
	value := negotiation.Find(h.Fields, "content-length")
	if value == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil && n >= 0
}

// Types that gain, besides text of all kinds and what ends in +json, +xml or +text.
var gaining = []string{
	"application/javascript", "application/json", "application/ndjson", "application/x-ndjson", "application/jsonl",
	"application/x-javascript", "application/xml", "application/yaml", "application/toml", "application/sql", "application/wasm",
	"application/graphql", "application/rtf", "application/x-www-form-urlencoded", "application/x-tar",
	"application/vnd.ms-fontobject", "application/vnd.ms-excel", "application/msword", "application/x-font-ttf",
	"application/vnd.apple.mpegurl", "font/otf", "font/ttf", "font/sfnt", "font/collection",
	"image/bmp", "image/svg+xml", "image/vnd.microsoft.icon", "image/x-icon", "model/gltf+json",
}

// gains reports whether bodies of a media type become shorter.
func gains(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if strings.HasPrefix(kind, "text/") {
		return true
	}
	if _, suffix, ok := strings.Cut(kind, "+"); ok && (suffix == "json" || suffix == "xml" || suffix == "text") {
		return true
	}
	return slices.Contains(gaining, kind)
}

// dropped are fields that speak of the bytes that are not sent.
var dropped = []string{"content-length", "accept-ranges", "content-md5", "content-digest", "repr-digest", "digest"}

// encoded returns the head of a compressed answer. h is the handler's and stays as it is.
func encoded(h *httpserver.Head, coding string) *httpserver.Head {
	out := *h
	out.Fields = make([]httpserver.Field, 0, len(h.Fields)+2)
	for _, f := range h.Fields {
		if slices.ContainsFunc(dropped, func(name string) bool { return negotiation.Same(f.Name, name) }) {
			continue
		}
		if negotiation.Same(f.Name, "etag") && bytes.HasPrefix(f.Value, []byte(`"`)) {
			// The same thing in other bytes: a strong tag would promise the same bytes (RFC 9110, section 8.8.1).
			f.Value = append([]byte("W/"), f.Value...)
		}
		out.Fields = append(out.Fields, f)
	}
	out.Fields = append(out.Fields, httpserver.Field{Name: []byte("Content-Encoding"), Value: []byte(coding)})
	out.Fields = negotiation.Vary(out.Fields, "Accept-Encoding")
	return &out
}

// vary returns the head of an answer that others would get compressed.
func vary(h *httpserver.Head) *httpserver.Head {
	out := *h
	out.Fields = negotiation.Vary(slices.Clip(slices.Clone(h.Fields)), "Accept-Encoding")
	return &out
}
