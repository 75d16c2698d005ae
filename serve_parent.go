package puff

// The parent of "puff serve": it opens the sockets and looks after the workers, each of
// which is this program again, with a Python in it.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/supervisor"
	"github.com/puffstack/puff/internal/systemd"
)

// workerPlace is what this process was told if it is a worker, else "".
func workerPlace() string {
	if py.Hosted() == py.GoFirst {
		return os.Getenv(supervisor.Variable)
	}
	return py.Carried()
}

// ofParent are the variables that are for this process alone: a worker would take the
// sockets of systemd for its own.
var ofParent = []string{"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID=", "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=",
	supervisor.ParentVariable + "=",
}

// workerEnvironment is what this process began with, before an env file added to it: a
// worker that replaces another reads that again.
func (a *App) workerEnvironment() []string {
	return slices.DeleteFunc(slices.Clone(a.environ), func(line string) bool {
		return slices.ContainsFunc(ofParent, func(name string) bool { return strings.HasPrefix(line, name) })
	})
}

// supervise runs workers until a signal ends them; d is nil but for "puff dev".
func (a *App) supervise(ctx context.Context, s ServeConfig, app string, d *development) error {
	log := newLogger(os.Stderr, d.parentLevel(s), s.LogFormat)
	// Go would end the process when whoever reads its log goes away.
	signal.Ignore(syscall.SIGPIPE)
	var heritage *supervisor.Heritage
	if text := os.Getenv(supervisor.ParentVariable); text != "" {
		var err error
		if heritage, err = supervisor.Inherit(text); err != nil {
			return err
		}
	}
	manager := managerOf(log)
	sockets, err := openSockets(ctx, &s, heritage)
	if err != nil {
		return err
	}
	defer sockets.closeAll()
	urls := sockets.urls(&s)
	parent := supervisor.New(supervisor.Config{
		Sockets:         sockets,
		Workers:         max(workersOf(&s), len(sockets.slots)),
		Command:         supervisor.Command{Env: a.workerEnvironment()},
		GracefulTimeout: s.GracefulTimeout,
		WorkerTimeout:   s.WorkerTimeout,
		MaxAge:          s.MaxAge,
		MaxRSS:          int64(s.MaxRSS) * 1_000_000,
		PIDFile:         s.PIDFile,
		Heritage:        heritage,
		HeirEnv:         manager.environment(),
		Note:            sockets.note,
		Started: func(all []supervisor.Ready) {
			sockets.adopt()
			announce(&s, log, app, urls, all, d)
			manager.notify(systemd.Ready, systemd.Status("serves "+app+" on "+strings.Join(urls, " ")))
		},
		Reloading: manager.reloading,
		Succeeded: func(pid int) {
			sockets.release()
			manager.notify(systemd.MainPID(pid))
		},
		Draining: func() { manager.notify(systemd.Stopping) },
		Logger:   log,
	})
	if s.Metrics != "" {
		operators, err := openOperators(ctx, &s, fleet(parent), heritage != nil)
		if err != nil {
			return err
		}
		defer operators.close()
	}
	release := manager.watch(ctx, parent)
	err = d.watching(ctx, parent, func() error { return parent.Run(ctx) })
	release()
	if exit, ok := errors.AsType[*supervisor.ExitError](err); ok {
		return Exit{Code: exit.Code}
	}
	return err
}

// announce says in one line where to look, and what answers there.
func announce(s *ServeConfig, log *slog.Logger, app string, urls []string, workers []supervisor.Ready, d *development) {
	mode := map[string]string{
		"wsgi": "WSGI, greenlets", "asgi": "ASGI", failedInterface: "once it is repaired",
	}[workers[0].Interface]
	number := ""
	if len(workers) > 1 {
		number = fmt.Sprintf(", %d workers", len(workers))
	}
	line := fmt.Sprintf("puff %s serves %s (%s) on %s with Python %s%s",
		Version, app, mode, strings.Join(urls, " "), workers[0].Python, number)
	if workers[0].Interface == onlyFiles {
		line = fmt.Sprintf("puff %s serves files on %s%s", Version, strings.Join(urls, " "), number)
	}
	line += d.announcement()
	if s.LogFormat == "json" {
		log.Info(line) // there every line is a record
		return
	}
	fmt.Fprintln(os.Stderr, line)
}
