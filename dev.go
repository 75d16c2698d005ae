package puff

// "puff dev": serve for an application that is being written. The parent watches its
// files and has another worker start when one changes; a worker shows what goes wrong as
// a page (dev_worker.go).

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/puffstack/puff/internal/supervisor"
	"github.com/puffstack/puff/internal/watch"
)

// devGrace is how long requests may take to end when a file has changed, or at Ctrl-C,
// unless somebody says otherwise.
const devGrace = 300 * time.Millisecond

// Dev serves the application app for who writes it: on loopback alone, started again when
// a file changes, with a page for each exception. It ends as Serve does.
func (a *App) Dev(ctx context.Context, c *Config, app string, s ServeConfig) error {
	if err := s.CheckLoopback(); err != nil {
		return err
	}
	s.Workers, s.MaxRequests, s.MaxAge, s.MaxRSS = 1, 0, 0, 0
	s.WorkerTimeout = 0 // a debugger may hold the lane as long as it takes
	s.Metrics, s.PIDFile = "", ""
	if s.Origin("graceful-timeout").rank < rankEnv {
		s.GracefulTimeout = devGrace
	}
	// What systemd has opened may be for everybody. A worker has none of it.
	if err := os.Unsetenv("LISTEN_PID"); err != nil {
		return fmt.Errorf("begin puff dev: %w", err)
	}
	d := newDevelopment(c, &s)
	if workerPlace() != "" {
		return a.work(ctx, c, app, s, d)
	}
	return a.supervise(ctx, s, app, d)
}

// CheckLoopback refuses addresses that others can reach. The error is a *ValueError.
func (s *ServeConfig) CheckLoopback() error {
	for _, address := range s.Addresses() {
		if strings.HasPrefix(address, "unix:") {
			continue
		}
		host, _, err := net.SplitHostPort(address)
		if err == nil && isLoopback(host) {
			continue
		}
		setting := "host"
		if slices.Contains(s.Bind, address) {
			setting = "bind"
		}
		return &ValueError{From: s.Origin(setting), Problem: fmt.Sprintf(
			"puff dev shows source code to whoever can reach it, and %s is not of this machine alone; "+
				"say --bind 127.0.0.1:PORT, or use puff serve", address)}
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// development is what makes "puff dev" of "puff serve". A nil one is puff serve.
type development struct {
	folders []string // that are watched
	level   string   // of the parent's log
}

func newDevelopment(c *Config, s *ServeConfig) *development {
	d := &development{folders: []string{"."}, level: "warning"}
	if s.AppDir != "" {
		d.folders = append(d.folders, s.AppDir)
	}
	if c.File != "" {
		d.folders = append(d.folders, filepath.Dir(c.File))
	}
	if !s.Origin("log-level").IsDefault() {
		d.level = s.LogLevel
	}
	return d
}

// parentLevel is the level of the parent's log: that a worker goes and comes is no news
// here.
func (d *development) parentLevel(s ServeConfig) string {
	if d == nil {
		return s.LogLevel
	}
	return d.level
}

func (d *development) announcement() string {
	if d == nil {
		return ""
	}
	return "; it starts again when a file changes"
}

// watching runs the parent, and has it start another worker when a file changes.
func (d *development) watching(ctx context.Context, parent *supervisor.Supervisor, run func() error) error {
	if d == nil {
		return run()
	}
	w, err := watch.New(watch.Config{Folders: d.folders, Logger: newLogger(os.Stderr, d.level, "text")})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.Run(ctx, func(files []string) { // which ends with ctx
			fmt.Fprintf(os.Stderr, "%s: starting again\n", changeText(files))
			forgetCompiled(files)
			parent.Renew()
		})
	}()
	defer func() {
		cancel()
		<-ended
	}()
	return run()
}

// forgetCompiled removes what Python has kept of files that have changed. It takes a file
// for unchanged that has the size it had, and was written in the same second.
func forgetCompiled(files []string) {
	for _, f := range files {
		name, isPython := strings.CutSuffix(filepath.Base(f), ".py")
		if !isPython {
			continue
		}
		cache := filepath.Join(filepath.Dir(f), "__pycache__")
		entries, _ := os.ReadDir(cache) // none: as well
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), name+".") && strings.HasSuffix(e.Name(), ".pyc") {
				_ = os.Remove(filepath.Join(cache, e.Name())) // Python may be about to write it again
			}
		}
	}
}

// changeText says which files have changed, by names from this folder.
func changeText(files []string) string {
	here, err := os.Getwd()
	names := make([]string, 0, len(files))
	for _, f := range files {
		if inside, wrong := filepath.Rel(here, f); err == nil && wrong == nil && filepath.IsLocal(inside) {
			f = inside
		}
		names = append(names, f)
	}
	const most = 3
	if n := len(names); n > most {
		return fmt.Sprintf("%s and %d more have changed", strings.Join(names[:most], ", "), n-most)
	}
	if len(names) == 1 {
		return names[0] + " has changed"
	}
	return strings.Join(names, ", ") + " have changed"
}
