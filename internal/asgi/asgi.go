// Package asgi speaks ASGI 3 (spec 2.5, http) with the lane: it writes scopes and
// reads the messages that an application sends. Stop 3 of 5: requests come from
// serve.go by way of the HTTP engine and go on over internal/py/lane.go to
// python/puff/_asgi.py.
package asgi

import (
	"bytes"
	"net/netip"
	"unicode/utf8"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
)

// Config says what each scope holds besides the request.
type Config struct {
	RootPath string // without a slash at its end
	// WebSocket makes connections of requests that ask for one; nil: there are none.
	WebSocket *WebSocket
}

// Protocol implements relay.Protocol.
type Protocol struct {
	config  Config
	defined bool
	keys    uint16          // the first of the shared values
	scopes  relay.Templates // by the address a request came to
	scratch []byte
	fields  []httpserver.Field
	answer  httpserver.Head // kept: one per answer would be garbage
	sockets relay.Templates // of the scopes of WebSockets
	message []byte          // of a WebSocket, either way
}

// New returns the protocol of one Side.
func New(c Config) *Protocol {
	p := &Protocol{config: c}
	p.scopes.Build = p.template
	p.sockets.Build = p.socketTemplate
	return p
}

// Shared values: the names of known fields as bytes come first, in their order.
const (
	keyMethod = iota
	keyPath
	keyRawPath
	keyQuery
	keyHeaders
	keyClient
	keyASGI
	keyExtensions
	keyVersion
	keyScheme
	keyBody
	keyMore
	keyTLS
	valueGet
	valuePost
	valueVersion10
	valueVersion2
	valueHTTPS
	valueRoot
	valueRootRaw
	valueASGI
	valueExtensions
	valueRequest
	keySubprotocols
	keyText
	keyBytes
	keyCode
	keyReason
	valueWSS
	valueSocketExtensions
	valueConnect
	valueReceive
	valueDisconnect
	ownValues
)

var ownNames = [ownValues]any{
	keyMethod: "method", keyPath: "path", keyRawPath: "raw_path", keyQuery: "query_string", keyHeaders: "headers",
	keyClient: "client", keyASGI: "asgi", keyExtensions: "extensions", keyVersion: "http_version", keyScheme: "scheme",
	keyBody: "body", keyMore: "more_body", keyTLS: "tls",
	valueGet: "GET", valuePost: "POST", valueVersion10: "1.0", valueVersion2: "2", valueHTTPS: "https",
	valueRoot: "/", valueRootRaw: []byte("/"),
	valueASGI: py.Dict{{"version", "3.0"}, {"spec_version", "2.5"}},
	valueExtensions: py.Dict{
		{"http.response.pathsend", py.Dict{}}, {"http.response.early_hint", py.Dict{}}, {"http.response.trailers", py.Dict{}},
	},
	valueRequest: py.Dict{{"type", "http.request"}, {"body", []byte{}}, {"more_body", false}},

	keySubprotocols: "subprotocols", keyText: "text", keyBytes: "bytes", keyCode: "code", keyReason: "reason",
	valueWSS:              "wss",
	valueSocketExtensions: py.Dict{{"websocket.http.response", py.Dict{}}},
	valueConnect:          py.Dict{{"type", "websocket.connect"}},
	valueReceive:          py.Dict{{"type", "websocket.receive"}},
	valueDisconnect:       py.Dict{{"type", "websocket.disconnect"}, {"code", 1006}, {"reason", ""}},
}

func (p *Protocol) define(s *relay.Side) {
	p.defined = true
	p.keys = relay.NewIDs(len(relay.Names) + ownValues)
	for i, n := range relay.Names {
		s.Port.Define(p.keys+uint16(i), []byte(n))
	}
	for i, v := range ownNames {
		s.Port.Define(p.own(i), v)
	}
}

func (p *Protocol) own(key int) uint16 { return p.keys + uint16(len(relay.Names)+key) }

// template makes what the scopes of requests to the address local have in common.
func (p *Protocol) template(local netip.AddrPort) py.Dict {
	var server any
	if local.IsValid() {
		server = py.Tuple{local.Addr().Unmap().String(), int(local.Port())}
	}
	return py.Dict{
		{"type", "http"},
		{"asgi", nil}, // each scope has one of its own: programs write to it
		{"http_version", "1.1"},
		{"server", server},
		{"client", nil},
		{"scheme", "http"},
		{"root_path", p.config.RootPath},
		{"query_string", []byte{}},
	}
}

