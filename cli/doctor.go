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
		Long: "Doctor starts nothing: no application, no server. It names the interpreter and its " +
			"library, what is missing in it, what puff.toml serves and runs, and asks each service " +
			"of puff.toml whether it answers.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.config.Serve.ApplyEnv(os.LookupEnv); err != nil {
				return err
			}
			return a.deps.Doctor(c.Context(), a.config, a.stdout)
		},
	}
}
