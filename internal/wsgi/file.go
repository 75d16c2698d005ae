package wsgi

// file.go answers with a file that the application gave to wsgi.file_wrapper. The
// descriptor that comes with it is ours from then on, whatever becomes of the answer.

import (
	"fmt"
	"os"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
)

// fileParts is how many parts a message with a file has: status, headers, descriptor,
// offset, size.
const fileParts = 5

func isFile(v py.Reader) bool { return v.Peek() == py.TagTuple && v.Seq() == fileParts }

// file begins an answer from a file; it ends when the client has it, or has gone.
func (p *Protocol) file(c *relay.Call, v py.Reader) error {
	message := v
	if c.X == nil {
		p.Dropped(message)
		return nil
	}
	v.Seq()
	h, err := p.head(&v)
	if err != nil {
		p.Dropped(message)
		return err
	}
	f := os.NewFile(uintptr(v.Int()), "wsgi.file_wrapper")
	offset, size := v.Int(), v.Int()
	if v.Bad || f == nil || offset < 0 || size < 0 {
		f.Close() // refuses nil
		return errAnswer
	}
	if n, given := relay.ContentLength(h.Fields); given {
		size = min(size, n)
	} else {
		h.Fields = append(h.Fields, httpserver.Field{Name: []byte("Content-Length"), Value: fmt.Append(nil, size)})
	}
	if err := c.X.Start(h); err != nil {
		f.Close()
		return err
	}
	c.Started = true
	return c.SendFile(f, offset, size)
}

// Dropped implements relay.Dropper: nobody is left to send the file to.
func (p *Protocol) Dropped(v py.Reader) {
	if !isFile(v) {
		return
	}
	v.Seq()
	v.Skip()
	v.Skip()
	if fd := v.Int(); !v.Bad && fd >= 0 {
		os.NewFile(uintptr(fd), "wsgi.file_wrapper").Close()
	}
}

var _ relay.Dropper = (*Protocol)(nil)
