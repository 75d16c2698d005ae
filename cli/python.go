package cli

// Commands that are another program: python, django and pytest. Their
// arguments are theirs.

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

// program is the body of such a command.
type program func(ctx context.Context, c *puff.Config, args []string) error

func (a *app) pythonCommand() *cobra.Command {
	if a.deps.Python == nil {
		return nil
	}
	return &cobra.Command{
		Use:   "python [ARG]...",
		Short: "Run Python inside Puff, with Python's own arguments.",
		Long: `Everything behind "python" goes to Python as it stands. Flags of Puff stand ` +
			`before it, as in "puff --python /opt/python3.13 python -m this".`,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			return a.deps.Python(c.Context(), a.config, args)
		},
	}
}

func (a *app) djangoCommand() *cobra.Command {
	if !a.config.Django {
		return nil
	}
	return a.programCommand("django [ARG]...", "Run Django's management utility.", a.deps.Django)
}

func (a *app) pytestCommand() *cobra.Command {
	if a.config.PytestPath == "" {
		return nil
	}
	return a.programCommand("pytest [ARG]...", "Run the tests of "+a.config.PytestPath+" with pytest.", a.deps.Pytest)
}

// programCommand takes the URLs of services out of the arguments and leaves
// the rest, --help included, to the program.
func (a *app) programCommand(use, short string, body program) *cobra.Command {
	if body == nil {
		return nil
	}
	return &cobra.Command{
		Use:                use,
		Short:              short,
		Long:               `The arguments are the program's own; a "--" in front of them is dropped.`,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			args, err := a.takeGlobal(args, a.isServiceFlag)
			if err != nil {
				return err
			}
			return body(c.Context(), a.config, args)
		},
	}
}
