package py

// #include <stdlib.h>
// #include "py.h"
import "C"

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// Kind says what a record asks for: the numbers of enum py_kind.
type Kind uint8

// Kinds of records.
const (
	kindPad     Kind = C.PY_PAD
	KindCall    Kind = C.PY_CALL
	KindResult  Kind = C.PY_RESULT
	KindError   Kind = C.PY_ERROR
	KindCancel  Kind = C.PY_CANCEL
	kindRelease Kind = C.PY_RELEASE
	kindDefine  Kind = C.PY_DEFINE
	kindPush    Kind = C.PY_PUSH
	kindCredit  Kind = C.PY_CREDIT
	kindClose   Kind = C.PY_CLOSE
	kindStop    Kind = C.PY_STOP
	KindSend    Kind = C.PY_SEND
	KindPull    Kind = C.PY_PULL
)

// Message is one record as read. Value is valid until the reader returns.
type Message struct {
	Kind   Kind
	Lane   uint16
	Ticket uint64 // the office's byte taken off
	Target uint64
	Value  []byte
}

const (
	recordSize = int(unsafe.Sizeof(C.py_record{}))
	ticketMask = 1<<56 - 1
)

// ring is the Go view of a ring: one writer, one reader, positions that only grow.
type ring struct {
	head, tail *atomic.Uint64
	data       []byte
}

func newRing(c *C.py_ring) ring {
	return ring{
		head: (*atomic.Uint64)(unsafe.Pointer(&c.head)),
		tail: (*atomic.Uint64)(unsafe.Pointer(&c.tail)),
		data: unsafe.Slice((*byte)(unsafe.Pointer(c.data)), int(c.size)),
	}
}

func (r *ring) empty() bool { return r.head.Load() == r.tail.Load() }

// put writes a record and reports whether there was room for it.
func (r *ring) put(kind Kind, ticket, target uint64, value []byte) bool {
	size := uint64(len(r.data))
	spill := uint64(len(value)) > size/4
	payload := uint64(len(value)+7) &^ 7
	if spill {
		payload = 16
	}
	want := uint64(recordSize) + payload
	tail := r.tail.Load()
	space := size - (tail - r.head.Load())
	at := tail & (size - 1)
	if whole := size - at; whole < want {
		if space < whole+want {
			return false
		}
		(*C.py_record)(unsafe.Pointer(&r.data[at])).kind = C.PY_PAD
		tail += whole
		at = 0
	} else if space < want {
		return false
	}
	rec := (*C.py_record)(unsafe.Pointer(&r.data[at]))
	rec.size = C.uint32_t(len(value))
	rec.kind = C.uint8_t(kind)
	rec.spilled = 0
	rec.ticket = C.uint64_t(ticket)
	rec.target = C.uint64_t(target)
	body := r.data[at+uint64(recordSize) : at+want]
	if spill {
		// Freed by the reader.
		p := C.malloc(C.size_t(len(value)))
		copy(unsafe.Slice((*byte)(p), len(value)), value)
		rec.spilled = 1
		binary.LittleEndian.PutUint64(body, uint64(uintptr(p)))
		binary.LittleEndian.PutUint64(body[8:], uint64(len(value)))
	} else {
		copy(body, value)
	}
	r.tail.Store(tail + want)
	return true
}

// next reads the first record into m; done lets go of it.
func (r *ring) next(m *Message) (done uint64, spilled unsafe.Pointer, ok bool) {
	size := uint64(len(r.data))
	head := r.head.Load()
	for {
		if head == r.tail.Load() {
			return 0, nil, false
		}
		at := head & (size - 1)
		rec := (*C.py_record)(unsafe.Pointer(&r.data[at]))
		if Kind(rec.kind) == kindPad {
			head += size - at
			r.head.Store(head)
			continue
		}
		n := uint64(rec.size)
		body := r.data[at+uint64(recordSize):]
		m.Kind, m.Lane = Kind(rec.kind), uint16(rec.lane)
		m.Ticket, m.Target = uint64(rec.ticket), uint64(rec.target)
		if rec.spilled != 0 {
			// The pointer was written by C and is C's memory: no business of Go's collector.
			spilled = *(*unsafe.Pointer)(unsafe.Pointer(&body[0]))
			m.Value = unsafe.Slice((*byte)(spilled), n)
			return head + uint64(recordSize) + 16, spilled, true
		}
		m.Value = body[:n:n]
		return head + uint64(recordSize) + (n+7)&^7, nil, true
	}
}

func (r *ring) done(head uint64, spilled unsafe.Pointer) {
	if spilled != nil {
		C.free(spilled)
	}
	r.head.Store(head)
}
