// Package observe watches the requests of a server go by: it names them, counts them, remembers the slow ones, and tells a
// log of each.
//
//	counts := observe.NewCounts()
//	server := httpserver.New(httpserver.Config{
//		Handler: handler,
//		Filters: []httpserver.Filter{
//			observe.Names(nil),
//			observe.Filter(observe.Config{Counts: counts}),
//		},
//	})
//	…
//	fmt.Println(counts.Snapshot().Requests)
//
// [Names] costs a field of the request and one of the answer; [Filter] two readings of the clock, of which the event loop
// has made one anyway, and a few counters that nobody else writes to. Neither allocates.
package observe

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/puffstack/puff/httpserver"
)

// Config says what a Filter does. At least one field should be set: a Filter without any is work for nothing.
type Config struct {
	// Counts counts the requests. Default: nil, nobody does.
	Counts *Counts
	// Slow remembers the slowest of them. Default: nil, nobody does.
	Slow *Slowest
	// Log is told of each. Default: nil, none.
	Log Log
}

// Log is what is told of each request. Its methods are called from many goroutines at a time, and must not block. What Begin
// and Head append is kept, one behind the other, and given to End.
type Log interface {
	// Begin appends what is to be known of the request x.
	Begin(b []byte, x *httpserver.Exchange) []byte
	// Head appends what is to be known of the head of the answer, which is nil if there was none.
	Head(b []byte, h *httpserver.Head) []byte
	// End is told how the request ended.
	End(b []byte, d *Done)
}

// Done is how a request ended.
type Done struct {
	// Status is that of the answer; StatusGone if none began.
	Status int
	// Bytes is the length of the body that was sent.
	Bytes int64
	// Began is when the request came, Duration the time until the answer was given to the connection, or the conversation
	// in another protocol was over.
	Began    time.Time
	Duration time.Duration
	// Cut says that the answer was not complete.
	Cut bool
}

// StatusGone is noted for a request that got no answer: its client went away, or the connection was cut.
const StatusGone = 499

// Filter returns a filter that watches requests and answers as the connection sees them: it belongs in front of the filters
// that change answers, and behind those that change what the request says of its client.
func Filter(c Config) httpserver.Filter {
	return func(next httpserver.Handler) httpserver.Handler {
		w := &watcher{Config: c, next: next}
		if c.Counts != nil {
			w.tally = c.Counts.tally()
		}
		return w
	}
}

// watcher is the Handler of one road.
type watcher struct {
	Config
	next  httpserver.Handler
	tally *tally
	free  sync.Pool // of *record
}

// record is one request under way. It is used again: an object per request would be garbage (BenchmarkFilter has the
// difference).
type record struct {
	w      *watcher
	next   httpserver.Answerer
	began  time.Time
	method method
	head   bool // the method is HEAD: no body is sent
	headed bool // the log was told of the head
	turned bool // it speaks another protocol now, and was counted as a request
	status int
	bytes  int64
	asked  []byte // method, space and path, for those who look for slow ones
	notes  []byte
	done   Done
}

var _ httpserver.Answerer = (*record)(nil)

// Handle implements httpserver.Handler.
func (w *watcher) Handle(x *httpserver.Exchange) {
	r, _ := w.free.Get().(*record)
	if r == nil {
		r = &record{w: w}
	}
	r.began, r.method = x.Began, methodOf(x.Method)
	r.head, r.headed, r.turned, r.status, r.bytes = string(x.Method) == "HEAD", false, false, 0, 0
	if w.Slow != nil {
		r.asked = append(append(r.asked[:0], x.Method[:min(len(x.Method), 16)]...), ' ')
		r.asked = append(r.asked, x.Path[:min(len(x.Path), slowRoute)]...)
	}
	if w.Log != nil {
		r.notes = w.Log.Begin(r.notes[:0], x)
	}
	if w.tally != nil {
		w.tally.begun.Add(1)
	}
	r.next = x.Intercept(r)
	w.next.Handle(x)
}

// begin notes the head of the answer, and returns what takes that back.
func (r *record) begin(h *httpserver.Head) (before mark) {
	before = mark{r.head, len(r.notes)}
	r.status = h.Status
	if h.Status == 204 || h.Status == 304 {
		r.head = true
	}
	if r.w.Log != nil {
		r.notes, r.headed = r.w.Log.Head(r.notes, h), true
	}
	return before
}

// mark is the state of a record before its answer began.
type mark struct {
	head  bool
	notes int
}

