package py

// Calls of one function that come together: what Python asked for in one turn of a lane
// is read in one go, runs as one job, and its answers are one wake of the lane.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// Batch is how the calls of one name run together.
type Batch struct {
	// Joins reports whether a call with these arguments, encoded one after the other, may
	// be one of several. It runs where calls are read, so it must not block. A call that
	// may not runs by itself, by the [Func] of the name.
	Joins func(args []byte) bool
	// Apart reports whether calls that came together run better each by itself, by the
	// [Func] of the name. Like Joins it must not block. Default: nil, they do not.
	Apart func(calls []Call) bool
	// Run answers all calls, by [Answer]. Its context ends when the runtime is closed: who
	// gives up waiting for one call gets no answer, and ends nothing but what [Call.OnGone]
	// asked for.
	Run func(ctx context.Context, calls []Call)
	// Ends says that Run uses OnGone. Default: false, it is not told who gave up.
	Ends bool
}

// Call is one of a batch.
type Call struct {
	// Args are the arguments, encoded one after the other, and Text the same bytes.
	Args []byte
	Text string

	lane     *Lane
	ticket   uint64
	start    int // of Args among those of all, while they are gathered
	end      int
	kind     Kind // of the answer, which start and end are then of
	answered bool
	gone     bool   // the caller gave up before it was started
	leave    *leave // nil: nobody wants to know
}

// leave is whether a caller gave up.
type leave struct {
	mu   sync.Mutex
	gone bool
	f    func()
}

// OnGone has f called once Python gives up waiting for the call, or the runtime is closed:
// now, if that was before, else where Python's calls are read, so it must not wait, and must
// not answer. It may be called a moment after the call was answered. For a [Batch] that Ends.
func (c *Call) OnGone(f func()) {
	c.leave.mu.Lock()
	gone := c.leave.gone
	c.leave.f = f
	c.leave.mu.Unlock()
	if gone {
		f()
	}
}

// left notes that the caller gave up.
func (l *leave) left() {
	l.mu.Lock()
	l.gone = true
	f := l.f
	l.mu.Unlock()
	if f != nil {
		f()
	}
}

// maxTogether is the most calls of a batch.
const maxTogether = 256

// gathered are the calls of a name that were read since the last of them was started.
type gathered struct {
	args  []byte
	calls []Call
}

// errForgotten is what a call gets that Run does not answer.
var errForgotten = errors.New("call Go: the call was not answered")

// HandleTogether has calls of name that join run together. The name has a [Func] already.
func (rt *Runtime) HandleTogether(name string, b Batch) {
	rt.change(name, func(e *entry) { e.together = &b })
}

// gather adds a call to those that e runs together. Only where calls are read.
func (rt *Runtime) gather(e *entry, lane *Lane, ticket uint64, args []byte) {
	g := &e.gathered
	if len(g.calls) == 0 {
		rt.due = append(rt.due, e)
	}
	start := len(g.args)
	g.args = append(g.args, args...)
	g.calls = append(g.calls, Call{lane: lane, ticket: ticket, start: start, end: len(g.args)})
	if len(g.calls) == maxTogether {
		rt.startGathered()
	}
}

// startGathered starts what was gathered.
func (rt *Runtime) startGathered() {
	for i, e := range rt.due {
		g := e.gathered
		e.gathered, rt.due[i] = gathered{}, nil
		for j := range g.calls {
			c := &g.calls[j]
			c.Args = g.args[c.start:c.end:c.end]
		}
		if e.together.Apart != nil && e.together.Apart(g.calls) {
			for j := range g.calls {
				rt.apart(e, &g.calls[j])
			}
			continue
		}
		if e.together.Ends {
			rt.watch(g.calls)
		}
		rt.crew.start(func() { rt.together(e.together, g) })
	}
	rt.due = rt.due[:0]
}

// apart runs a call that was gathered by itself.
func (rt *Runtime) apart(e *entry, c *Call) {
	if c.gone {
		return
	}
	var args []any
	for r := NewReader(c.Args); r.Len() > 0; {
		v, err := DecodeAll(r.Raw())
		if err != nil {
			c.lane.finish(c.ticket, nil, fmt.Errorf("call Go: read the request: %w", err), false)
			return
		}
		args = append(args, v)
	}
	rt.work(c.lane, c.ticket, func(ctx context.Context) (any, error) { return protect(ctx, e.f, args) })
}

