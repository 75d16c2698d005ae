package embedded

// A server that is a program of its own.

import (
	"os"
	"os/exec"
	"syscall"
)

// process is a child of the guardian's.
type process struct {
	command func() *exec.Cmd
	ask     syscall.Signal // has it end well; also what the system sends when the guardian dies
	running *os.Process
	over    chan struct{}
}

// launch starts the child on the calling thread.
func (p *process) launch() (pid int, err error) {
	cmd := p.command()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = p.ask
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	p.running, p.over = cmd.Process, make(chan struct{})
	over := p.over
	go func() { // ends with the child
		_ = cmd.Wait()
		close(over)
	}()
	return cmd.Process.Pid, nil
}

func (p *process) stop()                  { _ = p.running.Signal(p.ask) }
func (p *process) kill()                  { _ = syscall.Kill(-p.running.Pid, syscall.SIGKILL) }
func (p *process) ended() <-chan struct{} { return p.over }
