// Package forwarded has requests say what a proxy in front says of them: who the client is, and
// which scheme and host it asked for.
//
//	filter := forwarded.New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
//	server := httpserver.New(httpserver.Config{Filters: []httpserver.Filter{filter}})
//
// It reads X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239) where a request has none of
// the three: a proxy that writes those passes on what a client made up as the other. Nobody but the
// proxies is believed. Each of them adds whom it was asked by, so the client is the right-most
// address that is none of theirs.
package forwarded

import (
	"bytes"
	"net/netip"

	"github.com/puffstack/puff/httpserver"
)

// New returns a filter that believes the networks in from, and clients of unix sockets, which have
// no address: the permissions of a socket say who they are. It changes Remote, whose port is 0
// where the proxy says none, Scheme, and Host with its field. What is malformed changes nothing.
func New(from []netip.Prefix) httpserver.Filter {
	return func(next httpserver.Handler) httpserver.Handler { return &handler{from, next} }
}

type handler struct {
	from []netip.Prefix
	next httpserver.Handler
}

var _ httpserver.Handler = (*handler)(nil)

// Handle implements httpserver.Handler.
func (h *handler) Handle(x *httpserver.Exchange) {
	if !x.Remote.IsValid() || h.believes(x.Remote.Addr()) {
		h.apply(x)
	}
	h.next.Handle(x)
}

func (h *handler) believes(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range h.from {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// hop is what one proxy says of who asked it.
type hop struct{ from, proto, host []byte }

// apply changes x to what the proxies say.
func (h *handler) apply(x *httpserver.Exchange) {
	hops := legacy(x.Fields)
	if hops == nil {
		hops = standard(x.Fields)
	}
	// The one that speaks for the client is that which the first proxy of ours was asked by.
	var speaks *hop
	for i := len(hops) - 1; i >= 0; i-- {
		speaks = &hops[i]
		if len(speaks.from) == 0 {
			break
		}
		client, ok := address(speaks.from)
		if !ok {
			break
		}
		x.Remote = client
		if !h.believes(client.Addr()) {
			break
		}
	}
	if speaks == nil {
		return
	}
	if scheme := schemeOf(speaks.proto); scheme != "" {
		x.Scheme = scheme
	}
	if httpserver.ValidHost(speaks.host) {
		setHost(x, speaks.host)
	}
}

// setHost changes the host, and the field that says it.
func setHost(x *httpserver.Exchange, host []byte) {
	x.Host = host
	for i := range x.Fields {
		if is(x.Fields[i].Name, "host") {
			x.Fields[i].Value = host
			return
		}
	}
	x.Fields = append(x.Fields, httpserver.Field{Name: []byte("Host"), Value: host})
}

// schemes lists what a proxy may say was spoken to it.
var schemes = []struct{ name, scheme string }{
	{"http", "http"}, {"https", "https"}, {"ws", "http"}, {"wss", "https"},
}

func schemeOf(name []byte) string {
	for _, s := range schemes {
		if is(name, s.name) {
			return s.scheme
		}
	}
	return ""
}

// address reads "192.0.2.1", "2001:db8::1", and both with a port: "192.0.2.1:80" and
// "[2001:db8::1]:80".
func address(b []byte) (netip.AddrPort, bool) {
	s := string(b)
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a.Unmap().WithZone(""), 0), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), true
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : len(s)-1]); err == nil && a.Is6() {
			return netip.AddrPortFrom(a.Unmap().WithZone(""), 0), true
		}
	}
	return netip.AddrPort{}, false
}

// is reports whether b is the lower-case name, in whatever case.
func is(b []byte, name string) bool {
	return len(b) == len(name) && bytes.EqualFold(b, []byte(name))
}
