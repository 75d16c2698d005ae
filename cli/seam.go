package cli

// What the commands call. The bodies live beside the Python they start; this
// package knows only flags, files and texts.

import (
	"context"
	"io"

	"github.com/puffstack/puff"
)

// Deps holds the bodies of the commands. A nil field leaves its command out.
//
// The configuration that a body gets is complete: the env file is loaded, and
// the interpreter and the services' URLs have their last word from flags and
// environment. A body that ends with an exit status of its own returns
// puff.Exit; any other error is printed once, and Puff ends with status 1.
// An error whose text begins with "Traceback" is printed as it stands.
//
// Signals are the bodies' own affair: the context that they get never ends by
// itself when Main made it.
type Deps struct {
	// Serve serves app until it is told to end. When app is "" there is none,
	// and only what Puff answers itself is served. app and s.App are the same;
	// s.Interface is "auto" only if nobody said what the application speaks.
	Serve func(ctx context.Context, c *puff.Config, app string, s puff.ServeConfig) error
	// Dev is Serve for who writes app: it starts again when a file changes. The addresses
	// of s are of loopback.
	Dev func(ctx context.Context, c *puff.Config, app string, s puff.ServeConfig) error
	// Run runs one of c.Commands. args is what was typed after its name.
	Run func(ctx context.Context, c *puff.Config, command puff.Command, args []string) error
	// Wait keeps task queues and subscriptions running until it is told to end.
	Wait func(ctx context.Context, c *puff.Config) error
	// Python is the interpreter itself, with args as they were typed.
	Python func(ctx context.Context, c *puff.Config, args []string) error
	// Django runs Django's management utility with args. The command exists
	// when puff.toml says django = true.
	Django func(ctx context.Context, c *puff.Config, args []string) error
	// Pytest runs pytest with args in c.PytestPath. The command exists when
	// puff.toml has pytest_path.
	Pytest func(ctx context.Context, c *puff.Config, args []string) error
	// Status writes what the server whose --metrics is address is doing, again and
	// again if watch is true.
	Status func(ctx context.Context, address string, watch bool, w io.Writer) error
	// Doctor writes what Puff would use, and returns an error when that cannot
	// work. c.Serve is resolved, but for flags of serve.
	Doctor func(ctx context.Context, c *puff.Config, w io.Writer) error
	// Services writes a list of the project's services.
	Services func(ctx context.Context, c *puff.Config, w io.Writer) error
	// ServiceClient runs a client of a service, "psql" or "redis-cli", with args.
	// It is there when Services is.
	ServiceClient func(ctx context.Context, c *puff.Config, program string, args []string) error
}
