// h2head.go makes requests of header blocks, by the rules that parse.go and framing.go have for HTTP/1.

package httpserver

import (
	"bytes"
	"slices"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Block is the header block that is being received.
type h2Block struct {
	id     uint32
	st     *h2Stream // nil: decoded and forgotten
	code   http2.ErrCode
	end    bool // the stream ends with it
	late   bool // it holds trailers
	open   bool // more is to come
	list   int  // size of what it stands for
	wire   int
	r      *refusal
	parts  uint16 // of the head that were seen
	crumbs int    // Cookie fields
}

// Parts of a head.
const (
	partMethod = 1 << iota
	partScheme
	partPath
	partAuthority
	partProtocol
	partHost
	partField
)

// headers begins a block: a request, or the trailers of one.
func (h *h2) headers(f *http2.HeadersFrame) error {
	id := f.StreamID
	h.block = h2Block{id: id, end: f.StreamEnded()}
	b := &h.block
	if f.HasPriority() && f.Priority.StreamDep == id {
		b.code = http2.ErrCodeProtocol
	}
	st := h.streams[id]
	switch {
	case id%2 == 0:
		return h2Fault{http2.ErrCodeProtocol, "a client's stream has an odd number"}
	case st != nil && st.ended:
		b.code = http2.ErrCodeStreamClosed
	case st != nil:
		b.st, b.late = st, true
		if !b.end {
			b.code = http2.ErrCodeProtocol
		}
	case id <= h.last:
		return h.lateHeaders(id)
	default:
		h.last = id
		switch {
		case id > h.limit:
		case h.count >= h.c.MaxStreams:
			b.code = http2.ErrCodeRefusedStream
		case b.code == http2.ErrCodeNo:
			b.st = h.open(id)
		}
	}
	return h.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
}

// lateHeaders takes a head for a stream that is closed.
func (h *h2) lateHeaders(id uint32) error {
	if h.closedLately(id) != nil {
		return h2Fault{http2.ErrCodeStreamClosed, "a head for a stream that is closed"}
	}
	return h2Fault{http2.ErrCodeProtocol, "a stream with a number below the last one"}
}

func (h *h2) continuation(f *http2.ContinuationFrame) error {
	if err := h.spend(1); err != nil {
		return err
	}
	return h.fragment(f.HeaderBlockFragment(), f.HeadersEnded())
}

// fragment decodes a part of the block. What is wrong with the request is found out at its end: the state of the compression
// must be kept, whatever becomes of the request.
func (h *h2) fragment(p []byte, last bool) error {
	b := &h.block
	b.open = true
	b.wire += len(p)
	if b.wire > h.maxList() {
		return h.tooLong()
	}
	_, err := h.decoder.Write(p)
	if err == hpack.ErrStringLength {
		return h.tooLong()
	}
	if err == nil && last {
		err = h.decoder.Close()
	}
	if err != nil {
		return h2Fault{http2.ErrCodeCompression, "a header block cannot be decoded"}
	}
	h.guard.block(h, !last)
	if !last {
		return nil
	}
	b.open = false
	h.decoder.SetEmitEnabled(true)
	if b.code == http2.ErrCodeNo && b.late {
		return b.st.concludeTrailers(b)
	}
	if b.code == http2.ErrCodeNo {
		return h.concludeHead(b)
	}
	if b.st != nil && !b.late {
		h.forget(b.st, true)
		h.release(b.st)
	}
	return http2.StreamError{StreamID: b.id, Code: b.code}
}

// tooLong answers a request whose block is not worth decoding to its end, which costs the connection.
func (h *h2) tooLong() error {
	if b := &h.block; b.st != nil && !b.late {
		h.refuse(b.st, refuseLongHead)
	}
	return h2Fault{http2.ErrCodeEnhanceYourCalm, "a header block is too long"}
}

// emit takes one field from the decoder.
func (h *h2) emit(f hpack.HeaderField) {
	b := &h.block
	if b.list += int(f.Size()); b.list > h.maxList() {
		b.refuse(refuseLongHead)
		h.decoder.SetEmitEnabled(false)
		return
	}
	if b.st == nil || b.code != http2.ErrCodeNo {
		return
	}
	ok := false
	if b.late {
		ok = b.st.trailer(f)
	} else if len(f.Name) > 0 && f.Name[0] == ':' {
		ok = b.pseudo(f)
	} else {
		ok = b.field(f, h.c)
	}
	if !ok {
		b.code = http2.ErrCodeProtocol
	}
}

func (b *h2Block) refuse(r *refusal) {
	if b.r == nil {
		b.r = r
	}
}

// pseudo takes a field of the request itself. It reports false if the request is malformed.
func (b *h2Block) pseudo(f hpack.HeaderField) bool {
	x := &b.st.x
	part, to := uint16(0), &x.Method
	switch f.Name {
	case ":method":
		part = partMethod
	case ":path":
		part, to = partPath, &x.Target
	case ":authority":
		part, to = partAuthority, &x.Host
	case ":scheme":
		part, to = partScheme, &b.st.scheme
	case ":protocol":
		part, to = partProtocol, &x.Protocol
	default:
		return false
	}
	if b.parts&(part|partField) != 0 {
		return false
	}
	b.parts |= part
	*to = b.st.keep(f.Value)
	return true
}

// field takes another field.
func (b *h2Block) field(f hpack.HeaderField, c *Config) bool {
	b.parts |= partField
	x := &b.st.x
	if len(x.Fields) > c.MaxFields {
		b.refuse(refuseManyFields)
		return true
	}
	name, value := b.st.keep(f.Name), b.st.keep(f.Value)
	if !h2Name(name) || !plainText(value) || len(trim(value)) != len(value) {
		return false
	}
	x.Fields = append(x.Fields, Field{name, value})
	switch len(name) {
	case 2:
		return f.Name != "te" || f.Value == "trailers"
	case 4:
		if f.Name == "host" {
			return b.host(value)
		}
	case 6:
		switch f.Name {
		case "cookie":
			b.crumbs++
		case "expect":
			b.note(noteExpect(x, value))
		}
	case 14:
		if f.Name == "content-length" {
			b.note(noteLength(x, value))
		}
	case 7, 10, 16, 17:
		return !ofConnection[f.Name]
	}
	return true
}

// ofConnection lists the fields that speak about a connection of HTTP/1, RFC 9113 section 8.2.2.
var ofConnection = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-connection": true, "transfer-encoding": true, "upgrade": true,
}

