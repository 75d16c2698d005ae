package puff

// Commands of a project, and waiting.

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/puffstack/puff/internal/py"
)

// RunCommand runs a command of [[commands]]; the process ends with its status.
func (a *App) RunCommand(ctx context.Context, c *Config, command Command, args []string) error {
	return a.runIn(ctx, c, "", command, args)
}

// Pytest runs pytest in the folder that the configuration names, with args.
func (a *App) Pytest(ctx context.Context, c *Config, args []string) error {
	return a.runIn(ctx, c, c.PytestPath, Command{Function: "puff._programs.pytest", Name: "pytest"}, args)
}

// Django runs Django's management utility with args.
func (a *App) Django(ctx context.Context, c *Config, args []string) error {
	return a.runIn(ctx, c, "", Command{Function: "puff._programs.django", Name: "django"}, args)
}

// runIn runs a command in a folder, "" for the current one.
func (a *App) runIn(ctx context.Context, c *Config, folder string, command Command, args []string) error {
	p, err := a.program(c, "", newLogger(os.Stderr, c.Serve.LogLevel, c.Serve.LogFormat))
	if err != nil {
		return err
	}
	// Not before: the process that began this one read its configuration by relative names.
	if folder != "" {
		if err := os.Chdir(folder); err != nil {
			return fmt.Errorf("run %s: %w", command.Name, err)
		}
	}
	p.run("puff._command", "run", map[string]any{
		"function": command.Function, "add_cwd": c.AddCwdToPath, "greenlets": c.Greenlets,
		"argv": append([]string{command.Name}, args...),
	})
	<-ctx.Done()
	return ctx.Err()
}

// Wait keeps what the configuration starts running until a signal.
func (a *App) Wait(ctx context.Context, c *Config) error {
	log := newLogger(os.Stderr, c.Serve.LogLevel, c.Serve.LogFormat)
	p, err := a.program(c, "", log)
	if err != nil {
		return err
	}
	signals := py.Signals(ctx, syscall.SIGINT, syscall.SIGTERM)
	stop := make(chan struct{})
	p.rt.Handle("wait.stop", func(ctx context.Context, _ []any) (any, error) {
		log.Info("waiting for a signal", "pid", os.Getpid())
		select {
		case <-stop:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	p.run("puff._command", "wait", map[string]any{"add_cwd": c.AddCwdToPath})
	select {
	case s := <-signals:
		log.Info("stopping", "signal", s.String())
	case <-ctx.Done():
		return ctx.Err()
	}
	close(stop)
	<-signals
	return Exit{Code: 1}
}
