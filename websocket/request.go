package websocket

// request.go is the opening handshake (RFC 6455, section 4.2; for HTTP/2 RFC 8441): what a client asks for, and the fields
// that agree.

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"iter"
	"strings"
)

// Request is what a client asks for when it opens a connection.
type Request struct {
	// Subprotocols are what the client can speak, as it prefers them.
	Subprotocols []string

	key        string
	extensions []extension
}

// Field is one field of an answer.
type Field struct{ Name, Value string }

// RequestError says why a request can not be agreed to, and how to answer it.
type RequestError struct {
	// Status is 400, or 426 for a version of the protocol that nobody speaks.
	Status int
	// Fields go with it.
	Fields []Field

	problem string
}

func (e *RequestError) Error() string { return "open websocket: " + e.problem }

type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	given       bool // there is a value
}

// ReadRequest reads the fields of a request that asks for a WebSocket. keyed says that it must have a key, which requests
// of HTTP/2 do not. The error is a [*RequestError].
func ReadRequest(fields iter.Seq2[[]byte, []byte], keyed bool) (*Request, error) {
	r := &Request{}
	version, keys := "", 0
	for name, value := range fields {
		if len(name) < len("sec-websocket-") {
			continue
		}
		switch strings.ToLower(string(name)) {
		case "sec-websocket-key":
			r.key = string(value)
			keys++
		case "sec-websocket-version":
			if version != "" {
				return nil, &RequestError{Status: 400, problem: "Sec-WebSocket-Version is repeated"}
			}
			version = string(value)
		case "sec-websocket-protocol":
			for p := range strings.SplitSeq(string(value), ",") {
				p = strings.Trim(p, " \t")
				if !token(p) {
					return nil, &RequestError{Status: 400, problem: "Sec-WebSocket-Protocol is no list of names"}
				}
				r.Subprotocols = append(r.Subprotocols, p)
			}
		case "sec-websocket-extensions":
			more, ok := readExtensions(string(value))
			if !ok {
				return nil, &RequestError{Status: 400, problem: "Sec-WebSocket-Extensions is malformed"}
			}
			r.extensions = append(r.extensions, more...)
		}
	}
	if version != "13" {
		return nil, &RequestError{
			Status: 426, Fields: []Field{{"Sec-WebSocket-Version", "13"}},
			problem: fmt.Sprintf("Sec-WebSocket-Version is %q; it must be 13", version),
		}
	}
	if keyed && (keys != 1 || !validKey(r.key)) {
		return nil, &RequestError{Status: 400, problem: "Sec-WebSocket-Key is not one of 16 bytes in base64"}
	}
	return r, nil
}

func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == 16
}

// Accept agrees to the request. It returns the fields of the answer, besides Connection and Upgrade, and the connection.
// The subprotocol may be empty; whether the client has asked for it is the caller's to know.
func (s *Server) Accept(r *Request, subprotocol string) ([]Field, *Conn) {
	var fields []Field
	if r.key != "" {
		fields = append(fields, Field{"Sec-WebSocket-Accept", acceptKey(r.key)})
	}
	if subprotocol != "" {
		fields = append(fields, Field{"Sec-WebSocket-Protocol", subprotocol})
	}
	var d *deflate
	if s.c.Deflate {
		var answer string
		if d, answer = choose(r.extensions, &s.pools); d != nil {
			fields = append(fields, Field{"Sec-WebSocket-Extensions", answer})
		}
	}
	return fields, newConn(s.c.MaxSize, d)
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// maxExtensions bounds how many offers of a client are looked at.
const maxExtensions = 32

// readExtensions reads a list such as "permessage-deflate; client_max_window_bits, other".
func readExtensions(s string) (list []extension, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		if len(list) == maxExtensions {
			return nil, false
		}
		name, rest, more := strings.Cut(part, ";")
		e := extension{name: strings.ToLower(strings.Trim(name, " \t"))}
		if !token(e.name) {
			return nil, false
		}
		for more {
			var text string
			text, rest, more = strings.Cut(rest, ";")
			name, value, given := strings.Cut(text, "=")
			p := param{strings.ToLower(strings.Trim(name, " \t")), strings.Trim(value, " \t"), given}
			if n := len(p.value); n >= 2 && p.value[0] == '"' && p.value[n-1] == '"' {
				p.value = p.value[1 : n-1]
			}
			if !token(p.name) || given && !token(p.value) {
				return nil, false
			}
			e.params = append(e.params, p)
		}
		list = append(list, e)
	}
	return list, true
}

// token reports whether s is a token of HTTP (RFC 9110, section 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
