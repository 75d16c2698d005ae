package supervisor

// What each signal to the parent does.

import (
	"os"
	"syscall"
)

// signalTable says what the parent does with a signal. None of it is changed.
var signalTable = map[syscall.Signal]func(*Supervisor, syscall.Signal){
	syscall.SIGTERM: (*Supervisor).told,
	syscall.SIGINT:  (*Supervisor).told,
	syscall.SIGHUP:  func(s *Supervisor, _ syscall.Signal) { s.reload() },
	syscall.SIGTTIN: func(s *Supervisor, _ syscall.Signal) { s.more() },
	syscall.SIGTTOU: func(s *Supervisor, _ syscall.Signal) { s.fewer() },
	syscall.SIGUSR2: func(s *Supervisor, _ syscall.Signal) { s.replace() },
	syscall.SIGUSR1: func(s *Supervisor, _ syscall.Signal) { s.reopen() },
}

// signalsHeard lists them.
func signalsHeard() []os.Signal {
	var all []os.Signal
	for sig := range signalTable {
		all = append(all, sig)
	}
	return all
}

// hear does what a signal asks for.
func (s *Supervisor) hear(sig syscall.Signal) {
	if s.stopping && sig != syscall.SIGTERM && sig != syscall.SIGINT {
		return
	}
	signalTable[sig](s, sig)
}

// told ends every worker, at once when it is told a second time.
func (s *Supervisor) told(sig syscall.Signal) {
	if s.stopping {
		s.kill()
		return
	}
	s.log.Info("draining", "signal", sig.String())
	if s.heir != nil {
		_ = syscall.Kill(s.heir.pid, sig) // who has ended need not be told
	}
	s.stop(sig)
}

// reopen has every worker open the files of its log again.
func (s *Supervisor) reopen() {
	for w := range s.workers {
		if err := w.wire.send(message{Kind: kindReopen}); err != nil {
			s.log.Warn("worker can not be told to reopen its log", "pid", w.pid, "error", err)
		}
	}
}
