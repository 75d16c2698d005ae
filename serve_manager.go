package puff

// What the manager of the system, systemd, is told by the parent of "puff serve".

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

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

// watch gives signs of life while some worker serves and its lane is not silent for as long as
// the manager waits, until the function it returns was called.
func (m *manager) watch(ctx context.Context, parent *supervisor.Supervisor) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	patience := max(m.to.Watchdog(), shortestSilence)
	var group sync.WaitGroup
	group.Go(func() {
		err := m.to.Watch(ctx, func(context.Context) bool { return serves(parent.Snapshot(), time.Now(), patience) })
		if err != nil {
			m.log.Error("the watchdog of the system is not fed any more", "error", err)
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// shortestSilence is what means nothing yet: lanes are asked once a second.
const shortestSilence = 5 * time.Second

// serves reports whether a worker answers, or ends what it has.
func serves(s supervisor.Snapshot, now time.Time, patience time.Duration) bool {
	return slices.ContainsFunc(s.Workers, func(w supervisor.Worker) bool {
		return w.State == supervisor.Draining || w.State == supervisor.Serving && now.Sub(w.Heard) < patience
	})
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
