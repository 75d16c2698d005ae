package supervisor

// How a worker's process begins and ends. All begin on one thread that lives as long as
// the parent: the kernel ends a child when the thread that made it ends.

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Command is how to run the program again. The zero Command is this process's own.
type Command struct {
	// Path is the program. Default: that of this process.
	Path string
	// Args is its command line, with its name. Default: os.Args.
	Args []string
	// Env is its environment. Default: that of this process.
	Env []string
}

func (c Command) withDefaults() (Command, error) {
	if c.Path == "" {
		self, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("find this program: %w", err)
		}
		c.Path = self
	}
	if c.Args == nil {
		c.Args = os.Args
	}
	if c.Env == nil {
		c.Env = os.Environ()
	}
	return c, nil
}

// firstExtra is the number that the first of exec.Cmd's ExtraFiles has in the child.
const firstExtra = 3

// worker returns the command of a worker, which gets far.
func (c Command) worker(slot int, far *os.File) *exec.Cmd {
	text, _ := json.Marshal(place{Slot: slot, FD: firstExtra}) // two integers
	return &exec.Cmd{
		Path: c.Path, Args: c.Args, Env: append(c.Env[:len(c.Env):len(c.Env)], Variable+"="+string(text)),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		ExtraFiles: []*os.File{far},
		// One that can not hear of its parent's end by the channel yet ends by this.
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	}
}

// nursery starts processes, all on one thread.
type nursery struct {
	orders chan func()
	ended  chan struct{}
}

func newNursery() *nursery {
	n := &nursery{orders: make(chan func()), ended: make(chan struct{})}
	go func() {
		defer close(n.ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for f := range n.orders {
			f()
		}
	}()
	return n
}

// start starts c.
func (n *nursery) start(c *exec.Cmd) error {
	done := make(chan error, 1)
	n.orders <- func() { done <- c.Start() }
	return <-done
}

// close ends the thread, and with it every child that is left.
func (n *nursery) close() {
	close(n.orders)
	<-n.ended
}

// exitText says how a process ended.
func exitText(p *os.ProcessState) string {
	status, ok := p.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprintf("status %d", p.ExitCode())
}
