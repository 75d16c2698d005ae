package cli

// puff status: what a running server is doing.

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

func (a *app) statusCommand() *cobra.Command {
	if a.deps.Status == nil {
		return nil
	}
	watch := false
	c := &cobra.Command{
		Use:   "status [--metrics HOST:PORT] [--watch]",
		Short: "Say what a running server is doing.",
		Long:  `The server is asked on the address that its --metrics names, or metrics of puff.toml.`,
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s := &a.config.Serve
			if err := s.ApplyEnv(os.LookupEnv); err != nil {
				return err
			}
			if s.Metrics == "" {
				return usagef("status", "no address to ask: give --metrics HOST:PORT, or set metrics of [serve] in %s", puff.DefaultConfigFile)
			}
			return a.deps.Status(c.Context(), s.Metrics, watch, a.stdout)
		},
	}
	all := puff.Settings()
	a.settingFlag(c.Flags(), all[slices.IndexFunc(all, func(s puff.Setting) bool { return s.Name == "metrics" })])
	c.Flags().BoolVar(&watch, "watch", false, "Once a second, until Ctrl-C.")
	return c
}
