package puff

// The Postgres pools of a process.

import (
	"os"

	"github.com/puffstack/puff/internal/embedded"
	"github.com/puffstack/puff/postgres"
)

// psycopg2Variable tells Python, and what it starts, whose psycopg2 it has.
const psycopg2Variable = "PUFF_PSYCOPG2"

// postgresNamed returns the pool of an entry of [[postgres]].
func (s *services) postgresNamed(name string) (*postgres.Pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.postgres[name]; p != nil {
		return p, nil
	}
	config, err := s.configured()
	if err != nil {
		return nil, err
	}
	entry, err := entryNamed(config.Postgres, "postgres", name, func(p *Postgres) string { return p.Name })
	if err != nil {
		return nil, err
	}
	ServiceURL{"postgres", name, &entry.URL, &entry.From}.ask(os.LookupEnv)
	if s.postgres == nil {
		s.postgres = map[string]*postgres.Pool{}
	}
	s.postgres[name] = postgres.New(postgres.Config{
		Name: name, URL: entry.URL, Resolve: s.resolver(config, embedded.Postgres, entry.URL, entry.From), Size: entry.PoolSize, ConnectTimeout: entry.ConnectTimeout,
		PoolTimeout: entry.PoolTimeout, StatementTimeout: entry.StatementTimeout, Apart: !entry.Share,
		Hint: hintOf("postgres", name),
	})
	return s.postgres[name], nil
}
