package cli

// puff serve: which application, and how. Stop 1 of 5 of a request's way:
// from here it goes on to serve.go of package puff, behind Deps.Serve.

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

func (a *app) serveCommand() *cobra.Command {
	if a.deps.Serve == nil {
		return nil
	}
	c := &cobra.Command{
		Use:   "serve [APP]",
		Short: "Serve a WSGI or ASGI application over HTTP.",
		Long: `APP is module:attr or a dotted path. Without it, serve takes wsgi or asgi ` +
			`of puff.toml; wsgi wins when both are set.`,
		Args: oneApplication("serve"),
		RunE: a.serve,
	}
	a.serveFlags(c.Flags())
	return c
}

func (a *app) serve(c *cobra.Command, args []string) error {
	s, err := a.application("serve", args)
	if err != nil {
		return err
	}
	return a.deps.Serve(c.Context(), a.config, s.App, s)
}

// oneApplication refuses a second argument.
func oneApplication(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef(command, "%s takes one application, got %q too", command, args[1])
		}
		return nil
	}
}

// application returns what to serve, and how: the last word of flags, environment and file.
func (a *app) application(command string, args []string) (puff.ServeConfig, error) {
	s := &a.config.Serve
	if len(args) == 1 {
		if err := s.Set("app", args[0], puff.FromFlag("APP")); err != nil {
			return *s, err
		}
	}
	if err := s.ApplyEnv(os.LookupEnv); err != nil {
		return *s, err
	}
	if err := s.Check(); err != nil {
		return *s, err
	}
	if !a.config.ChooseApplication(s) {
		return *s, usagef(command, "nothing to serve: name an application, as in \"puff %s module:attr\", or set wsgi or asgi in %s",
			command, puff.DefaultConfigFile)
	}
	return *s, nil
}
