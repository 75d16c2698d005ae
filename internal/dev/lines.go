package dev

// A line per request: what was asked, what the answer was, how long it took.

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/puffstack/puff/httpserver"
)

// Lines writes a line per request.
type Lines struct {
	// To is where to. Required.
	To io.Writer
	// Colour has the statuses in colour, for a terminal. Default: false.
	Colour bool

	mu sync.Mutex // a line at a time
}

// Filter puts the log in front of next.
func (l *Lines) Filter(next httpserver.Handler) httpserver.Handler { return &logged{l, next} }

type logged struct {
	lines *Lines
	next  httpserver.Handler
}

// Handle implements httpserver.Handler.
func (g *logged) Handle(x *httpserver.Exchange) {
	if string(x.Path) == GenerationPath { // a page asks, nobody else
		g.next.Handle(x)
		return
	}
	a := &answer{lines: g.lines, method: string(x.Method), target: string(x.Target), began: time.Now()}
	a.Answerer = x.Intercept(a)
	g.next.Handle(x)
}

// answer sees one answer go by.
type answer struct {
	httpserver.Answerer

	lines          *Lines
	method, target string
	began          time.Time
	status         int
}

// Respond implements httpserver.Answerer.
func (a *answer) Respond(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	status := h.Status
	err := a.Answerer.Respond(x, h, body)
	var bad *httpserver.HeadError
	if !errors.As(err, &bad) { // after which another answer follows
		a.status = status
		a.over()
	}
	return err
}

// Start implements httpserver.Answerer.
func (a *answer) Start(x *httpserver.Exchange, h *httpserver.Head) error {
	status := h.Status
	err := a.Answerer.Start(x, h)
	if err == nil {
		a.status = status
	}
	return err
}

// Finish implements httpserver.Answerer.
func (a *answer) Finish(x *httpserver.Exchange, trailers []httpserver.Field) error {
	err := a.Answerer.Finish(x, trailers)
	a.over()
	return err
}

// Abort implements httpserver.Answerer.
func (a *answer) Abort(x *httpserver.Exchange) {
	a.Answerer.Abort(x)
	a.over(" cut off")
}

func (a *answer) over(more ...string) {
	a.lines.write(a.method, a.target, a.status, time.Since(a.began), strings.Join(more, ""))
}

const longestTarget = 200 // characters of a line

// write writes one line.
func (l *Lines) write(method, target string, status int, took time.Duration, more string) {
	if len(target) > longestTarget {
		target = strings.ToValidUTF8(target[:longestTarget], "") + "..."
	}
	// A client must not draw on the terminal.
	target = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, target)
	text := "---" // nothing was answered
	if status != 0 {
		text = strconv.Itoa(status)
	}
	ms := fmt.Sprintf("%.1f ms", float64(took.Microseconds())/1000)
	if l.Colour {
		text = "\x1b[" + colours[min(status/100, len(colours)-1)] + "m" + text + "\x1b[0m"
		ms = "\x1b[2m" + ms + "\x1b[0m"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.To, "%s %s %s %s%s\n", method, target, text, ms, more)
}

// colours are those of the classes of statuses; the first is for no answer at all.
var colours = [...]string{"31", "36", "32", "36", "33", "31"}

var _ httpserver.Answerer = (*answer)(nil)