// Encode implements relay.Protocol: a tuple of the scope and the first message, None
// for a body that is still on its way.
func (p *Protocol) Encode(s *relay.Side, b []byte, x *httpserver.Exchange) []byte {
	if !p.defined {
		p.define(s)
	}
	b = py.AppendHead(b, py.TagTuple, 2)
	b = py.AppendCopy(b, p.scopes.Number(s, x.Local), 0)
	count := len(b) - 4 // of the pairs: known at the end
	n := 0
	key := func(k int) {
		n++
		b = py.AppendKey(b, p.own(k))
	}
	key(keyASGI)
	b = py.AppendCopy(b, p.own(valueASGI), 0)
	key(keyExtensions)
	if x.TLS == nil {
		b = py.AppendCopy(b, p.own(valueExtensions), 0)
	} else {
		b = append(py.AppendKey(py.AppendCopy(b, p.own(valueExtensions), 1), p.own(keyTLS)), extension(x.TLS)...)
	}
	key(keyMethod)
	switch string(x.Method) {
	case "GET":
		b = py.AppendKey(b, p.own(valueGet))
	case "POST":
		b = py.AppendKey(b, p.own(valuePost))
	default:
		b = py.AppendText(b, py.TagLatin1, x.Method)
	}
	switch {
	case x.Major == 2:
		key(keyVersion)
		b = py.AppendKey(b, p.own(valueVersion2))
	case x.Minor == 0:
		key(keyVersion)
		b = py.AppendKey(b, p.own(valueVersion10))
	}
	if x.Scheme == "https" {
		key(keyScheme)
		b = py.AppendKey(b, p.own(valueHTTPS))
	}
	b, more := p.appendTarget(b, x)
	n += more
	b[count], b[count+1], b[count+2], b[count+3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	switch {
	case !x.Complete:
		return append(b, byte(py.TagNone))
	case len(x.Body) == 0:
		return py.AppendCopy(b, p.own(valueRequest), 0)
	}
	b = py.AppendKey(py.AppendCopy(b, p.own(valueRequest), 1), p.own(keyBody))
	return py.AppendText(b, py.TagBytes, x.Body)
}

// appendTarget appends the pairs that every kind of scope has of a request, and returns
// how many.
func (p *Protocol) appendTarget(b []byte, x *httpserver.Exchange) (_ []byte, n int) {
	rooted := p.rooted(x.Path)
	b = p.appendPath(py.AppendKey(b, p.own(keyPath)), x.Path, rooted)
	b = py.AppendKey(b, p.own(keyRawPath))
	if len(rooted) == 0 && len(x.Path) == 1 && x.Path[0] == '/' {
		b = py.AppendKey(b, p.own(valueRootRaw))
	} else {
		b = py.AppendHead(b, py.TagBytes, len(rooted)+len(x.Path))
		b = append(append(b, rooted...), x.Path...)
	}
	b = p.appendFields(py.AppendKey(b, p.own(keyHeaders)), x.Fields)
	n = 3
	if len(x.Query) > 0 {
		n++
		b = py.AppendText(py.AppendKey(b, p.own(keyQuery)), py.TagBytes, x.Query)
	}
	if x.Remote.IsValid() {
		n++
		b = relay.AppendAddr(py.AppendHead(py.AppendKey(b, p.own(keyClient)), py.TagTuple, 2), x.Remote.Addr())
		b = py.AppendInt(b, int64(x.Remote.Port()))
	}
	return b, n
}

// rooted returns what comes before the path: the root path, unless the proxy has left
// it there.
func (p *Protocol) rooted(path []byte) string {
	root := p.config.RootPath
	if rest, ok := bytes.CutPrefix(path, []byte(root)); ok && (len(rest) == 0 || rest[0] == '/') {
		return ""
	}
	return root
}

// appendPath appends the path as text: percent-encoding undone, read as UTF-8, what is
// none replaced.
func (p *Protocol) appendPath(b, path []byte, rooted string) []byte {
	if len(rooted) == 0 && len(path) == 1 && path[0] == '/' {
		return py.AppendKey(b, p.own(valueRoot))
	}
	if bytes.IndexByte(path, '%') >= 0 {
		p.scratch = relay.AppendDecoded(p.scratch[:0], path)
		path = p.scratch
	}
	if !utf8.Valid(path) {
		path = bytes.ToValidUTF8(path, []byte("\uFFFD"))
	}
	b = py.AppendHead(b, py.TagStr, len(rooted)+len(path))
	return append(append(b, rooted...), path...)
}

func (p *Protocol) appendFields(b []byte, fields []httpserver.Field) []byte {
	b = py.AppendHead(b, py.TagList, len(fields))
	for i := range fields {
		f := &fields[i]
		b = py.AppendHead(b, py.TagTuple, 2)
		if k := relay.Known(f.Name); k >= 0 {
			b = py.AppendKey(b, p.keys+uint16(k))
		} else {
			b = relay.AppendLower(py.AppendHead(b, py.TagBytes, len(f.Name)), f.Name)
		}
		b = py.AppendText(b, py.TagBytes, f.Value)
	}
	return b
}

// Body implements relay.Protocol: a message of type http.request.
func (p *Protocol) Body(b []byte, piece []byte, last bool) []byte {
	b = py.AppendKey(py.AppendCopy(b, p.own(valueRequest), 2), p.own(keyBody))
	b = py.AppendKey(py.AppendText(b, py.TagBytes, piece), p.own(keyMore))
	if last {
		return append(b, byte(py.TagFalse))
	}
	return append(b, byte(py.TagTrue))
}

var _ relay.Protocol = (*Protocol)(nil)
