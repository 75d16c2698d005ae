package puff

// The services of a process: pools that are opened when first used.

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/puffstack/puff/httpclient"
	"github.com/puffstack/puff/internal/bind"
	"github.com/puffstack/puff/postgres"
)

// Resolver finds the URL of a service when that is first used. It may start the server.
type Resolver func(ctx context.Context) (url string, err error)

// services are the pools that a process has, by kind and name.
type services struct {
	mu     sync.Mutex
	config *Config // nil: not read yet
	http   map[string]*httpclient.Client

	postgres map[string]*postgres.Pool
}

// use has the services be those of c.
func (s *services) use(c *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = c
}

// configured returns the configuration; a process that began as python reads it when it
// is first needed. The caller holds mu.
func (s *services) configured() (*Config, error) {
	if s.config == nil {
		c, err := LoadConfig("")
		if err != nil {
			return nil, err
		}
		if err := c.LoadDotenv(); err != nil {
			return nil, err
		}
		if err := c.ApplyEnv(os.LookupEnv); err != nil {
			return nil, err
		}
		s.config = c
	}
	return s.config, nil
}

// entryNamed finds the entry of a service. The one named default needs none.
func entryNamed[T any, P interface {
	*T
	setDefaults()
}](list []T, kind, name string, nameOf func(*T) string) (T, error) {
	for i := range list {
		if nameOf(&list[i]) == name {
			return list[i], nil
		}
	}
	var entry T
	P(&entry).setDefaults()
	if name == nameOf(&entry) {
		return entry, nil
	}
	names := []string{}
	for i := range list {
		names = append(names, nameOf(&list[i]))
	}
	has := "which has none"
	if len(names) > 0 {
		has = "which has " + strings.Join(names, ", ")
	}
	return entry, fmt.Errorf("use %s %q: add [[%s]] with name = %q to puff.toml, %s", kind, name, strings.ReplaceAll(kind, " ", "_"), name, has)
}

// funcs returns what Python calls of the services.
func (s *services) funcs() map[string]Func {
	all := map[string]Func{}
	for _, funcs := range []map[string]Func{
		bind.NewHTTPClient(s.httpNamed).Funcs(),
		bind.NewPostgres(s.postgresNamed).Funcs(),
	} {
		maps.Copy(all, funcs)
	}
	return all
}

// close ends every pool.
func (s *services) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.http)) {
		s.http[name].Close()
	}
	s.http = nil
	for _, name := range slices.Sorted(maps.Keys(s.postgres)) {
		s.postgres[name].Close()
	}
	s.postgres = nil
}
