// Package wsgi speaks WSGI (PEP 3333) with the lane: it writes environs and reads
// answers. Stop 3 of 5: requests come from serve.go by way of the HTTP engine and go
// on over internal/py/lane.go to python/puff/_wsgi.py.
package wsgi

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
)

// Config says what each environ holds besides the request.
type Config struct {
	Errors      py.Handle // wsgi.errors
	FileWrapper py.Handle // wsgi.file_wrapper
	RootPath    string    // SCRIPT_NAME, without a slash at its end
	Software    string    // SERVER_SOFTWARE
}

// Protocol implements relay.Protocol.
type Protocol struct {
	config  Config
	defined bool
	keys    uint16          // the first of the shared keys
	environ relay.Templates // by the address a request came to
	fields  []httpserver.Field
	answer  httpserver.Head // kept: one per answer would be garbage
	rest    []item          // fields that are not known
	scratch []byte
}

// item is a field that has no place among the known ones, and where its like is.
type item struct {
	field httpserver.Field
	done  bool
}

// New returns the protocol of one Side.
func New(c Config) *Protocol {
	p := &Protocol{config: c}
	p.environ.Build = p.template
	return p
}

// Keys of the environ: those of the known fields come first, in their order.
const (
	keyMethod = iota
	keyPath
	keyQuery
	keyProtocol
	keyRemoteAddr
	keyRemotePort
	keyScheme
	keyScript
	valueGet
	valuePost
	valueHTTP10
	valueHTTP2
	valueHTTPS
	ownKeys
)

var ownNames = [ownKeys]string{
	keyMethod: "REQUEST_METHOD", keyPath: "PATH_INFO", keyQuery: "QUERY_STRING", keyProtocol: "SERVER_PROTOCOL",
	keyRemoteAddr: "REMOTE_ADDR", keyRemotePort: "REMOTE_PORT", keyScheme: "wsgi.url_scheme", keyScript: "SCRIPT_NAME",
	valueGet: "GET", valuePost: "POST", valueHTTP10: "HTTP/1.0", valueHTTP2: "HTTP/2", valueHTTPS: "https",
}

