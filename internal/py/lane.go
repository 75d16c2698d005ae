package py

// Stop 4 of 5: a request comes from the glue (internal/wsgi, internal/asgi) as a
// value and goes on to the Python side of the lane (python/puff/_wsgi.py,
// _asgi.py), by way of a ring that ring.c and module.c read.

// #include "py.h"
import "C"

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Handle names an object of Python. Zero names none.
type Handle uint64

// Lane is a thread or event loop of Python that takes messages one batch at a time.
type Lane struct {
	ID int

	rt *Runtime
	c  *C.py_lane

	roused atomic.Bool // the lane is in rt.rouse

	asked Pending // what the lane's thread asked for and waits for itself; only it has to do with it

	mu      sync.Mutex
	general ring // many writers, one at a time
}

// wake wakes the lane if it sleeps. The record must be visible before: put stores
// the tail with a full barrier.
func (l *Lane) wake() {
	if sleeping := l.sleeping(); sleeping.Load() != 0 && sleeping.CompareAndSwap(1, 0) {
		wakeFD(int(l.c.fd))
	}
}

// sleeping is 1 while the lane sleeps and wants to be woken.
func (l *Lane) sleeping() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&l.c.sleeping)) }

func (l *Lane) closed() bool { return (*atomic.Uint32)(unsafe.Pointer(&l.c.closed)).Load() != 0 }

// Taken counts the records the lane has taken: one that does not grow while there
// is work belongs to a lane that hangs.
func (l *Lane) Taken() uint64 { return (*atomic.Uint64)(unsafe.Pointer(&l.c.taken)).Load() }

// post writes a record, waiting while the ring is full: the lane is behind, so who
// asks for more waits.
func (l *Lane) post(kind Kind, ticket, target uint64, value []byte) error {
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		if l.closed() {
			return ErrClosed
		}
		l.mu.Lock()
		ok := l.general.put(kind, ticket, target, value)
		l.mu.Unlock()
		l.wake()
		if ok {
			return nil
		}
		select {
		case <-l.rt.ctx.Done():
			return ErrClosed
		case <-time.After(wait):
		}
	}
}

// Post is Call for which nobody waits.
func (l *Lane) Post(f Handle, args ...any) error {
	value, err := Append(nil, Tuple(args))
	if err != nil {
		return err
	}
	return l.post(KindCall, l.rt.office.ticket(ticketMask), uint64(f), value)
}

// Call calls f on the lane with args as one tuple and waits for what it returns.
// When ctx ends first, what runs there is cancelled, and Call returns its end: an
// [*Error] that the program made of it, or ctx's error.
func (l *Lane) Call(ctx context.Context, f Handle, args ...any) (any, error) {
	value, err := Append(nil, Tuple(args))
	if err != nil {
		return nil, err
	}
	rt := l.rt
	c := make(chan answer, 1)
	rt.mu.Lock()
	rt.last++
	id := rt.last
	rt.asked[id] = c
	rt.mu.Unlock()
	ticket := rt.office.ticket(id)
	forget := func() {
		rt.mu.Lock()
		delete(rt.asked, id)
		rt.mu.Unlock()
	}
	err = l.post(KindCall, ticket, uint64(f), value)
	if err == nil && l.closed() && len(c) == 0 {
		err = ErrClosed // written perhaps after it was emptied: nobody would answer
	}
	if err != nil {
		forget()
		return nil, err
	}
	select {
	case a := <-c:
		return a.value, a.err
	case <-rt.ctx.Done():
		forget()
		return nil, ErrClosed
	case <-ctx.Done():
	}
	if err := l.post(KindCancel, ticket, 0, nil); err != nil {
		forget()
		return nil, ctx.Err()
	}
	select {
	case a := <-c:
		var e *Error
		if errors.As(a.err, &e) && e.Cancelled() {
			return nil, ctx.Err()
		}
		return a.value, a.err
	case <-rt.ctx.Done():
		forget()
		return nil, ErrClosed
	}
}

// Release forgets an object of Python.
func (l *Lane) Release(h Handle) error { return l.post(kindRelease, 0, uint64(h), nil) }

// Define makes value number id among the shared values: a dict for [AppendCopy],
// anything else for [AppendKey]. Defined once, before the first message that uses it.
func (l *Lane) Define(id uint16, value any) error {
	b, err := Append(nil, value)
	if err != nil {
		return err
	}
	return l.post(kindDefine, uint64(id), 0, b)
}

// Stop ends the lane: its loop returns when what runs on it is over.
func (l *Lane) Stop() error { return l.post(kindStop, 0, 0, nil) }

// finish answers a call that Python made. alone: no other runs.
func (l *Lane) finish(ticket uint64, out any, err error, alone bool) {
	b, kind, value := l.rt.encode(out, err)
	l.mu.Lock()
	ok := !l.closed() && l.general.put(kind, ticket, 0, value)
	l.mu.Unlock()
	if ok {
		l.rouse(alone)
	} else {
		// A lane that has ended has nobody who waits.
		_ = l.post(kind, ticket, 0, value)
	}
	l.rt.keep(b, value)
}

// encode encodes an answer, in memory that keep takes back: nil when it was encoded before.
func (rt *Runtime) encode(out any, err error) (b *[]byte, kind Kind, value []byte) {
	if raw, ok := out.(Raw); ok && err == nil && len(raw) <= maxValue {
		return nil, KindResult, raw
	}
	b = rt.buffers.Get().(*[]byte)
	if err == nil {
		value, err = Append((*b)[:0], out)
	}
	if err != nil {
		return b, KindError, appendError((*b)[:0], err)
	}
	return b, KindResult, value
}

// keep keeps the memory of an answer for the next one.
func (rt *Runtime) keep(b *[]byte, value []byte) {
	const most = 1 << 20
	if b != nil && cap(value) <= most {
		*b = value
		rt.buffers.Put(b)
	}
}
