package cli

// Wrong usage, and how it is told: what is wrong, what was probably meant, and
// where the help is.

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/puffstack/puff"
)

// usageError ends Puff with exit status 2.
type usageError struct {
	problem string
	command string // whose help to point to; "" for Puff's own
}

func (e *usageError) Error() string { return e.problem }

func (e *usageError) hint() string {
	if e.command == "" {
		return `see "puff --help"`
	}
	return fmt.Sprintf("see \"puff %s --help\"", e.command)
}

func usagef(command, format string, args ...any) error {
	return &usageError{problem: fmt.Sprintf(format, args...), command: command}
}

// unknownCommand suggests the nearest command, or serve for what looks like an
// application.
func (a *app) unknownCommand(name string) error {
	var names []string
	for _, c := range a.root.Commands() {
		names = append(append(names, c.Name()), c.Aliases...)
	}
	suggestion := puff.DidYouMean(name, names)
	if suggestion == "" && strings.Contains(name, ":") {
		suggestion = fmt.Sprintf(" (did you mean \"puff serve %s\"?)", name)
	}
	return usagef("", "unknown command %q%s", name, suggestion)
}

// flagError turns what the flag parser says into one message of ours.
func (a *app) flagError(c *cobra.Command, err error) error {
	command := c.Name()
	if c == a.root {
		command = ""
	}
	if value, ok := errors.AsType[*puff.ValueError](err); ok {
		return &usageError{problem: value.Error(), command: command}
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef(command, "--%s needs a value", missing.GetSpecifiedName())
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		dashes := "--"
		if unknown.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return unknownFlag(command, dashes+unknown.GetSpecifiedName(), names)
	}
	return usagef(command, "%v", err)
}

// unknownFlag says what is near, or why the flag is not taken. flag comes with
// its dashes.
func unknownFlag(command, flag string, known []string) error {
	name := strings.TrimLeft(flag, "-")
	switch {
	case command != "serve" && isServeFlag(name):
		return usagef("serve", "%s is a flag of \"puff serve\" and \"puff dev\" only", flag)
	}
	return usagef(command, "unknown flag %s%s", flag, puff.DidYouMean(flag, known))
}

// isServeFlag reports whether "puff serve" has the flag.
func isServeFlag(name string) bool {
	return slices.ContainsFunc(puff.Settings(), func(s puff.Setting) bool { return s.Name == name && !s.Positional })
}

// noArgs refuses arguments that a command has no use for.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(c.Name(), "%s takes no arguments, got %q", c.Name(), args[0])
	}
	return nil
}
