package cli

// puff services: what runs for the project, and clients of it.

import (
	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

func (a *app) servicesCommand() *cobra.Command {
	if a.deps.Services == nil {
		return nil
	}
	c := &cobra.Command{
		Use:   "services [psql|redis-cli] [ARG]...",
		Short: "List the services of the project, or open a client of one.",
		Long: `Services that nobody gave a URL run in the project's folder, below .puff, from ` +
			`when a command first uses them until the last one ends. "puff services psql" and ` +
			`"puff services redis-cli" open a client of the one named default; what follows ` +
			`"--" is left to the client.`,
		DisableFlagParsing: true,
		RunE:               a.services,
	}
	return c
}

func (a *app) services(c *cobra.Command, args []string) error {
	if wantsHelp(args) {
		a.helpOf(c)
		return nil
	}
	args, err := a.takeGlobal(args, anyFlag)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return a.deps.Services(c.Context(), a.config, a.stdout)
	}
	program, args := args[0], args[1:]
	if program != "psql" && program != "redis-cli" {
		return usagef("services", "unknown client %q%s", program, puff.DidYouMean(program, []string{"psql", "redis-cli"}))
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	return a.deps.ServiceClient(c.Context(), a.config, program, args)
}
