package puff

// The services of a process: pools that are opened when first used, and end with it.

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/puffstack/puff/httpclient"
	"github.com/puffstack/puff/internal/bind"
	"github.com/puffstack/puff/internal/embedded"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
	"github.com/puffstack/puff/pubsub"
	"github.com/puffstack/puff/redis"
)

// Resolver finds the URL of a service when that is first used. It may start the server.
type Resolver func(ctx context.Context) (url string, err error)

// services are the pools that a process has, by kind and name.
type services struct {
	began chan struct{} // closed when rt is there
	rt    *py.Runtime

	glue *bind.Postgres // what of it goes beyond functions

	embedding sync.Mutex
	embedded  *embedded.Project // nil: nothing of it is used

	mu     sync.Mutex
	config *Config // nil: not read yet
	http   map[string]*httpclient.Client
	redis  map[string]*redis.Client
	pubsub map[string]*pubsub.Hub

	postgres map[string]*postgres.Pool
	direct   postgres.Apart // to servers that programs name themselves
	prober   prober

	ending sync.Once
	ended  bool // nothing is opened any more
}

func newServices() *services { return &services{began: make(chan struct{})} }

// runIn says where Python's lanes are found. Called once.
func (s *services) runIn(rt *py.Runtime) {
	s.rt = rt
	for name, b := range bind.NewRedis(s.redisNamed).Together() {
		rt.HandleTogether(name, b)
	}
	for name, b := range s.glue.Together() {
		rt.HandleTogether(name, b)
	}
	for name, begin := range s.glue.Direct() { // what threads of Python begin themselves
		rt.Direct(name, begin)
	}
	close(s.began)
}

// laneNamed returns a lane of the Python that runs.
func (s *services) laneNamed(id int) *py.Lane {
	<-s.began // whoever calls may be faster than who opened the runtime
	return s.rt.Lane(id)
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
	if s.ended {
		return nil, errEnding
	}
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

// handOn puts into the environment what the command line said of services, for a python
// that reads the configuration by itself.
func (c *Config) handOn() error {
	var failed error
	set := func(name, value string) {
		if err := os.Setenv(name, value); err != nil && failed == nil {
			failed = fmt.Errorf("hand on %s: %w", name, err)
		}
	}
	for _, u := range c.ServiceURLs() {
		if u.from.rank == rankFlag {
			set(u.Env(), u.URL())
		}
	}
	if c.File != "" && c.File != DefaultConfigFile {
		path, err := filepath.Abs(c.File)
		if err != nil {
			return err
		}
		set("PUFF_CONFIG", path)
	}
	return failed
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

// hintOf is what errors advise where a service is not there.
func hintOf(kind, name string) string {
	return fmt.Sprintf("start it, or give another with --%s; \"puff doctor\" asks every service, \"puff services\" lists those that Puff runs",
		ServiceURL{Kind: kind, Name: name}.Flag())
}

// funcs returns what Python calls of the services. Called once, before runIn.
func (s *services) funcs() map[string]Func {
	all := map[string]Func{}
	pg := bind.NewPostgres(s.postgresNamed, &s.direct)
	s.glue = pg
	for _, funcs := range []map[string]Func{
		bind.NewHTTPClient(s.httpNamed).Funcs(),
		bind.NewRedis(s.redisNamed).Funcs(),
		bind.NewPubSub(s.pubsubNamed, s.laneNamed).Funcs(),
		pg.Funcs(),
	} {
		maps.Copy(all, funcs)
	}
	all["services.end"] = func(ctx context.Context, _ []any) (any, error) {
		s.end(ctx)
		return nil, nil
	}
	return all
}
