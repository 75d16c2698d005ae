package cli

// puff doctor: what Puff would use, and from where it knows.

import (
	"os"

	"github.com/spf13/cobra"
)

func (a *app) doctorCommand() *cobra.Command {
	if a.deps.Doctor == nil {
		return nil
	}
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say which Python, files and settings Puff would use.",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.config.Serve.ApplyEnv(os.LookupEnv); err != nil {
				return err
			}
			return a.deps.Doctor(c.Context(), a.config, a.stdout)
		},
	}
}
