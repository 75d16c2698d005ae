package py

// #include "py.h"
import "C"

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Office is where Go reads what Python sends: answers to the tickets that bear its
// number, and what channels send. It has one reader.
type Office struct {
	c        *C.py_office
	ring     ring
	sleeping *atomic.Uint32
	owed     bool    // whoever took the mark has not written to fd yet
	message  Message // the one being read: kept, so that reading makes no garbage
}

// ErrClosed is what waits get when the runtime or the lane they wait for has ended.
var ErrClosed = errors.New("call Python: it has ended")

func openOffice(size int) (*Office, error) {
	c := C.py_office_open(C.uint64_t(size))
	if c == nil {
		return nil, errors.New("open office: there are too many, or no memory or file descriptors are left")
	}
	return &Office{
		c:        c,
		ring:     newRing(&c.ring),
		sleeping: (*atomic.Uint32)(unsafe.Pointer(&c.sleeping)),
	}, nil
}

// shut has Python get an error for what it writes from now on.
func (o *Office) shut() { C.py_office_shut(o.c) }

func (o *Office) close() { C.py_office_close(o.c) }

// ticket adds the office's number to a ticket of 56 bits.
func (o *Office) ticket(t uint64) uint64 { return uint64(o.c.id)<<56 | t&ticketMask }

// fd is readable when there is something to read and park returned true.
func (o *Office) fd() int { return int(o.c.fd) }

// drain reads all there is and returns how many records that was.
func (o *Office) drain(receive func(*Message)) int {
	m := &o.message
	n := 0
	for {
		head, spilled, ok := o.ring.next(m)
		if !ok {
			return n
		}
		m.Ticket &= ticketMask
		receive(m)
		o.ring.done(head, spilled)
		n++
	}
}

// park reports whether the reader may sleep: fd becomes readable when it should
// not any more.
func (o *Office) park() bool {
	if o.owed {
		o.clear()
	}
	o.sleeping.Store(1)
	if o.ring.empty() {
		return true
	}
	o.unpark()
	return false
}

// unpark takes the mark back; whoever took it first has written to fd, or will.
func (o *Office) unpark() {
	if !o.sleeping.CompareAndSwap(1, 0) {
		o.clear()
	}
}

// clear takes the wake out of fd, that of whoever took the mark: it may come a moment
// later, and if it stayed there nobody could sleep on fd again.
func (o *Office) clear() {
	var b [8]byte
	_, _, e := syscall.RawSyscall(syscall.SYS_READ, uintptr(o.c.fd), uintptr(unsafe.Pointer(&b)), 8)
	o.owed = e == syscall.EAGAIN
}

func (o *Office) wake() { wakeFD(int(o.c.fd)) }

// wakeFD makes an eventfd readable.
func wakeFD(fd int) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], 1)
	for {
		_, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b)), 8)
		if e != syscall.EINTR {
			return
		}
	}
}

// serve reads until ctx ends, asleep in Go's own poller in between. Whenever it has read
// all there is, it calls drained.
func (o *Office) serve(ctx context.Context, receive func(*Message), drained func()) {
	fd, err := syscall.Dup(o.fd())
	if err != nil {
		panic(fmt.Sprintf("duplicate eventfd: %v", err))
	}
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "office") // non-blocking: reads park in the poller
	defer f.Close()
	end := context.AfterFunc(ctx, o.wake)
	defer end()
	var b [8]byte
	for ctx.Err() == nil {
		if o.drain(receive) > 0 {
			drained()
			continue
		}
		if !o.park() {
			continue
		}
		_, _ = f.Read(b[:])
		o.sleeping.Store(0)
	}
}
