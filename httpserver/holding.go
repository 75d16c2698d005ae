// holding.go is for filters that hold an exchange back, or take it from its handler: a queue, a deadline.

package httpserver

import "errors"

// ErrTimeout is told to the peer of an exchange whose time is up. Other than a client that went away it is a reason to stop
// what the handler does.
var ErrTimeout = errors.New("answer request: its time is up")

// Thread is where an exchange is handled and its Peer told: the thread of its loop, or the goroutine of its connection.
type Thread struct{ p poster }

type poster interface{ post(f func()) bool }

// Post has f called on the thread soon, where it may hand exchanges of the thread to a Handler and tell Peers. It may be
// called from any goroutine, never calls f itself and never blocks. False: the thread has ended, and f is not called. An
// exchange that f has to do with may be over by then.
func (t Thread) Post(f func()) bool { return t.p.post(f) }

// Thread returns the thread of x. It is called within Handle only; the Thread may be used as long as one likes.
func (x *Exchange) Thread() Thread { return Thread{x.road.thread()} }

// Watch has Peer.Closed told as soon as the client hangs up, or takes that back: as Pull does, but without asking for a
// body. It does nothing for a request that is not Complete. A client that closes only its sending side has hung up as well.
func (x *Exchange) Watch(on bool) { x.road.watch(x, on) }

// Keep makes the request valid until x is over, and not only until Handle returns. It is called within Handle only.
func (x *Exchange) Keep() {
	r := &x.Request
	parts := []*[]byte{&r.Method, &r.Target, &r.Path, &r.Query, &r.Host, &r.Body}
	for i := range r.Fields {
		parts = append(parts, &r.Fields[i].Name, &r.Fields[i].Value)
	}
	n := 0
	for _, p := range parts {
		n += len(*p)
	}
	all := make([]byte, 0, n)
	for _, p := range parts {
		if *p == nil {
			continue // nil has a meaning: there is none
		}
		from := len(all)
		all = append(all, *p...)
		*p = all[from:len(all):len(all)]
	}
}

// Detach takes the client of x away from its handler. The caller answers client or cuts it off at once, by the Answerer that
// Intercept gave it, and has x.Peer told why. x is dead then, as after Peer.Closed: its handler still ends it, and rest takes
// the calls. client is nil if x is dead or over already.
//
// It is called on the thread of x.
func (x *Exchange) Detach() (client *Exchange, rest Answerer) {
	return x.road.part(x), unfiltered{}
}

// twin returns an exchange for the rest of the answer to x: y, with what outlives Handle.
func (x *Exchange) twin(y *Exchange, r road) *Exchange {
	y.Request = Request{Minor: x.Minor, Scheme: x.Scheme, Fields: y.Fields[:0]}
	y.Tag, y.Data = x.Tag, x.Data
	y.framing, y.answer, y.road, y.front = x.framing, x.answer, r, nil
	return y
}
