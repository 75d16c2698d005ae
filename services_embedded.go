package puff

// Where the services are that nobody gave a URL: at the documented default, or started
// for the project by internal/embedded.

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/puffstack/puff/internal/embedded"
	"github.com/puffstack/puff/internal/launch"
)

// resolver returns how to find a service that may be embedded: kind is what embedded
// calls it, given its URL as it stands. It is nil where the URL is what counts.
func (s *services) resolver(c *Config, kind, given string, from Origin) Resolver {
	if !from.IsDefault() || c.Embedded == "never" {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		if c.Embedded == "auto" && listens(ctx, given) {
			return given, nil
		}
		p, err := s.project(c)
		if err != nil {
			return "", err
		}
		start := map[string]Resolver{embedded.Redis: p.Redis, embedded.Postgres: p.Postgres}[kind]
		found, err := start(ctx)
		if err != nil {
			return "", fmt.Errorf("nobody listens at %s, and no server can be started instead: %w", maskURL(given), err)
		}
		return found, nil
	}
}

// listens reports whether somebody does at the address of a URL.
func listens(ctx context.Context, text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// project returns the servers of the project's folder.
func (s *services) project(c *Config) (*embedded.Project, error) {
	s.embedding.Lock()
	defer s.embedding.Unlock()
	if s.embedded != nil {
		return s.embedded, nil
	}
	p, err := newProject(c)
	s.embedded = p
	return p, err
}

// newProject returns the servers of the folder of puff.toml, else of the current one.
func newProject(c *Config) (*embedded.Project, error) {
	dir, err := filepath.Abs(filepath.Dir(c.File)) // of "" it is the current one
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	return embedded.New(dir, launch.Binary(self), func(line string) { fmt.Fprintln(os.Stderr, line) }), nil
}

// Guard does the work of a process that looks after a server of a project, and returns
// its status; ok is false in every other process.
func Guard() (status int, ok bool) {
	if !embedded.Guarding() {
		return 0, false
	}
	return embedded.Guard(), true
}
