package relay

import (
	"os"

	"github.com/puffstack/puff/internal/py"
)

// Dropper is a Protocol whose messages may own something that is not memory.
type Dropper interface {
	// Dropped is given each value that was sent into a channel and that nobody takes.
	Dropped(value py.Reader)
}

// dropped lets go of a message that nobody takes.
func (s *Side) dropped(m *py.Message) {
	if d, ok := s.protocol.(Dropper); ok {
		d.Dropped(py.NewReader(m.Value))
	}
}

// SendFile sends n bytes of f from off as the rest of a streamed answer, and closes f. The
// answer ends when the client has them all: the application, which waits for that by asking
// for the next piece of the body, is told then, or when the client has gone.
func (c *Call) SendFile(f *os.File, off, n int64) error {
	if n == 0 {
		f.Close()
		return c.Finish(nil)
	}
	c.file = n
	return c.X.SendFile(f, off, n)
}

// fileLeft notes that n bytes of the file have left.
func (c *Call) fileLeft(n int) {
	if c.file -= int64(n); c.file <= 0 {
		_ = c.Finish(nil) // fails only for a client that has gone: nobody is to be told
	}
}
