package asgi

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
)

// message is what an application sent, as far as it is of use: views into the value.
type message struct {
	kind    []byte
	status  int64
	headers []byte // encoded; nil: none
	body    []byte
	more    bool
	path    []byte
	links   py.Reader

	trailers bool // http.response.trailers follows the body
	moreOf   bool // of them
	has      struct{ status, links bool }
}

// Sent implements relay.Protocol.
func (p *Protocol) Sent(c *relay.Call, v py.Reader) (streamed int, err error) {
	m, err := read(v)
	if err != nil {
		return 0, err
	}
	if c.X == nil {
		return 0, nil
	}
	switch string(m.kind) {
	case "http.response.start", "websocket.http.response.start":
		return 0, p.start(c, &m)
	case "http.response.body", "websocket.http.response.body":
		return p.body(c, &m)
	case "http.response.pathsend":
		return 0, p.pathsend(c, &m)
	case "http.response.early_hint":
		return 0, p.earlyHint(c, &m)
	case "http.response.trailers":
		return 0, p.trailers(c, &m)
	}
	return 0, fmt.Errorf("send: a message of type %q, which is none of http's", m.kind)
}

func read(v py.Reader) (m message, err error) {
	for n := v.Map(); n > 0 && !v.Bad; n-- {
		if v.Peek() != py.TagStr {
			return m, errors.New("send: a key of the message is not a str")
		}
		switch string(v.Text()) {
		case "type":
			m.kind = v.Text()
		case "status":
			m.status, m.has.status = v.Int(), true
		case "headers":
			m.headers = v.Raw()
		case "body":
			if v.Peek() != py.TagBytes {
				return m, errors.New("send: the body is not bytes")
			}
			m.body = v.Text()
		case "more_body":
			m.more = truth(&v)
		case "path":
			m.path = v.Text()
		case "trailers":
			m.trailers = truth(&v)
		case "more_trailers":
			m.moreOf = truth(&v)
		case "links":
			m.links, m.has.links = v, true
			v.Skip()
		default:
			v.Skip()
		}
	}
	if v.Bad {
		return m, errors.New("send: the message is not a dict of the types that ASGI wants")
	}
	return m, nil
}

// truth takes what programs take for a bool.
func truth(v *py.Reader) bool {
	switch v.Peek() {
	case py.TagInt:
		return v.Int() != 0
	case py.TagNone:
		v.Skip()
		return false
	}
	return v.Truth()
}

// start keeps the head until the body says how to frame it: the status, whether there
// will be trailers, and the headers.
func (p *Protocol) start(c *relay.Call, m *message) error {
	if len(c.Start) > 0 {
		return errors.New("send: http.response.start was sent already")
	}
	if !m.has.status {
		return errors.New("send: http.response.start has no status")
	}
	c.Start = py.AppendInt(c.Start[:0], m.status)
	c.Trailers = m.trailers
	if m.headers == nil || py.Tag(m.headers[0]) == py.TagNone {
		c.Start = py.AppendHead(c.Start, py.TagList, 0)
	} else {
		c.Start = append(c.Start, m.headers...)
	}
	return nil
}

// head reads the head that was kept.
func (p *Protocol) head(c *relay.Call) (h *httpserver.Head, err error) {
	if len(c.Start) == 0 {
		return nil, errors.New("send: a body before http.response.start")
	}
	v := py.NewReader(c.Start)
	h = &p.answer
	// The specification has servers ignore a Transfer-Encoding; what else belongs to the
	// connection is as harmless.
	*h = httpserver.Head{Status: int(v.Int()), DropHopByHop: true}
	p.fields, err = appendHeaders(p.fields[:0], &v)
	h.Fields = p.fields
	return h, err
}

