package puff

// App is what a binary is made of; launch, serve.go and command.go are what it does.

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"

	"github.com/puffstack/puff/internal/bind"
	"github.com/puffstack/puff/internal/launch"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/pyfind"
	"github.com/puffstack/puff/python"
)

// Func is a function of Go that Python calls by name. Its arguments are what Python
// passed: nil, bool, int64, float64, string, []byte, []any and what else has a
// counterpart; an error becomes an exception. Its context ends when nobody waits for
// the answer any more.
type Func = py.Func

// App is a Puff: what comes with it, and what a program adds.
//
//	app := puff.New()
//	app.Handle("shout", func(ctx context.Context, args []any) (any, error) {
//		return strings.ToUpper(args[0].(string)), nil
//	})
//	os.Exit(cli.Run(app))
//
// Python calls it as puff.call("shout", "hello").
type App struct {
	// State is what Python finds as puff.global_state. Default: nil, None.
	State any

	funcs    map[string]Func
	services *services
	environ  []string // before an env file adds to it
}

// New returns an App with what every Puff has.
func New() *App {
	return &App{funcs: maps.Clone(bind.Core), services: newServices(), environ: os.Environ()}
}

// Handle has Python's puff.call(name, …) answered by f, on a goroutine per call.
func (a *App) Handle(name string, f Func) { a.funcs[name] = f }

// HostedByPython reports whether this process is python, with Puff beside it, and has
// no command line of Puff's: [App.Attend] is all there is to do.
func HostedByPython() bool { return py.Hosted() == py.AsPython }

// Attend answers Python's calls in a process that Python began, for as long as that
// lives.
func (a *App) Attend() error {
	rt, err := py.Open(slog.Default(), a.all())
	if err != nil {
		return err
	}
	a.services.runIn(rt)
	select {}
}

// all returns what Python may call by name.
func (a *App) all() map[string]Func {
	funcs := a.services.funcs()
	maps.Copy(funcs, a.funcs)
	funcs["global_state"] = func(context.Context, []any) (any, error) { return a.State, nil }
	return funcs
}

// FindPython returns the Python that c leads to.
func FindPython(c *Config, choice string) (*pyfind.Python, error) {
	if choice == "" {
		choice = c.Python
	}
	self, err := os.Executable()
	if err != nil {
		self = ""
	}
	return pyfind.Find(pyfind.Options{Python: choice, Executable: self})
}

// boot finds Python and makes it ready to be started.
func boot(c *Config, choice string) (*launch.Boot, error) {
	found, err := FindPython(c, choice)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	if !c.Psycopg2 { // Python has to know before it runs anything
		if err := os.Setenv(psycopg2Variable, "0"); err != nil {
			return nil, fmt.Errorf("start Python: %w", err)
		}
	}
	return launch.Prepare(found, python.Faces, self, "")
}

// Python replaces this process by the interpreter with args as its command line.
func (a *App) Python(_ context.Context, c *Config, args []string) error {
	b, err := boot(c, "")
	if err != nil {
		return err
	}
	if err := c.handOn(); err != nil {
		return err
	}
	return b.Exec(false, args)
}

// program is the Go side of a Python that runs a program of ours.
type program struct {
	rt    *py.Runtime
	order chan py.Tuple
}

// program returns the running Python. In a process that Python did not begin it does
// not return: the process begins again, as Python, with the same command line.
func (a *App) program(c *Config, choice string, log *slog.Logger) (*program, error) {
	if py.Hosted() == py.GoFirst {
		b, err := boot(c, choice)
		if err != nil {
			return nil, err
		}
		return nil, b.Exec(true, os.Args)
	}
	a.services.use(c)
	p := &program{order: make(chan py.Tuple, 1)}
	funcs := a.all()
	funcs["boot.order"] = func(ctx context.Context, _ []any) (any, error) {
		select {
		case o := <-p.order:
			return o, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var err error
	if p.rt, err = py.Open(log, funcs); err == nil {
		a.services.runIn(p.rt)
	}
	return p, err
}

// run has Python's main thread run module.function(**options). The process ends when
// it does, with the status that it returns.
func (p *program) run(module, function string, options map[string]any) {
	p.order <- py.Tuple{module, function, options}
}
