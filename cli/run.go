package cli

// puff run, and the commands of [[commands]] under their own names.

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

func (a *app) runCommand() *cobra.Command {
	if a.deps.Run == nil {
		return nil
	}
	return &cobra.Command{
		Use:   "run COMMAND [ARG]...",
		Short: "Run a command of puff.toml, whatever its name.",
		Long: `Each entry of [[commands]] is a command of its own: "puff NAME". run reaches ` +
			`those too whose name a built-in command has taken. Flags of Puff may follow ` +
			`the command; what follows "--" is left to the command.`,
		DisableFlagParsing: true,
		RunE:               a.runAny,
	}
}

func (a *app) runAny(c *cobra.Command, args []string) error {
	args, err := a.takeGlobal(args, anyFlag)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return usagef("run", "run needs the name of a command of puff.toml")
	}
	if wantsHelp(args) {
		a.helpOf(c)
		return nil
	}
	name, args := args[0], args[1:]
	command, ok := a.config.Command(name)
	if !ok {
		return usagef("run", "unknown command %q of [[commands]]%s", name, puff.DidYouMean(name, a.projectNames()))
	}
	if wantsHelp(args) {
		a.helpOf(c)
		return nil
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	return a.deps.Run(c.Context(), a.config, command, args)
}

// projectGroup sets the project's commands apart in the help.
const projectGroup = "project"

// projectCommands adds the commands of puff.toml. One that has the name of a
// built-in command is noted: the name alone would be a riddle, so typing it is
// an error until it is renamed.
func (a *app) projectCommands() {
	a.clashes = map[string]puff.Command{}
	if a.deps.Run == nil {
		return
	}
	for _, command := range a.config.Commands {
		if a.find(command.Name) != nil {
			a.clashes[command.Name] = command
			continue
		}
		c := &cobra.Command{
			Use:                command.Name + " [ARG]...",
			Short:              "Run " + command.Function + ".",
			Long:               "Flags of Puff may follow the command; what follows \"--\" is left to it.",
			GroupID:            projectGroup,
			DisableFlagParsing: true,
			RunE: func(c *cobra.Command, args []string) error {
				if wantsHelp(args) {
					a.helpOf(c)
					return nil
				}
				args, err := a.takeGlobal(args, anyFlag)
				if err != nil {
					return err
				}
				return a.deps.Run(c.Context(), a.config, command, args)
			},
		}
		if !a.root.ContainsGroup(projectGroup) {
			a.root.AddGroup(&cobra.Group{ID: projectGroup, Title: "Commands of puff.toml"})
		}
		a.add(c)
	}
}

func (a *app) projectNames() []string {
	var names []string
	for _, command := range a.config.Commands {
		names = append(names, command.Name)
	}
	return names
}

// wantsHelp reports whether the first argument asks for help.
func wantsHelp(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{"-h", "--help"}, args[0])
}
