package puff

// What the manager of the system, systemd, is told by the parent of "puff serve".

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"github.com/puffstack/puff/internal/supervisor"
	"github.com/puffstack/puff/internal/systemd"
)

// manager is whom the parent tells how it is.
type manager struct {
	to  *systemd.Notifier
	log *slog.Logger
}

func managerOf(log *slog.Logger) *manager {
	return &manager{systemd.FromEnvironment(), log}
}

// notify tells states. A manager that does not listen changes nothing about serving.
func (m *manager) notify(states ...string) {
	if err := m.to.Notify(states...); err != nil {
		m.log.Warn("the manager of the system was not told", "error", err)
	}
}

// reloading tells of a reload, and that it is over.
func (m *manager) reloading(over bool) {
	if over {
		m.notify(systemd.Ready)
		return
	}
	m.notify(systemd.Reloading())
}

// watch gives signs of life while some worker serves, until the function it returns was
// called.
func (m *manager) watch(ctx context.Context, parent *supervisor.Supervisor) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		err := m.to.Watch(ctx, func(context.Context) bool { return serves(parent.Snapshot()) })
		if err != nil {
			m.log.Error("the watchdog of the system is not fed any more", "error", err)
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// serves reports whether a worker does, or has until now.
func serves(s supervisor.Snapshot) bool {
	for _, w := range s.Workers {
		if w.State == supervisor.Serving || w.State == supervisor.Draining {
			return true
		}
	}
	return false
}

// environment is what a parent that takes the place of this one needs to tell the same
// manager, which then watches that one.
func (m *manager) environment() (env []string) {
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC"} {
		if value := os.Getenv(name); m.to != nil && value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
