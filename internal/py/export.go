package py

// What C calls: the thread of Python that asks runs what it asks for itself, as far as
// that goes without waiting (ask.c). Nothing here waits either.

// #include <stdlib.h>
// #include "py.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"unsafe"
)

//export py_export_ask
func py_export_ask(lane C.uint32_t, request *C.uint8_t, n C.uint64_t, a *C.py_asked) C.int {
	rt := opened.Load()
	if rt == nil || !rt.enter() {
		return C.PY_ASK_NO
	}
	defer rt.run.Done()
	l := rt.Lane(int(lane))
	if l == nil {
		return C.PY_ASK_NO
	}
	var went C.int
	err := recovered(func() error {
		l.asked = rt.ask(unsafe.Slice((*byte)(unsafe.Pointer(request)), int(n)))
		if l.asked == nil {
			went = C.PY_ASK_NO
			return nil
		}
		a.fd = C.int(l.asked.FD())
		went = C.PY_ASK_WAITS
		return nil
	})
	if err != nil {
		return answerTo(a, nil, err)
	}
	return went
}

//export py_export_ask_on
func py_export_ask_on(lane C.uint32_t, a *C.py_asked) C.int {
	rt := opened.Load()
	if !rt.enter() {
		return C.PY_ASK_WAITS // whoever it is handed to refuses
	}
	defer rt.run.Done()
	l := rt.Lane(int(lane))
	var out any
	var err error
	done := true
	if e := recovered(func() error { out, err, done = l.asked.Poll(); return nil }); e != nil {
		err, done = e, true
	}
	if !done {
		return C.PY_ASK_WAITS
	}
	l.asked = nil
	return answerTo(a, out, err)
}

//export py_export_ask_over
func py_export_ask_over(lane C.uint32_t, ticket C.uint64_t) {
	rt := opened.Load()
	l := rt.Lane(int(lane))
	p := l.asked
	l.asked = nil
	if !rt.enter() {
		_, err := p.Wait(rt.ctx) // has ended: so it does not wait
		if err == nil {
			err = ErrClosed
		}
		l.finish(uint64(ticket), nil, err, true)
		return
	}
	defer rt.run.Done()
	rt.work(l, uint64(ticket), func(ctx context.Context) (out any, err error) {
		if e := recovered(func() error { out, err = p.Wait(ctx); return nil }); e != nil {
			return nil, e
		}
		return out, err
	})
}

// recovered turns a panic into an error, as protect does.
func recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Kind: "puff.errors.GoPanic", Message: fmt.Sprint(p), Detail: string(debug.Stack())}
		}
	}()
	return f()
}

// answerTo leaves an answer where the thread finds it.
func answerTo(a *C.py_asked, out any, err error) C.int {
	rt := opened.Load()
	b, kind, value := rt.encode(out, err)
	a.kind = C.uint8_t(kind)
	a.size = C.uint64_t(len(value))
	if len(value) > len(a.room) {
		a.value = (*C.uint8_t)(C.malloc(C.size_t(len(value)))) // freed by who reads it
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(a.value)), len(value)), value)
	rt.keep(b, value)
	return C.PY_ASK_DONE
}

// enter has Close wait until run.Done is called; false: it does not wait any more.
func (rt *Runtime) enter() bool {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.closed {
		return false
	}
	rt.run.Add(1)
	return true
}

// ask begins what Python asks for, if that can be done now.
func (rt *Runtime) ask(request []byte) Pending {
	name, args, err := readRequest(request)
	if err != nil {
		return nil // said by who is asked next
	}
	e := (*rt.funcs.Load())[name]
	if e == nil || e.direct == nil {
		return nil
	}
	return e.direct(args)
}

var errRequest = errors.New("it is no tuple of a name and arguments")

// readRequest reads a tuple of a name and arguments.
func readRequest(b []byte) (name string, args []any, err error) {
	v, err := DecodeAll(b)
	if err != nil {
		return "", nil, err
	}
	t, ok := v.(Tuple)
	if !ok || len(t) == 0 {
		return "", nil, errRequest
	}
	name, _ = t[0].(string)
	return name, t[1:], nil
}
