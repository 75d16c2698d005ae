package cli

// puff dev: serve for who writes the application. From here it goes on to dev.go of
// package puff, behind Deps.Dev.

import (
	"github.com/spf13/cobra"
)

func (a *app) devCommand() *cobra.Command {
	if a.deps.Dev == nil {
		return nil
	}
	c := &cobra.Command{
		Use:   "dev [APP]",
		Short: "Serve an application while it is written.",
		Long: `As serve, with its flags, but for one worker that starts again when a file ` +
			`changes, a page in the browser for each exception, and a line in the terminal ` +
			`for each request. It listens on loopback only.`,
		Args: oneApplication("dev"),
		RunE: a.dev,
	}
	a.serveFlags(c.Flags())
	return c
}

func (a *app) dev(c *cobra.Command, args []string) error {
	s, err := a.application("dev", args)
	if err != nil {
		return err
	}
	if err := s.CheckLoopback(); err != nil {
		return usagef("dev", "%v", err)
	}
	return a.deps.Dev(c.Context(), a.config, s.App, s)
}
