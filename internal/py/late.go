package py

// #include "py.h"
import "C"

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// watchLate wakes the dispatcher for calls that a turn of Python's has kept to itself for
// too long, see late.c, until the runtime is closed.
func (rt *Runtime) watchLate(clock *os.File) {
	defer clock.Close()
	end := context.AfterFunc(rt.ctx, func() { _ = clock.SetReadDeadline(time.Unix(1, 0)) })
	defer end()
	var b [8]byte
	for rt.ctx.Err() == nil {
		if _, err := clock.Read(b[:]); err == nil && rt.office.sleeping.CompareAndSwap(1, 0) {
			rt.office.wake()
		}
	}
}

// openLate opens the clock of late.c.
func openLate() (*os.File, error) {
	fd, err := syscall.Dup(int(C.py_late_open()))
	if err != nil {
		return nil, fmt.Errorf("open clock: %w", err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "clock"), nil // non-blocking: reads park in the poller
}