// undo forgets a head that was refused.
func (r *record) undo(before mark) {
	r.head, r.notes = before.head, r.notes[:before.notes]
	r.headed, r.status, r.bytes = false, 0, 0
}

func (r *record) sent(n int64) {
	if !r.head {
		r.bytes += n
	}
}

// count counts the request as over, which is done before its client can know: then whoever has the answer finds it counted.
func (r *record) count() (d time.Duration) {
	d = time.Since(r.began)
	if r.turned {
		if r.w.tally != nil {
			r.w.tally.bytes.Add(uint64(r.bytes))
		}
		return d
	}
	if r.status == 0 {
		r.status = StatusGone
	}
	if r.w.tally != nil {
		r.w.tally.add(r.method, r.status, d, r.bytes)
	}
	if r.w.Slow != nil && d >= slowLeast {
		r.w.Slow.note(r.asked, r.status, d, r.began)
	}
	return d
}

// discount takes count back: the exchange goes on.
func (r *record) discount(d time.Duration) {
	if r.w.tally != nil && r.turned {
		r.w.tally.bytes.Add(-uint64(r.bytes))
	} else if r.w.tally != nil {
		r.w.tally.remove(r.method, r.status, d, r.bytes)
	}
}

// end tells of the end of the request and lets go of the record.
func (r *record) end(d time.Duration, cut bool) {
	w := r.w
	if w.Log != nil {
		if !r.headed {
			r.notes = w.Log.Head(r.notes, nil)
		}
		r.done = Done{Status: r.status, Bytes: r.bytes, Began: r.began, Duration: d, Cut: cut}
		w.Log.End(r.notes, &r.done)
	}
	if cap(r.notes) > keptNotes {
		r.notes = nil
	}
	r.next = nil
	w.free.Put(r)
}

// keptNotes bounds what a record holds between two requests.
const keptNotes = 8 << 10

// Respond implements httpserver.Answerer. A head that is refused ends nothing: the handler tries again.
func (r *record) Respond(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	before := r.begin(h)
	r.sent(int64(len(body)))
	d := r.count()
	err := r.next.Respond(x, h, body)
	if goesOn(err) {
		r.discount(d)
		r.undo(before)
		return err
	}
	r.end(d, err != nil)
	return err
}

// Start implements httpserver.Answerer.
func (r *record) Start(x *httpserver.Exchange, h *httpserver.Head) error {
	before := r.begin(h)
	if h.Status != 101 {
		err := r.next.Start(x, h)
		if err != nil {
			r.undo(before)
		}
		return err
	}
	// As a request it is over: how long the conversation lasts says nothing of how long requests take.
	r.status = x.Sent(h.Status)
	d := r.count()
	r.turned = true
	err := r.next.Start(x, h)
	if err != nil {
		r.turned = false
		r.discount(d)
		r.undo(before)
	}
	return err
}

// Write implements httpserver.Answerer.
func (r *record) Write(x *httpserver.Exchange, p []byte) error {
	err := r.next.Write(x, p)
	if err == nil {
		r.sent(int64(len(p)))
	}
	return err
}

// SendFile implements httpserver.Answerer.
func (r *record) SendFile(x *httpserver.Exchange, f *os.File, off, n int64) error {
	err := r.next.SendFile(x, f, off, n)
	if err == nil {
		r.sent(n)
	}
	return err
}

// Finish implements httpserver.Answerer.
func (r *record) Finish(x *httpserver.Exchange, trailers []httpserver.Field) error {
	d := r.count()
	err := r.next.Finish(x, trailers)
	if goesOn(err) {
		r.discount(d)
		return err
	}
	r.end(d, err != nil)
	return err
}

// Inform implements httpserver.Answerer.
func (r *record) Inform(x *httpserver.Exchange, status int, fields []httpserver.Field) error {
	return r.next.Inform(x, status, fields)
}

// Abort implements httpserver.Answerer.
func (r *record) Abort(x *httpserver.Exchange) {
	d, next := r.count(), r.next
	r.end(d, true)
	next.Abort(x)
}

// Pull implements httpserver.Answerer.
func (r *record) Pull(x *httpserver.Exchange) { r.next.Pull(x) }

// goesOn reports whether a call that returned err did not end the exchange.
func goesOn(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, httpserver.ErrMisuse) {
		return true
	}
	_, refused := errors.AsType[*httpserver.HeadError](err)
	return refused
}
