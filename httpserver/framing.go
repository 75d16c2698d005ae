// framing.go is what the fields of a head say about where the request ends and what becomes of the connection.

package httpserver

import "bytes"

// framing is the sum of the telling fields of one head.
type framing struct {
	host      int // index of the Host field, from 1; 0: there is none
	length    int64
	hasLength bool
	hasTE     bool
	close     bool // Connection: close
	keepAlive bool // Connection: keep-alive
	expect    bool // Expect: 100-continue
	h2c       bool // Upgrade: h2c
	upgrade   bool // Connection: upgrade
	websocket bool // Upgrade: websocket
}

// telling lists the fields the engine acts upon, by the length of their name.
var telling = [...][]struct {
	name string
	note func(x *Exchange, value []byte) *refusal
}{
	4:  {{"host", noteHost}},
	6:  {{"expect", noteExpect}},
	7:  {{"upgrade", noteUpgrade}},
	10: {{"connection", noteConnection}},
	14: {{"content-length", noteLength}},
	17: {{"transfer-encoding", noteCoding}},
}

func noteHost(x *Exchange, value []byte) *refusal {
	if x.framing.host > 0 {
		return refuseHosts
	}
	x.framing.host = len(x.Fields)
	if !validHost(value) {
		return refuseHost
	}
	return nil
}

func noteExpect(x *Exchange, value []byte) *refusal {
	// HTTP/1.0 has no expectations, so there the field means nothing.
	if x.Minor == 0 {
		return nil
	}
	if !same(value, "100-continue") {
		return refuseExpect
	}
	x.framing.expect = true
	return nil
}

func noteConnection(x *Exchange, value []byte) *refusal {
	for len(value) > 0 {
		var option []byte
		option, value, _ = bytes.Cut(value, []byte{','})
		option = trim(option)
		x.framing.close = x.framing.close || same(option, "close")
		x.framing.keepAlive = x.framing.keepAlive || same(option, "keep-alive")
		x.framing.upgrade = x.framing.upgrade || same(option, "upgrade")
	}
	return nil
}

func noteUpgrade(x *Exchange, value []byte) *refusal {
	for len(value) > 0 {
		var protocol []byte
		protocol, value, _ = bytes.Cut(value, []byte{','})
		protocol = trim(protocol)
		x.framing.websocket = x.framing.websocket || same(protocol, "websocket")
		x.framing.h2c = x.framing.h2c || same(protocol, "h2c")
	}
	return nil
}

func noteLength(x *Exchange, value []byte) *refusal {
	n, ok := number(value)
	if !ok || x.framing.hasLength {
		return refuseLength
	}
	x.framing.length, x.framing.hasLength = n, true
	return nil
}

func noteCoding(x *Exchange, value []byte) *refusal {
	switch {
	case x.Minor == 0:
		return refuseOldTE
	case x.framing.hasTE:
		return refuseTE
	case same(value, "chunked"):
		x.framing.hasTE = true
		return nil
	case !token(value) || bytes.Contains(bytes.ToLower(value), []byte("chunked")) || same(value, "identity"):
		return refuseTE
	}
	return refuseCoding
}

// conclude looks at the head as a whole.
func (x *Exchange) conclude(c *Config) *refusal {
	f := &x.framing
	if r := x.concludeHost(); r != nil {
		return r
	}
	if f.hasLength && f.hasTE {
		return refuseLengthAndTE
	}
	if f.length > c.MaxBody {
		return refuseBigBody
	}
	x.ContentLength = f.length
	if f.hasTE {
		x.ContentLength = -1
	}
	f.expect = f.expect && x.ContentLength != 0
	x.Protocol = nil
	if c.WebSocket && f.websocket && f.upgrade && x.Minor > 0 && x.ContentLength == 0 && string(x.Method) == "GET" {
		x.Protocol = webSocket
	}
	return nil
}

// webSocket is the protocol that a connection may turn to.
var webSocket = []byte("websocket")

// concludeHost makes Host and the Host field say the same: the authority of the target where it has one.
func (x *Exchange) concludeHost() *refusal {
	at := x.framing.host
	switch {
	case at == 0 && x.Minor > 0:
		return refuseNoHost
	case x.Host == nil && at > 0:
		x.Host = x.Fields[at-1].Value
	case x.Host != nil && at > 0:
		x.Fields[at-1].Value = x.Host
	}
	return nil
}

// lasting reports whether the client wants the connection to go on after the answer.
func (x *Exchange) lasting() bool {
	// What follows an accepted CONNECT is no HTTP, so it must not be read as a request.
	if x.framing.close || string(x.Method) == "CONNECT" {
		return false
	}
	return x.Minor > 0 || x.framing.keepAlive
}
