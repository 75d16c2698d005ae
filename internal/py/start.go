package py

// #include <stdlib.h>
// #include "py.h"
import "C"

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Boot says which Python to load.
type Boot struct {
	Library    string // path of the shared libpython
	Executable string // the python whose environment (venv, site-packages) it is
	Faces      string // folder that holds the package puff
	Name       string // what sys.executable is to be. Default: Executable
}

// Start runs Python on a thread of its own in a process that began as Go: tests and
// programs that embed Puff. It returns at once; the returned function waits for the
// program that Python runs to end and returns its status. Once per process.
func Start(b Boot) (wait func() int, err error) {
	if Hosted() != GoFirst {
		return nil, fmt.Errorf("start Python: it began this process")
	}
	info := (*C.py_boot_info)(C.calloc(1, C.sizeof_py_boot_info)) // kept for ever
	info.library, info.executable = C.CString(b.Library), C.CString(b.Executable)
	info.faces = C.CString(b.Faces)
	if b.Name != "" {
		info.name = C.CString(b.Name)
	}
	info.program = 1
	if errno := C.py_start_thread(info); errno != 0 {
		return nil, fmt.Errorf("start Python: %w", syscall.Errno(errno))
	}
	return func() int { return int(C.py_wait_thread()) }, nil
}

// Signals returns a channel of the given signals that works whoever began the
// process; handlers that Python sets later are called as well. Call it once.
func Signals(ctx context.Context, signals ...syscall.Signal) <-chan os.Signal {
	out := make(chan os.Signal, 16)
	if Hosted() == GoFirst {
		for _, s := range signals {
			signal.Notify(out, s)
		}
		context.AfterFunc(ctx, func() { signal.Stop(out) })
		return out
	}
	r, w, err := os.Pipe()
	if err != nil {
		close(out)
		return out
	}
	numbers := make([]C.int, len(signals))
	for i, s := range signals {
		numbers[i] = C.int(s)
	}
	fd := C.int(w.Fd())
	_ = syscall.SetNonblock(int(fd), true) // a handler may never block
	C.py_watch_signals(fd, &numbers[0], C.int(len(numbers)))
	go func() {
		// Owned by the process: the handler may write until it ends.
		defer w.Close()
		var b [1]byte
		for {
			if _, err := r.Read(b[:]); err != nil {
				return
			}
			select {
			case out <- syscall.Signal(b[0]):
			default:
			}
		}
	}()
	return out
}
