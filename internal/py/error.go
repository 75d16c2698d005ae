package py

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Error is an exception of Python seen from Go, or an error of Go on its way to
// become one.
type Error struct {
	Kind    string // the class: "ValueError", or with its module, "puff.errors.GoPanic"
	Message string
	// Detail is, from Python, the traceback, a string or a tuple that begins with it; to
	// Python, what the class takes.
	Detail any
}

// NewError returns an error that becomes an exception of the class kind.
func NewError(kind, message string) *Error { return &Error{Kind: kind, Message: message} }

// Error returns the class and the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Kind
	}
	return e.Kind + ": " + e.Message
}

// Traceback returns the traceback of Python as it prints it, or "".
func (e *Error) Traceback() string {
	detail := e.Detail
	if t, ok := detail.(Tuple); ok && len(t) > 0 {
		detail = t[0]
	}
	s, _ := detail.(string)
	return s
}

// Cancelled reports whether the exception says that its task was cancelled.
func (e *Error) Cancelled() bool {
	return e.Kind == "asyncio.exceptions.CancelledError" || e.Kind == "greenlet.GreenletExit"
}

// ErrorFrom reads what the faces send for an exception: (class, message, traceback).
func ErrorFrom(v any) error {
	t, ok := v.(Tuple)
	if !ok || len(t) != 3 {
		return ErrValue
	}
	kind, _ := t[0].(string)
	message, _ := t[1].(string)
	return &Error{Kind: kind, Message: message, Detail: t[2]}
}

// appendError appends err as what the faces make an exception of.
func appendError(b []byte, err error) []byte {
	kind, message, detail := classOf(err)
	const most = 1 << 20 // of a message that somebody reads
	b = append(b, byte(TagError))
	b = appendString(appendString(b, kind), message[:min(len(message), most)])
	if out, bad := Append(b, detail); bad == nil {
		return out
	}
	return append(b, byte(TagNone))
}

// classOf chooses the exception for an error of Go.
func classOf(err error) (kind, message string, detail any) {
	var own *Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &own):
		return own.Kind, own.Message, own.Detail
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "TimeoutError", err.Error(), nil
	case errors.Is(err, context.Canceled):
		return "asyncio.exceptions.CancelledError", err.Error(), nil
	case errors.As(err, &errno):
		var path *fs.PathError
		if errors.As(err, &path) {
			return "OSError", errno.Error(), Tuple{int64(errno), path.Path}
		}
		return "OSError", err.Error(), Tuple{int64(errno), nil}
	}
	return "puff.errors.HostError", err.Error(), nil
}
