// names.go gives each request a name, by which logs, the application and other servers speak of it.

package observe

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync/atomic"

	"github.com/puffstack/puff/httpserver"
)

// field is the name of the field, as Puff writes it.
var field = []byte("X-Request-ID")

// Names returns a filter that names each request: after its X-Request-ID, where trusted says that its peer may name it and
// the value can be a name ([httpserver.Exchange.SetID]), else with 16 hexadecimal digits that no other request has. The
// answer says the name, and the handler sees it in X-Request-ID, once: in the place of one that the client sent, and, if always
// is true, also where it sent none. trusted is asked for the address of the peer, which is invalid for one without IP
// address; nil trusts nobody.
//
// It belongs in front of filters that take somebody else for the peer.
func Names(trusted func(netip.Addr) bool, always bool) httpserver.Filter {
	return func(next httpserver.Handler) httpserver.Handler {
		n := &namer{next: next, trusted: trusted, always: always}
		var b [8]byte
		rand.Read(b[:]) // never fails
		n.last.Store(binary.NativeEndian.Uint64(b[:]))
		return n
	}
}

// namer is the Handler of one road.
type namer struct {
	next    httpserver.Handler
	trusted func(netip.Addr) bool
	always  bool
	last    atomic.Uint64
}

// Handle implements httpserver.Handler.
func (n *namer) Handle(x *httpserver.Exchange) {
	at := -1
	for i := 0; i < len(x.Fields); {
		if !isName(x.Fields[i].Name) {
			i++
			continue
		}
		if at < 0 {
			at = i
			i++
			continue
		}
		x.Fields = append(x.Fields[:i], x.Fields[i+1:]...)
	}
	if at >= 0 && n.trusted != nil && n.trusted(x.Remote.Addr()) && x.SetID(x.Fields[at].Value) {
		x.Fields[at].Value = x.ID()
		n.next.Handle(x)
		return
	}
	var id [16]byte
	x.SetID(n.make(&id))
	f := httpserver.Field{Name: field, Value: x.ID()}
	switch {
	case at >= 0:
		x.Fields[at] = f
	case n.always:
		x.Fields = append(x.Fields, f)
	}
	n.next.Handle(x)
}

// make writes a new name. An odd factor maps the numbers onto themselves without a collision, so that names in a row do not
// look alike.
func (n *namer) make(id *[16]byte) []byte {
	const digits = "0123456789abcdef"
	v := n.last.Add(1) * 0x9e3779b97f4a7c15
	for i := range id {
		id[i] = digits[v>>60]
		v <<= 4
	}
	return id[:]
}

// isName reports whether a field is X-Request-ID, in any case.
func isName(name []byte) bool {
	if len(name) != len(field) {
		return false
	}
	for i, c := range name {
		if c|0x20 != field[i]|0x20 {
			return false
		}
	}
	return true
}
