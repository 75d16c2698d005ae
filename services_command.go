package puff

// What "puff services" does: a list of them, and their clients.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/puffstack/puff/internal/embedded"
	"github.com/puffstack/puff/redis"
)

// Services writes a list of the project's services: those that it was given, and those
// that Puff runs for it.
func (a *App) Services(_ context.Context, c *Config, w io.Writer) error {
	p, err := newProject(c)
	if err != nil {
		return err
	}
	defer p.Close()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tRUNS\tWHERE\tSINCE\tDATA")
	for _, u := range c.ServiceURLs() {
		if !u.from.IsDefault() || c.Embedded == "never" {
			fmt.Fprintf(t, "%s %s\t\t%s\t\t\n", u.Kind, u.Name, maskURL(u.URL()))
		}
	}
	running := p.Running()
	for _, s := range running {
		data := s.Data
		if data == "" {
			data = "in memory"
		}
		fmt.Fprintf(t, "%s\t%s, process %d\t%s\t%s\t%s\n", s.Kind, s.Program, s.PID, s.Address, s.Since.Format(time.DateTime), data)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(running) == 0 {
		_, err = fmt.Fprintln(w, "no embedded service runs now: they start when a command first uses them, and end with the last one")
	}
	return err
}

// clients are the programs that "puff services NAME" opens: of which service, and how
// they are told where it is.
var clients = map[string]struct {
	kind, flag, otherwise string
	args                  func(u string) ([]string, error)
}{
	"psql": {embedded.Postgres, "postgres", "apt-get install postgresql-client",
		func(u string) ([]string, error) { return []string{u}, nil }},
	"redis-cli": {embedded.Redis, "redis", "apt-get install redis-tools", redisArgs},
}

// redisArgs says to redis-cli what a URL says.
func redisArgs(text string) ([]string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "unix" {
		return []string{"-u", text}, nil
	}
	s, err := redis.ParseURL(text)
	if err != nil {
		return nil, err
	}
	return []string{"-s", s.Unix, "-n", fmt.Sprint(s.DB)}, nil
}

// ServiceClient runs a client of the service named default, "psql" or "redis-cli", with
// args, and starts the service if it is an embedded one.
func (a *App) ServiceClient(ctx context.Context, c *Config, program string, args []string) error {
	client, ok := clients[program]
	if !ok {
		return fmt.Errorf("open %s: Puff has psql and redis-cli", program)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("open %s: it is not installed: %s", program, client.otherwise)
	}
	given, from := defaultRedisURL, Origin{}
	if client.flag == "postgres" {
		given = defaultPostgresURL
	}
	u := ServiceURL{client.flag, "default", &given, &from}
	u.ask(os.LookupEnv)
	for _, configured := range c.ServiceURLs() {
		if configured.Kind == client.flag && configured.Name == "default" {
			given, from = *configured.url, *configured.from
		}
	}
	s := newServices()
	if resolve := s.resolver(c, client.kind, given, from); resolve != nil {
		if given, err = resolve(ctx); err != nil {
			return err
		}
	}
	defer s.leave()
	first, err := client.args(given)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, append(first, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signal.Ignore(syscall.SIGINT) // it is the client's
	defer signal.Reset(syscall.SIGINT)
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return Exit{Code: max(exit.ExitCode(), 1)}
	}
	return err
}

// leave has this process use no embedded service any more.
func (s *services) leave() {
	s.embedding.Lock()
	defer s.embedding.Unlock()
	if s.embedded != nil {
		s.embedded.Close()
		s.embedded = nil
	}
}
