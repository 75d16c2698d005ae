// filter.go is how something stands between the engine and its handler: it sees requests before the handler does, and answers
// before the connection does.

package httpserver

import "os"

// Filter puts something in front of next. It is called once for each event loop, whose Handler it makes runs on the thread of
// that loop only, and once for the long road, whose Handler is called by many goroutines at a time.
type Filter func(next Handler) Handler

// Answerer takes the calls of an exchange, in the sense of the methods of Exchange with the same names. A Filter that has to
// see answers gives one to Intercept.
type Answerer interface {
	Respond(x *Exchange, h *Head, body []byte) error
	Start(x *Exchange, h *Head) error
	Write(x *Exchange, p []byte) error
	SendFile(x *Exchange, f *os.File, off, n int64) error
	Finish(x *Exchange, trailers []Field) error
	Inform(x *Exchange, status int, fields []Field) error
	Abort(x *Exchange)
	Pull(x *Exchange)
}

// Intercept has a take the calls of x from now on, and returns what took them before: where a passes on what it lets through.
// It is called within Handle only.
func (x *Exchange) Intercept(a Answerer) (next Answerer) {
	next = x.answerer()
	x.front = a
	return next
}

// answerer returns what takes the calls of x.
func (x *Exchange) answerer() Answerer {
	if x.front != nil {
		return x.front
	}
	return unfiltered{}
}

// unfiltered is the Answerer of an exchange that nobody intercepts.
type unfiltered struct{}

var _ Answerer = unfiltered{}

func (unfiltered) Respond(x *Exchange, h *Head, body []byte) error { return x.road.respond(x, h, body) }
func (unfiltered) Start(x *Exchange, h *Head) error                { return x.road.start(x, h) }
func (unfiltered) Write(x *Exchange, p []byte) error               { return x.road.write(x, p) }
func (unfiltered) Finish(x *Exchange, trailers []Field) error      { return x.road.finish(x, trailers) }
func (unfiltered) Abort(x *Exchange)                               { x.road.abort(x) }
func (unfiltered) Pull(x *Exchange)                                { x.road.pull(x) }

func (unfiltered) SendFile(x *Exchange, f *os.File, off, n int64) error {
	return x.road.sendFile(x, f, off, n)
}

func (unfiltered) Inform(x *Exchange, status int, fields []Field) error {
	return x.road.inform(x, status, fields)
}

// filtered puts the filters in front of h; the first of them sees a request first.
func filtered(h Handler, filters []Filter) Handler {
	for i := len(filters) - 1; i >= 0; i-- {
		h = filters[i](h)
	}
	return h
}

// filteredSource is a Source behind filters.
type filteredSource struct {
	Source
	handler Handler
}

func (s *filteredSource) Handle(x *Exchange) { s.handler.Handle(x) }