func (b *h2Block) note(r *refusal) {
	if r != nil {
		b.refuse(r)
	}
}

func (b *h2Block) host(value []byte) bool {
	x := &b.st.x
	if b.parts&partHost != 0 {
		b.refuse(refuseHosts)
	}
	b.parts |= partHost
	x.framing.host = len(x.Fields)
	return true
}

// h2Name reports whether p is a field name in lower case.
func h2Name(p []byte) bool {
	for _, c := range p {
		if c-'A' < 26 {
			return false
		}
	}
	return token(p)
}

// concludeHead looks at the head as a whole, and hands the request on.
func (h *h2) concludeHead(b *h2Block) error {
	st := b.st
	if st == nil {
		return nil
	}
	if !st.whole(b, h.c.WebSocket) {
		h.forget(st, true)
		h.release(st)
		return http2.StreamError{StreamID: b.id, Code: http2.ErrCodeProtocol}
	}
	st.ended = b.end
	r := b.r
	if r == nil {
		r = st.conclude(b, h.c)
	}
	if r != nil {
		h.refuse(st, r)
		return h.spend(h2RefuseCost)
	}
	if h.served++; h.served >= h.c.MaxRequestsPerConn {
		h.leave()
	}
	h.admit(st)
	return nil
}

// whole reports whether the parts of the head belong together.
func (st *h2Stream) whole(b *h2Block, turns bool) bool {
	x, parts := &st.x, b.parts&^(partField|partHost)
	connect := string(x.Method) == "CONNECT"
	switch {
	case b.r != nil:
		return true // not all of it may have been seen
	case parts&partProtocol != 0:
		if !connect || !turns || parts != partMethod|partScheme|partPath|partAuthority|partProtocol {
			return false
		}
	case connect:
		return parts == partMethod|partAuthority
	case parts&^partAuthority != partMethod|partScheme|partPath:
		return false
	}
	if len(x.Target) == 0 || !token(x.Method) || !same(st.scheme, "http") && !same(st.scheme, "https") {
		return false
	}
	return !b.end || x.framing.length == 0
}

// conclude finds path and host, and says what the fields mean for the body.
func (st *h2Stream) conclude(b *h2Block, c *Config) *refusal {
	x := &st.x
	if x.Protocol != nil && string(x.Protocol) != "websocket" {
		return refuseProtocol
	}
	if b.parts&partPath == 0 {
		x.Target = x.Host
	}
	if len(x.Target) > c.MaxRequestLine {
		return refuseLongLine
	}
	if !all(x.Target, inTarget) {
		return refuseTarget
	}
	if b.parts&partPath != 0 {
		asterisk := len(x.Target) == 1 && x.Target[0] == '*' && string(x.Method) == "OPTIONS"
		if x.Target[0] != '/' && !asterisk {
			return refuseTarget
		}
		x.splitQuery(x.Target)
	} else if i := bytes.LastIndexByte(x.Target, ':'); i < 0 || i == len(x.Target)-1 {
		return refuseTarget
	}
	if r := st.concludeHost(b); r != nil {
		return r
	}
	if b.crumbs > 1 {
		st.joinCookies()
	}
	f := &x.framing
	switch {
	case f.hasLength:
		x.ContentLength = f.length
	case b.end:
		x.ContentLength = 0
	default:
		x.ContentLength = -1
	}
	if f.length > c.MaxBody {
		return refuseBigBody
	}
	f.expect = f.expect && !b.end
	return nil
}

// concludeHost makes Host, the authority and the host field say the same. The first field was kept free for that.
func (st *h2Stream) concludeHost(b *h2Block) *refusal {
	x := &st.x
	switch at := x.framing.host; {
	case at == 0 && x.Host == nil:
		return refuseNoHost
	case at == 0:
		x.Fields[0] = Field{hostName, x.Host}
	case x.Host == nil:
		x.Host = x.Fields[at-1].Value
		x.Fields = slices.Delete(x.Fields, 0, 1)
	case !bytes.EqualFold(x.Host, x.Fields[at-1].Value):
		return refuseOtherHost
	default:
		x.Fields = slices.Delete(x.Fields, 0, 1)
	}
	if !validHost(x.Host) {
		return refuseHost
	}
	return nil
}

var (
	hostName   = []byte("host")
	cookieName = []byte("cookie")
)

// joinCookies makes one field of the crumbs that a client may split it into, RFC 9113 section 8.2.3.
func (st *h2Stream) joinCookies() {
	fields := st.x.Fields
	var joined []byte
	first, kept := -1, fields[:0]
	for _, f := range fields {
		switch {
		case !bytes.Equal(f.Name, cookieName):
		case first < 0:
			first = len(kept)
			joined = append(joined, f.Value...)
		default:
			joined = append(append(joined, "; "...), f.Value...)
			continue
		}
		kept = append(kept, f)
	}
	kept[first].Value = joined
	st.x.Fields = kept
}
