package cli

// puff wait_forever: a worker without a server.

import "github.com/spf13/cobra"

func (a *app) waitCommand() *cobra.Command {
	if a.deps.Wait == nil {
		return nil
	}
	return &cobra.Command{
		Use:     "wait_forever",
		Aliases: []string{"wait-forever"},
		Short:   "Work without a server until a signal ends it.",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.deps.Wait(c.Context(), a.config)
		},
	}
}
