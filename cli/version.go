package cli

// puff version. It reads no file and loads nothing.

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

func (a *app) version() error {
	_, err := fmt.Fprintln(a.stdout, "puff", puff.Version)
	return err
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version.",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return a.version() },
	}
}