// variable is the environ's name for a field.
func variable(b []byte, name []byte) []byte {
	b = append(b, "HTTP_"...)
	for _, c := range name {
		switch {
		case c == '-':
			c = '_'
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

func (p *Protocol) define(s *relay.Side) {
	p.defined = true
	p.keys = relay.NewIDs(len(relay.Names) + ownKeys)
	for i, n := range relay.Names {
		name := string(variable(nil, []byte(n)))
		if n == "content-type" || n == "content-length" {
			name = name[len("HTTP_"):]
		}
		s.Port.Define(p.keys+uint16(i), name)
	}
	for i, n := range ownNames {
		s.Port.Define(p.own(i), n)
	}
}

func (p *Protocol) own(key int) uint16 { return p.keys + uint16(len(relay.Names)+key) }

// template makes what the environs of requests to the address local have in common.
func (p *Protocol) template(local netip.AddrPort) py.Dict {
	name, port := "localhost", ""
	if local.IsValid() {
		name, port = local.Addr().Unmap().String(), strconv.Itoa(int(local.Port()))
	}
	return py.Dict{
		{"wsgi.version", py.Tuple{1, 0}},
		{"wsgi.url_scheme", "http"},
		{"wsgi.errors", p.config.Errors},
		{"wsgi.multithread", false},
		{"wsgi.multiprocess", false},
		{"wsgi.run_once", false},
		{"wsgi.input_terminated", true},
		{"wsgi.file_wrapper", p.config.FileWrapper},
		{"SERVER_SOFTWARE", p.config.Software},
		{"SERVER_NAME", name},
		{"SERVER_PORT", port},
		{"SERVER_PROTOCOL", "HTTP/1.1"},
		{"SCRIPT_NAME", ""},
		{"QUERY_STRING", ""},
	}
}

// Encode implements relay.Protocol: a tuple of the environ and the body, None for one
// that is still on its way.
func (p *Protocol) Encode(s *relay.Side, b []byte, x *httpserver.Exchange) []byte {
	if !p.defined {
		p.define(s)
	}
	b = py.AppendHead(b, py.TagTuple, 2)
	b = py.AppendCopy(b, p.environ.Number(s, x.Local), 0)
	count := len(b) - 4 // of the pairs: known at the end
	n := 0
	key := func(k int) {
		n++
		b = py.AppendKey(b, p.own(k))
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
	path := x.Path
	if bytes.IndexByte(path, '%') >= 0 {
		p.scratch = relay.AppendDecoded(p.scratch[:0], path)
		path = p.scratch
	}
	if root := p.config.RootPath; root != "" {
		key(keyScript)
		b = py.AppendText(b, py.TagLatin1, root)
		if rest, ok := bytes.CutPrefix(path, []byte(root)); ok && (len(rest) == 0 || rest[0] == '/') {
			path = rest
		}
	}
	key(keyPath)
	b = py.AppendText(b, py.TagLatin1, path)
	if len(x.Query) > 0 {
		key(keyQuery)
		b = py.AppendText(b, py.TagLatin1, x.Query)
	}
	switch {
	case x.Major == 2:
		key(keyProtocol)
		b = py.AppendKey(b, p.own(valueHTTP2))
	case x.Minor == 0:
		key(keyProtocol)
		b = py.AppendKey(b, p.own(valueHTTP10))
	}
	if x.Scheme == "https" {
		key(keyScheme)
		b = py.AppendKey(b, p.own(valueHTTPS))
	}
	if x.Remote.IsValid() {
		key(keyRemoteAddr)
		b = relay.AppendAddr(b, x.Remote.Addr())
		key(keyRemotePort)
		b = appendPort(b, x.Remote.Port())
	}
	b, n = p.appendFields(b, n, x.Fields)
	b[count], b[count+1], b[count+2], b[count+3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	if !x.Complete {
		return append(b, byte(py.TagNone))
	}
	return py.AppendText(b, py.TagBytes, x.Body)
}

func appendPort(b []byte, port uint16) []byte {
	b = py.AppendHead(b, py.TagLatin1, 0)
	at := len(b)
	b = strconv.AppendUint(b, uint64(port), 10)
	b[at-4] = byte(len(b) - at)
	return b
}

// appendFields appends one variable per name: values of a repeated name are joined by
// commas, of Cookie by semicolons. A name with an underscore could pass for one with a
// dash, and is left out, as is Proxy.
func (p *Protocol) appendFields(b []byte, n int, fields []httpserver.Field) ([]byte, int) {
	var seen, twice uint64
	p.rest = p.rest[:0]
	for i := range fields {
		f := &fields[i]
		k := relay.Known(f.Name)
		if k < 0 {
			if bytes.IndexByte(f.Name, '_') < 0 && !relay.SameName(f.Name, "proxy") {
				p.rest = append(p.rest, item{field: *f})
			}
			continue
		}
		bit := uint64(1) << k
		if seen&bit != 0 {
			twice |= bit
			continue
		}
		seen |= bit
		n++
		b = py.AppendKey(b, p.keys+uint16(k))
		b = py.AppendText(b, py.TagLatin1, f.Value)
	}
	if twice != 0 {
		b, n = p.appendRepeated(b, n, fields, twice)
	}
	for i := range p.rest {
		r := &p.rest[i]
		if r.done {
			continue
		}
		n++
		p.scratch = variable(p.scratch[:0], r.field.Name)
		b = py.AppendText(b, py.TagLatin1, p.scratch)
		value := r.field.Value
		for j := i + 1; j < len(p.rest); j++ {
			if o := &p.rest[j]; !o.done && bytes.EqualFold(o.field.Name, r.field.Name) {
				o.done = true
				value = append(append(value[:len(value):len(value)], ','), o.field.Value...)
			}
		}
		b = py.AppendText(b, py.TagLatin1, value)
	}
	return b, n
}

// appendRepeated sets the variables of known fields that came more than once again,
// with all their values.
func (p *Protocol) appendRepeated(b []byte, n int, fields []httpserver.Field, twice uint64) ([]byte, int) {
	for k := range relay.Names {
		if twice>>k&1 == 0 {
			continue
		}
		between := ","
		if relay.Names[k] == "cookie" {
			between = "; "
		}
		p.scratch = p.scratch[:0]
		for _, f := range fields {
			if relay.SameName(f.Name, relay.Names[k]) {
				p.scratch = append(append(p.scratch, f.Value...), between...)
			}
		}
		p.scratch = p.scratch[:len(p.scratch)-len(between)]
		n++
		b = py.AppendKey(b, p.keys+uint16(k))
		b = py.AppendText(b, py.TagLatin1, p.scratch)
	}
	return b, n
}

// Body implements relay.Protocol: a piece and whether more follow.
func (p *Protocol) Body(b []byte, piece []byte, last bool) []byte {
	b = py.AppendText(py.AppendHead(b, py.TagTuple, 2), py.TagBytes, piece)
	if last {
		return append(b, byte(py.TagFalse))
	}
	return append(b, byte(py.TagTrue))
}

var _ relay.Protocol = (*Protocol)(nil)
