package puff

// The Redis clients and the pub/sub of a process.

import (
	"os"

	"github.com/puffstack/puff/internal/embedded"
	"github.com/puffstack/puff/pubsub"
	"github.com/puffstack/puff/redis"
)

// redisNamed returns the client of an entry of [[redis]].
func (s *services) redisNamed(name string) (*redis.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.redis[name]; c != nil {
		return c, nil
	}
	config, err := s.configured()
	if err != nil {
		return nil, err
	}
	entry, err := entryNamed(config.Redis, "redis", name, func(r *Redis) string { return r.Name })
	if err != nil {
		return nil, err
	}
	ServiceURL{"redis", name, &entry.URL, &entry.From}.ask(os.LookupEnv)
	if s.redis == nil {
		s.redis = map[string]*redis.Client{}
	}
	s.redis[name] = s.newRedis(config, "redis", entry)
	return s.redis[name], nil
}

// pubsubNamed returns the hub of an entry of [[pubsub]].
func (s *services) pubsubNamed(name string) (*pubsub.Hub, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.pubsub[name]; h != nil {
		return h, nil
	}
	config, err := s.configured()
	if err != nil {
		return nil, err
	}
	entry, err := entryNamed(config.PubSub, "pubsub", name, func(p *PubSub) string { return p.Name })
	if err != nil {
		return nil, err
	}
	ServiceURL{"pubsub", name, &entry.URL, &entry.From}.ask(os.LookupEnv)
	if s.pubsub == nil {
		s.pubsub = map[string]*pubsub.Hub{}
	}
	s.pubsub[name] = pubsub.New(s.newRedis(config, "pubsub", Redis(entry)))
	return s.pubsub[name], nil
}

func (s *services) newRedis(c *Config, kind string, entry Redis) *redis.Client {
	return redis.New(redis.Config{
		Name: entry.Name, URL: entry.URL, Resolve: s.resolver(c, embedded.Redis, entry.URL, entry.From), PoolSize: entry.PoolSize,
		ConnectTimeout: entry.ConnectTimeout, PoolTimeout: entry.PoolTimeout,
		CommandTimeout: orNone(entry.CommandTimeout), Hint: hintOf(kind, entry.Name),
	})
}
