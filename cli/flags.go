package cli

// Flags made from the tables of package puff. Each writes through the setting
// itself, which knows who wins.

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/puffstack/puff"
)

// settingFlag is a flag that sets something. It is write-only: the help is
// made from the tables, not from the flags.
type settingFlag struct {
	kind string
	set  func(text string) error
}

func (f *settingFlag) String() string        { return "" }
func (f *settingFlag) Type() string          { return f.kind }
func (f *settingFlag) Set(text string) error { return f.set(text) }

// globalFlags adds what every command takes.
func (a *app) globalFlags(flags *pflag.FlagSet) {
	// The file has been read by now; the flag is here to be accepted.
	flags.Var(&settingFlag{"FILE", func(text string) error {
		if text == "" {
			return &puff.ValueError{From: puff.FromFlag("--config"), Problem: "want the name of a file"}
		}
		return nil
	}}, "config", "")
	for _, s := range puff.Settings() {
		if s.Global {
			a.settingFlag(flags, s)
		}
	}
	for _, u := range a.config.FlagURLs() {
		flags.Var(&settingFlag{"URL", func(text string) error {
			a.config.SetURL(u.Kind, u.Name, text, puff.FromFlag("--"+u.Flag()))
			return nil
		}}, u.Flag(), "")
	}
}

// serveFlags adds what only serve takes.
func (a *app) serveFlags(flags *pflag.FlagSet) {
	for _, s := range puff.Settings() {
		if !s.Global && !s.Positional {
			a.settingFlag(flags, s)
		}
	}
}

func (a *app) settingFlag(flags *pflag.FlagSet, s puff.Setting) {
	c := a.config
	from := puff.FromFlag("--" + s.Name)
	flags.Var(&settingFlag{s.Arg, func(text string) error {
		err := c.Serve.Set(s.Name, text, from)
		c.Python = c.Serve.Python
		return err
	}}, s.Name, s.Help)
	if s.Arg == "" {
		flags.Lookup(s.Name).NoOptDefVal = "true"
	}
}

// takeGlobal takes the global flags out of the arguments of a command whose
// other arguments are its own. Those behind "--" are left alone, and a leading
// "--" is dropped. which limits the flags that are taken.
func (a *app) takeGlobal(args []string, which func(name string) bool) ([]string, error) {
	var left []string
	flags := a.root.PersistentFlags()
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			if len(left) == 0 {
				return args[i+1:], nil
			}
			return append(left, args[i:]...), nil
		}
		name, isLong := strings.CutPrefix(arg, "--")
		name, text, hasValue := strings.Cut(name, "=")
		if !isLong || flags.Lookup(name) == nil || !which(name) {
			left = append(left, arg)
			continue
		}
		if !hasValue {
			if i++; i == len(args) {
				return nil, usagef("", "--%s needs a value", name)
			}
			text = args[i]
		}
		if err := flags.Set(name, text); err != nil {
			return nil, a.flagError(a.root, err)
		}
	}
	return left, nil
}

func anyFlag(string) bool { return true }

// isServiceFlag reports whether the flag sets the URL of a service. Those are
// taken even from the arguments of other programs, because no other program
// has flags of such names.
func (a *app) isServiceFlag(name string) bool {
	return slices.ContainsFunc(a.config.FlagURLs(), func(u puff.ServiceURL) bool { return u.Flag() == name })
}
