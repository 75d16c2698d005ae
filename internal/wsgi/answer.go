package wsgi

// What an application answers: read, checked for what PEP 3333 wants, and handed to
// the HTTP engine, which checks what HTTP wants.

import (
	"errors"
	"fmt"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
)

var errAnswer = errors.New("read answer: it is not a status, headers and a body")

// Sent implements relay.Protocol: (status, headers, chunk) begins an answer, bytes
// carry it on; (status, headers, descriptor, offset, size) is an answer from a file.
func (p *Protocol) Sent(c *relay.Call, v py.Reader) (streamed int, err error) {
	if isFile(v) {
		return 0, p.file(c, v)
	}
	if c.X == nil {
		if c.Done {
			c.Done = false // said once
			c.Warn("answer shortened: the body is longer than its Content-Length")
		}
		return 0, nil
	}
	if v.Peek() == py.TagBytes {
		chunk := v.Text()
		return len(chunk), c.X.Write(chunk)
	}
	head, body, err := p.whole(&v)
	if err != nil {
		return 0, err
	}
	if n, given := relay.ContentLength(head.Fields); given && n == int64(len(body)) {
		return 0, c.Respond(head, body)
	}
	if err := c.X.Start(head); err != nil {
		return 0, err
	}
	c.Started = true
	return len(body), c.X.Write(body)
}

// Answered implements relay.Protocol: a whole answer, or None after a streamed one.
func (p *Protocol) Answered(c *relay.Call, v py.Reader) error {
	if c.X == nil {
		return nil
	}
	if v.Peek() == py.TagNone {
		if !c.Started {
			return nil // the client went away first
		}
		return c.Finish(nil)
	}
	head, body, err := p.whole(&v)
	if err != nil {
		return err
	}
	return c.Respond(head, body)
}

// whole reads a tuple of status, headers and bytes. What it returns is valid as long as
// the message.
func (p *Protocol) whole(v *py.Reader) (*httpserver.Head, []byte, error) {
	if v.Seq() != 3 {
		return nil, nil, errAnswer
	}
	head, err := p.head(v)
	if err == nil && v.Peek() != py.TagBytes {
		err = errAnswer
	}
	if err != nil {
		return nil, nil, err
	}
	return head, v.Text(), nil
}

// head reads a status and headers.
func (p *Protocol) head(v *py.Reader) (*httpserver.Head, error) {
	status, err := relay.Latin1(v.Text())
	if err != nil {
		return nil, fmt.Errorf("read answer: the status: %w", err)
	}
	code, reason, err := parseStatus(status)
	if err != nil {
		return nil, err
	}
	p.fields = p.fields[:0]
	for n := v.Seq(); n > 0; n-- {
		if v.Seq() != 2 || v.Peek() != py.TagStr {
			return nil, errors.New("read answer: a header is not a pair of str")
		}
		name := v.Text()
		if relay.SameName(name, "connection") {
			return nil, errors.New("read answer: the header Connection is the server's; an application has none")
		}
		if v.Peek() != py.TagStr {
			return nil, fmt.Errorf("read answer: the value of header %q is not a str", name)
		}
		value, err := relay.Latin1(v.Text())
		if err != nil {
			return nil, fmt.Errorf("read answer: header %q: %w", name, err)
		}
		p.fields = append(p.fields, httpserver.Field{Name: name, Value: value})
	}
	if v.Bad {
		return nil, errAnswer
	}
	p.answer = httpserver.Head{Status: code, Reason: reason, Fields: p.fields}
	return &p.answer, nil
}

// parseStatus reads "200 OK"; the reason may be missing.
func parseStatus(s []byte) (code int, reason []byte, err error) {
	if len(s) < 3 || len(s) > 3 && s[3] != ' ' {
		return 0, nil, fmt.Errorf("read answer: the status %q is not three digits, a space and a reason", s)
	}
	for _, c := range s[:3] {
		if c < '0' || c > '9' {
			return 0, nil, fmt.Errorf("read answer: the status %q does not begin with three digits", s)
		}
		code = 10*code + int(c-'0')
	}
	if len(s) > 4 {
		reason = s[4:]
	}
	return code, reason, nil
}
