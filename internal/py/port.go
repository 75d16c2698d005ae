package py

// #include "py.h"
import "C"

import (
	"context"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Port is a way into a lane with one writer, and an office for the answers with
// the same one as reader: an event loop, or a goroutine. None of its methods locks,
// blocks or allocates in the common case, and none may be called by two at once.
type Port struct {
	lane     *Lane
	ring     ring
	starved  *atomic.Uint32 // the lane wakes us when there is room
	since    *atomic.Uint64 // when the ring was last found empty
	measured *atomic.Uint32 // somebody wants to know
	office   *Office
	overflow []record // written when the lane is behind; bounded by who asks
	dirty    bool     // written since the last Flush
	parked   bool     // the reader may be asleep
}

type record struct {
	kind           Kind
	ticket, target uint64
	value          []byte
}

// OpenPort opens a port whose ring holds size bytes, a power of two.
func (l *Lane) OpenPort(size int) (*Port, error) {
	c := C.py_port_open(l.c, C.uint64_t(size))
	if c == nil {
		return nil, fmt.Errorf("open port: lane %d has %d already", l.ID, C.PY_MAX_PORTS)
	}
	office, err := openOffice(size)
	if err != nil {
		return nil, err
	}
	c.office = office.c
	starved := (*atomic.Uint32)(unsafe.Pointer(&c.starved))
	return &Port{
		lane: l, ring: newRing(&c.ring), starved: starved, office: office,
		since:    (*atomic.Uint64)(unsafe.Pointer(&c.since)),
		measured: (*atomic.Uint32)(unsafe.Pointer(&l.c.measured)),
	}, nil
}

// Shut has channels hear at once, from now on, that nobody is at their other end. What they
// have sent before is there to be drained, and those who sent it wait for an answer.
func (p *Port) Shut() { p.office.shut() }

// Close ends the answers. Nobody may use the port after.
func (p *Port) Close() error { p.office.close(); return nil }

func (p *Port) put(kind Kind, ticket, target uint64, value []byte) {
	p.dirty = true
	// Before the record can be seen: the lane notes how long the first of a batch waited.
	if p.measured.Load() != 0 && p.ring.empty() {
		p.since.Store(p.lane.rt.clock.now())
	}
	if len(p.overflow) == 0 && p.ring.put(kind, ticket, target, value) {
		return
	}
	p.overflow = append(p.overflow, record{kind, ticket, target, append([]byte(nil), value...)})
}

// Call calls f with the encoded value; what it answers comes under ticket (56 bits).
func (p *Port) Call(f Handle, ticket uint64, value []byte) {
	p.put(KindCall, p.office.ticket(ticket), uint64(f), value)
}

// Define makes value number id among the shared values, see [Lane.Define]. Calls that
// follow on this port may use it.
func (p *Port) Define(id uint16, value any) {
	b, err := Append(nil, value)
	if err != nil {
		panic(fmt.Sprintf("define a value of Python's: %v", err)) // ours, and fixed
	}
	p.put(kindDefine, uint64(id), 0, b)
}

// Cancel cancels what runs under ticket.
func (p *Port) Cancel(ticket uint64) { p.put(KindCancel, p.office.ticket(ticket), 0, nil) }

// Push gives the encoded value to a channel that pulled.
func (p *Port) Push(channel uint64, value []byte) { p.put(kindPush, 0, channel, value) }

// Credit lets a channel send n bytes more.
func (p *Port) Credit(channel uint64, n int) { p.put(kindCredit, uint64(n), channel, nil) }

// Hangup tells a channel that nobody is at its other end.
func (p *Port) Hangup(channel uint64) { p.put(kindClose, 0, channel, nil) }

// Flush hands on what was written and wakes the lane if it sleeps.
func (p *Port) Flush() {
	for len(p.overflow) > 0 {
		r := &p.overflow[0]
		if !p.ring.put(r.kind, r.ticket, r.target, r.value) {
			break
		}
		*r = record{}
		p.overflow = p.overflow[1:]
		p.dirty = true
	}
	if len(p.overflow) == 0 {
		p.overflow = nil
	}
	if p.dirty {
		p.dirty = false
		p.lane.wake()
	}
}

// FD is readable when there is something to drain and Park returned true.
func (p *Port) FD() int { return p.office.fd() }

// Drain reads every answer there is and returns how many records that was.
func (p *Port) Drain(receive func(*Message)) int {
	if p.parked {
		p.parked = false
		p.office.unpark()
	}
	return p.office.drain(receive)
}

// Park reports whether the reader may sleep until FD is readable: when there is an
// answer, or room in the ring for what waits for it.
func (p *Port) Park() bool {
	p.Flush()
	waiting := len(p.overflow)
	if waiting > 0 {
		p.starved.Store(1)
	} else if p.starved.Load() != 0 {
		p.starved.Store(0)
	}
	p.parked = p.office.park()
	if !p.parked || waiting == 0 {
		return p.parked
	}
	if p.Flush(); len(p.overflow) < waiting { // there was room meanwhile, and maybe no wake
		p.parked = false
		p.office.unpark()
	}
	return p.parked
}

// Serve drains on the calling goroutine until ctx ends.
func (p *Port) Serve(ctx context.Context, receive func(*Message)) error {
	p.office.serve(ctx, receive, func() {})
	return ctx.Err()
}
