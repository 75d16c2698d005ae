package puff

// The log that people read: a line per event, a traceback below it as Python prints it.

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// newLogger returns a logger that writes lines to w, from the given level on, in the
// format "text" or "json".
func newLogger(w io.Writer, level, format string) *slog.Logger {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError,
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: levels[level], ReplaceAttr: asJSON})).
			With("logger", "puff")
	}
	to := &lineWriter{w: w}
	return slog.New(&lineHandler{to: to, text: slog.NewTextHandler(&to.line, &slog.HandlerOptions{Level: levels[level]})})
}

// asJSON gives slog's own attributes the names and values that Python's records have,
// see python/puff/_logging.py.
func asJSON(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String(a.Key, a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.LevelKey:
		name := strings.ToLower(a.Value.String())
		if name == "warn" {
			name = "warning"
		}
		return slog.String(a.Key, name)
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}

// lineWriter is where every handler that came of one logger writes.
type lineWriter struct {
	mu sync.Mutex

	w    io.Writer
	line bytes.Buffer // what the text handlers write to
}

// lineHandler is slog's text handler, but for the attribute "traceback", which follows
// the line unquoted.
type lineHandler struct {
	to   *lineWriter
	text slog.Handler
}

// Enabled implements slog.Handler.
func (h *lineHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.text.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *lineHandler) Handle(ctx context.Context, r slog.Record) error {
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	trace := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "traceback" {
			trace = strings.TrimRight(a.Value.String(), "\n") + "\n"
		} else {
			line.AddAttrs(a)
		}
		return true
	})
	h.to.mu.Lock()
	defer h.to.mu.Unlock()
	h.to.line.Reset()
	if err := h.text.Handle(ctx, line); err != nil {
		return err
	}
	h.to.line.WriteString(trace)
	_, err := h.to.w.Write(h.to.line.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lineHandler{to: h.to, text: h.text.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	return &lineHandler{to: h.to, text: h.text.WithGroup(name)}
}
