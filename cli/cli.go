// Package cli is the command line of Puff. A program that wants to be a Puff
// of its own calls it with the bodies of the commands:
//
//	func main() {
//		deps := cli.Deps{Serve: serve, Run: run}
//		os.Exit(cli.Main(deps, os.Args[1:], os.Stdout, os.Stderr))
//	}
//
// What is typed beats the environment, the environment beats puff.toml, and
// puff.toml beats the defaults. Flags may stand before or after the command.
// The exit status is 2 for wrong usage, a command's own when it has one, and
// 1 for everything else that fails.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

// app is one run of the command line.
type app struct {
	deps           Deps
	stdout, stderr io.Writer
	config         *puff.Config
	root           *cobra.Command
	listed         []*cobra.Command        // in the order of the help
	broken         error                   // why the configuration could not be read
	clashes        map[string]puff.Command // commands of puff.toml that hide behind a built-in one
}

// Main runs the command line args, which come without the program's name, and
// returns the exit status.
func Main(d Deps, args []string, stdout, stderr io.Writer) (exitCode int) {
	return MainContext(context.Background(), d, args, stdout, stderr)
}

// MainContext is Main with a context for the bodies of the commands.
func MainContext(ctx context.Context, d Deps, args []string, stdout, stderr io.Writer) (exitCode int) {
	a := &app{deps: d, stdout: stdout, stderr: stderr}
	return a.report(a.run(ctx, args))
}

// report prints err and returns the exit status it stands for.
func (a *app) report(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[puff.Exit](err); ok {
		return exit.Code
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(a.stderr, "puff: %s\n%s\n", usage.problem, usage.hint())
		return 2
	}
	if value, ok := errors.AsType[*puff.ValueError](err); ok && !value.From.IsFile() {
		fmt.Fprintf(a.stderr, "puff: %v\n", err)
		return 2
	}
	if strings.HasPrefix(err.Error(), "Traceback") {
		fmt.Fprintln(a.stderr, strings.TrimRight(err.Error(), "\n"))
		return 1
	}
	fmt.Fprintf(a.stderr, "puff: %v\n", err)
	return 1
}

func (a *app) run(ctx context.Context, args []string) error {
	l, err := split(args)
	if err != nil {
		return err
	}
	if l.version || l.name == "version" && len(l.rest) == 0 && !l.help {
		return a.version()
	}
	if l.name == "" && !l.help {
		a.stdout = a.stderr // the help answers wrong usage here
	}
	if a.config, err = a.load(l); err != nil {
		if !l.help && !slices.Contains(independent, l.name) {
			return err
		}
		a.config, a.broken = puff.NewConfig(), err
	}
	a.build()
	switch {
	case l.name == "":
		a.helpOf(a.root)
		if l.help {
			return nil
		}
		return puff.Exit{Code: 2}
	case l.help:
		return a.helpFor(l.name)
	}
	return a.dispatch(ctx, l)
}

// independent lists the commands that work beside a broken puff.toml. Puff
// alone, which prints the help, is one of them.
var independent = []string{"", "help", "version", "example_config", "example-config"}

// load reads puff.toml, then the env file, then the environment.
func (a *app) load(l line) (*puff.Config, error) {
	c, err := puff.LoadConfig(l.config())
	if err != nil {
		return nil, err
	}
	if err := c.LoadDotenv(); err != nil {
		return nil, err
	}
	return c, c.ApplyEnv(os.LookupEnv)
}

// dispatch hands the command its arguments. Those that belong to somebody
// else's program are not parsed as flags, so the flags in front of the command
// are read here.
func (a *app) dispatch(ctx context.Context, l line) error {
	command := a.find(l.name)
	if command == nil {
		return a.unknownCommand(l.name)
	}
	if clash, ok := a.clashes[l.name]; ok {
		return fmt.Errorf("read %s: command %q has the name of a built-in command: rename it, or run it with \"puff run %s\"",
			clash.Where, clash.Name, clash.Name)
	}
	args := slices.Concat([]string{l.name}, l.front, joinSwitches(l.rest))
	if command.DisableFlagParsing {
		if err := a.root.PersistentFlags().Parse(l.front); err != nil {
			return a.flagError(a.root, err)
		}
		args = append([]string{l.name}, l.rest...)
	}
	a.root.SetArgs(args)
	return a.root.ExecuteContext(ctx)
}

// find returns the command of that name or alias, or nil.
func (a *app) find(name string) *cobra.Command {
	for _, c := range a.root.Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return c
		}
	}
	return nil
}

// build makes the tree of commands. It runs once the configuration is known,
// since that adds commands and flags.
func (a *app) build() {
	a.root = &cobra.Command{
		Use:               "puff",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	a.root.SetOut(a.stdout)
	a.root.SetErr(a.stderr)
	a.root.SetFlagErrorFunc(a.flagError)
	a.root.SetHelpFunc(func(c *cobra.Command, _ []string) { a.helpOf(c) })
	a.globalFlags(a.root.PersistentFlags())
	for _, c := range []*cobra.Command{
		a.serveCommand(), a.devCommand(), a.newCommand(), a.runCommand(), a.waitCommand(), a.pythonCommand(),
		a.djangoCommand(), a.pytestCommand(), a.statusCommand(), a.servicesCommand(), a.doctorCommand(),
		a.exampleCommand(), a.versionCommand(), a.helpCommand(),
	} {
		if c != nil {
			a.add(c)
		}
	}
	a.projectCommands()
}

// add lists c itself, because the tree sorts its commands by name and the help
// wants the important ones first.
func (a *app) add(c *cobra.Command) {
	a.listed = append(a.listed, c)
	if c.Name() == "help" {
		a.root.SetHelpCommand(c)
	}
	a.root.AddCommand(c)
}