// appendHeaders reads a list of pairs of bytes.
func appendHeaders(fields []httpserver.Field, v *py.Reader) ([]httpserver.Field, error) {
	for n := v.Seq(); n > 0 && !v.Bad; n-- {
		if v.Seq() != 2 || v.Bad {
			return fields, errors.New("send: a header is not a pair")
		}
		name, value := v.Text(), v.Text()
		fields = append(fields, httpserver.Field{Name: name, Value: value})
	}
	if v.Bad {
		return fields, errors.New("send: the headers are not pairs of bytes")
	}
	return fields, nil
}

func (p *Protocol) body(c *relay.Call, m *message) (streamed int, err error) {
	if c.Ended {
		return 0, errors.New("send: http.response.body after the last one")
	}
	if !c.Started {
		h, err := p.head(c)
		if err != nil {
			return 0, err
		}
		if !m.more && !c.Trailers {
			return 0, c.Respond(h, m.body)
		}
		if err := c.X.Start(h); err != nil {
			return 0, err
		}
		c.Started = true
	}
	if len(m.body) > 0 {
		if err := c.X.Write(m.body); err != nil {
			return 0, err
		}
	}
	switch {
	case m.more:
		return len(m.body), nil
	case c.Trailers:
		c.Ended = true
		return len(m.body), nil
	}
	return 0, c.Finish(nil)
}

// trailers ends an answer with fields, some of which an earlier message may have said.
func (p *Protocol) trailers(c *relay.Call, m *message) error {
	if !c.Trailers || !c.Ended {
		return errors.New("send: http.response.trailers without \"trailers\" in http.response.start, or before the end of the body")
	}
	if m.headers != nil && py.Tag(m.headers[0]) != py.TagNone {
		c.Late = append(c.Late, bytes.Clone(m.headers))
	}
	if len(c.Late) > maxLate {
		return errors.New("send: too many messages of type http.response.trailers")
	}
	if m.moreOf {
		return nil
	}
	p.fields = p.fields[:0]
	for _, late := range c.Late {
		v := py.NewReader(late)
		var err error
		if p.fields, err = appendHeaders(p.fields, &v); err != nil {
			return err
		}
	}
	return c.Finish(p.fields)
}

// maxLate bounds how many messages may hold the trailers of one answer.
const maxLate = 64

// pathsend answers with a file, read and sent by Go.
func (p *Protocol) pathsend(c *relay.Call, m *message) error {
	if c.Started {
		return errors.New("send: http.response.pathsend after a body")
	}
	h, err := p.head(c)
	if err != nil {
		return err
	}
	f, err := os.Open(string(m.path))
	if err != nil {
		return fmt.Errorf("send: http.response.pathsend: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", m.path)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("send: http.response.pathsend: %w", err)
	}
	size := info.Size()
	n, given := relay.ContentLength(h.Fields)
	if given {
		size = min(size, n)
	}
	if !given {
		h.Fields = append(h.Fields, httpserver.Field{Name: []byte("content-length"), Value: fmt.Append(nil, size)})
	}
	if err := c.X.Start(h); err != nil {
		f.Close()
		return err
	}
	c.Started = true
	if err := c.X.SendFile(f, 0, size); err != nil {
		return err
	}
	return c.Finish(nil)
}

func (p *Protocol) earlyHint(c *relay.Call, m *message) error {
	if !m.has.links || c.X.Minor == 0 {
		return nil
	}
	p.fields = p.fields[:0]
	for n := m.links.Seq(); n > 0 && !m.links.Bad; n-- {
		p.fields = append(p.fields, httpserver.Field{Name: []byte("Link"), Value: m.links.Text()})
	}
	if m.links.Bad {
		return errors.New("send: the links of http.response.early_hint are not bytes")
	}
	return c.X.Inform(103, p.fields)
}

var errNoAnswer = errors.New("the application returned without an answer")

// Answered implements relay.Protocol: the application has returned.
func (p *Protocol) Answered(c *relay.Call, _ py.Reader) error {
	if c.X == nil || c.Gone() {
		return nil
	}
	if c.Started {
		return errors.New("the application returned before its answer was complete")
	}
	return errNoAnswer
}
