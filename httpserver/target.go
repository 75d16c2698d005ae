// target.go takes a request target apart: origin form, absolute form, authority form (CONNECT) and asterisk form (OPTIONS).

package httpserver

import "bytes"

var root = []byte("/")

// splitTarget fills Path, Query and, where the target has an authority, Host.
func (x *Exchange) splitTarget() *refusal {
	x.Host, x.Path, x.Query = nil, nil, nil
	t := x.Target
	switch {
	case string(x.Method) == "CONNECT":
		if i := bytes.LastIndexByte(t, ':'); i < 0 || i == len(t)-1 {
			return refuseTarget
		}
		x.Host = t
		if !validHost(t) {
			return refuseHost
		}
		return nil
	case t[0] == '/':
		x.splitQuery(t)
		return nil
	case len(t) == 1 && t[0] == '*' && string(x.Method) == "OPTIONS":
		x.Path = t
		return nil
	}
	return x.splitAbsolute()
}

func (x *Exchange) splitQuery(t []byte) {
	i := bytes.IndexByte(t, '?')
	if i < 0 {
		x.Path = t
		return
	}
	x.Path, x.Query = t[:i], t[i+1:]
}

// splitAbsolute reads "http://host:port/path?query".
func (x *Exchange) splitAbsolute() *refusal {
	scheme, rest, ok := bytes.Cut(x.Target, []byte("://"))
	if !ok || !same(scheme, "http") && !same(scheme, "https") {
		return refuseTarget
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	x.Host = rest[:end]
	if !validHost(x.Host) {
		return refuseHost
	}
	x.splitQuery(rest[end:])
	if len(x.Path) == 0 {
		x.Path = root
	}
	return nil
}

// ValidHost reports whether h is a host as a Host field may have it, with or without a port. Requests with others are refused.
func ValidHost(h []byte) bool { return validHost(h) }

// validHost reports whether h is a host with or without a port: a registered name, an IPv4 address, or an IPv6 address in
// brackets.
func validHost(h []byte) bool {
	host, port := h, []byte(nil)
	if i := bytes.LastIndexByte(h, ':'); i > bytes.LastIndexByte(h, ']') {
		host, port = h[:i], h[i+1:]
	}
	if n, ok := number(port); len(port) > 0 && (!ok || n > 65535) {
		return false
	}
	if len(host) == 0 {
		return false
	}
	if host[0] == '[' {
		return validBrackets(host)
	}
	return all(host, inHost) && validPercents(host)
}

// validBrackets reports whether h is "[address]". What the address means is for whoever connects to it to find out.
func validBrackets(h []byte) bool {
	if len(h) < 4 || h[len(h)-1] != ']' {
		return false
	}
	for _, c := range h[1 : len(h)-1] {
		if classOf[c]&inHex == 0 && c != ':' && c != '.' {
			return false
		}
	}
	return bytes.IndexByte(h, ':') > 0
}

// validPercents reports whether each percent sign of h begins an escape.
func validPercents(h []byte) bool {
	for i, c := range h {
		if c == '%' && (i+2 >= len(h) || !all(h[i+1:i+3], inHex)) {
			return false
		}
	}
	return true
}
