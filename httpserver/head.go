// head.go is the head of an answer: what a handler says, and how it is checked and written.

package httpserver

import (
	"fmt"
	"net/http"
	"strconv"
)

// Head is the head of an answer. The engine adds Content-Length or Transfer-Encoding, Connection, Date and Server.
type Head struct {
	Status int
	// Reason is the reason phrase. Default: the usual one for Status.
	Reason []byte
	Fields []Field
	// Close closes the connection after the answer.
	Close bool
	// DropHopByHop leaves fields out that belong to the connection and not to the answer, instead of refusing the head.
	DropHopByHop bool
}

// HeadError says why a head was refused. Nothing of it was sent, so another answer can be.
type HeadError struct {
	// Field is the name of the field at fault, if it is one.
	Field string
	// Problem completes "the field …" or "the head …".
	Problem string
}

func (e *HeadError) Error() string {
	if e.Field == "" {
		return "send head: the head " + e.Problem
	}
	return fmt.Sprintf("send head: the field %q %s", e.Field, e.Problem)
}

// fieldKind is what the engine must know about a field of an answer.
type fieldKind uint8

const (
	ordinary fieldKind = iota
	hopByHop
	connectionField
	lengthField
	dateField
	serverField
	idField
)

// kinds lists the fields of answers the engine has an interest in, by the length of their name. The hop-by-hop ones are
// those PEP 3333 names: they speak about a connection, which is the engine's.
var kinds = [...][]struct {
	name string
	kind fieldKind
}{
	2:  {{"te", hopByHop}},
	4:  {{"date", dateField}},
	6:  {{"server", serverField}},
	7:  {{"upgrade", hopByHop}},
	10: {{"connection", connectionField}, {"keep-alive", hopByHop}},
	12: {{"x-request-id", idField}},
	14: {{"content-length", lengthField}},
	16: {{"proxy-connection", hopByHop}},
	17: {{"transfer-encoding", hopByHop}},
	18: {{"proxy-authenticate", hopByHop}},
	19: {{"proxy-authorization", hopByHop}},
}

func kindOf(name []byte) fieldKind {
	if len(name) < len(kinds) {
		for _, k := range kinds[len(name)] {
			if same(name, k.name) {
				return k.kind
			}
		}
	}
	return ordinary
}

// statusLines holds the status lines with the usual reasons, from 100.
var statusLines = func() (lines [500]string) {
	for i := range lines {
		lines[i] = fmt.Sprintf("HTTP/1.1 %d %s\r\n", 100+i, http.StatusText(100+i))
	}
	return lines
}()

func appendStatusLine(b []byte, status int, reason []byte) []byte {
	if i := status - 100; len(reason) == 0 && i < len(statusLines) {
		return append(b, statusLines[i]...)
	}
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10)
	b = append(append(b, ' '), reason...)
	return append(b, "\r\n"...)
}

// said is what the fields of a head said about framing.
type said struct {
	length       int64 // -1: nothing
	close        bool
	date, server bool
	id           bool
}

// appendFields appends the fields of h to b, but those which the engine writes itself.
func appendFields(b []byte, h *Head) ([]byte, said, error) {
	s := said{length: -1, close: h.Close}
	if h.Status < 100 || h.Status > 999 {
		return b, s, &HeadError{Problem: fmt.Sprintf("has the status %d, which is none", h.Status)}
	}
	if !plainText(h.Reason) {
		return b, s, &HeadError{Problem: "has control characters in its reason"}
	}
	b = appendStatusLine(b, h.Status, h.Reason)
	for i := range h.Fields {
		f := &h.Fields[i]
		if !token(f.Name) {
			return b, s, &HeadError{string(f.Name), "has an invalid name"}
		}
		if !plainText(f.Value) {
			return b, s, &HeadError{string(f.Name), "has control characters in its value"}
		}
		kind := kindOf(f.Name)
		if kind != ordinary {
			if skip, err := s.note(kind, f, h); err != nil || skip {
				if err != nil {
					return b, s, err
				}
				continue
			}
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return b, s, nil
}

// note takes one field the engine has an interest in, and reports whether to leave it out.
func (s *said) note(kind fieldKind, f *Field, h *Head) (skip bool, err error) {
	switch kind {
	case dateField:
		s.date = true
		return false, nil
	case serverField:
		s.server = true
		return false, nil
	case idField:
		s.id = true
		return false, nil
	case lengthField:
		n, ok := number(trim(f.Value))
		if !ok {
			return false, &HeadError{string(f.Name), "is not a number"}
		}
		if s.length >= 0 {
			return false, &HeadError{string(f.Name), "is repeated"}
		}
		s.length = n
		return true, nil
	case connectionField:
		if same(trim(f.Value), "close") {
			s.close = true
			return true, nil
		}
	}
	if h.DropHopByHop {
		return true, nil
	}
	return false, &HeadError{string(f.Name), "belongs to the connection; remove it from the answer"}
}