// watch has calls hear of callers that give up.
func (rt *Runtime) watch(calls []Call) {
	leaves := make([]leave, len(calls))
	rt.mu.Lock()
	defer rt.mu.Unlock()
	for i := range calls {
		c := &calls[i]
		c.leave = &leaves[i]
		c.leave.gone = c.gone
		rt.running[c.ticket] = c.leave.left
	}
}

// goneBefore notes that the caller of what was gathered, and was not started, gave up.
func (rt *Runtime) goneBefore(ticket uint64) {
	for _, e := range rt.due {
		for i := range e.gathered.calls {
			if c := &e.gathered.calls[i]; c.ticket == ticket {
				c.gone = true
			}
		}
	}
}

// together runs a batch, and answers what that does not.
func (rt *Runtime) together(b *Batch, g gathered) {
	if !b.Ends { // else they are counted one by one
		rt.batched.Add(int64(len(g.calls)))
		defer rt.batched.Add(-int64(len(g.calls)))
	}
	text := string(g.args)
	for i := range g.calls {
		c := &g.calls[i]
		c.Text = text[c.start:c.end]
	}
	err := errForgotten
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Kind: "puff.errors.GoPanic", Message: fmt.Sprint(p), Detail: string(debug.Stack())}
		}
		left := slices.DeleteFunc(g.calls, func(c Call) bool { return c.answered })
		Answer(left, func(int, []byte) ([]byte, error) { return nil, err })
	}()
	b.Run(rt.ctx, g.calls)
}

// Answer answers calls: write appends the value for number i to b, or returns the error
// that the caller gets. A lane that gets several answers is woken once. It does not wait.
func Answer(calls []Call, write func(i int, b []byte) ([]byte, error)) {
	forget(calls)
	var values []byte
	for from := 0; from < len(calls); {
		values = values[:0]
		lane, to := calls[from].lane, from
		for to < len(calls) && calls[to].lane == lane && len(values) < mostAtOnce {
			values = calls[to].encode(values, func(b []byte) ([]byte, error) { return write(to, b) })
			to++
		}
		lane.postAnswers(calls[from:to], values)
		from = to
	}
}

// forget has nobody told any more that callers give up.
func forget(calls []Call) {
	if len(calls) == 0 || calls[0].leave == nil {
		return
	}
	rt := calls[0].lane.rt
	rt.mu.Lock()
	defer rt.mu.Unlock()
	for i := range calls {
		delete(rt.running, calls[i].ticket)
	}
}

// mostAtOnce is how many bytes of answers are gathered before they are written.
const mostAtOnce = 64 << 10

// encode appends the answer to values.
func (c *Call) encode(values []byte, write func([]byte) ([]byte, error)) []byte {
	c.answered = true
	c.start, c.kind = len(values), KindResult
	b, err := write(values)
	if err != nil {
		c.kind = KindError
		b = appendError(values, err)
	}
	c.end = len(b)
	return b
}

// postAnswers writes the answers to calls of this lane, which waits for them: it is woken
// once. Those for which there is no room wait for it elsewhere: whoever answers has others
// to answer.
func (l *Lane) postAnswers(calls []Call, values []byte) {
	calls = calls[l.postSome(calls, values):]
	if len(calls) == 0 || l.closed() {
		return
	}
	calls, values = slices.Clone(calls), bytes.Clone(values)
	l.rt.crew.start(func() {
		for _, c := range calls {
			if l.post(c.kind, c.ticket, 0, values[c.start:c.end]) != nil {
				return // it has ended, and nobody waits
			}
		}
	})
}

// postSome writes the answers for which there is room, and returns how many that were.
func (l *Lane) postSome(calls []Call, values []byte) (n int) {
	l.mu.Lock()
	for n < len(calls) && l.general.put(calls[n].kind, calls[n].ticket, 0, values[calls[n].start:calls[n].end]) {
		n++
	}
	l.mu.Unlock()
	l.wake()
	return n
}
