package puff

// What "puff doctor" says of a service: it asks each whether it is there, and starts none.

import (
	"context"
	"slices"
	"time"

	"github.com/puffstack/puff/internal/embedded"
	"github.com/puffstack/puff/postgres"
	"github.com/puffstack/puff/redis"
)

// checks ask the service of a URL whether it is there, by its kind.
var checks = map[string]func(ctx context.Context, name, text string) error{
	"redis": checkRedis, "pubsub": checkRedis, "task-queue": checkRedis, "postgres": checkPostgres,
}

// embeddedKind is what internal/embedded calls the server of a kind.
var embeddedKind = map[string]string{
	"redis": embedded.Redis, "pubsub": embedded.Redis, "task-queue": embedded.Redis, "postgres": embedded.Postgres,
}

// checkService says where a service is and whether it answers.
func (c *Config) checkService(ctx context.Context, u ServiceURL) string {
	if u.from.IsDefault() && (c.Embedded == "always" || c.Embedded == "auto" && !listens(ctx, u.URL())) {
		p, err := newProject(c)
		if err != nil {
			return err.Error()
		}
		running := p.Running()
		if i := slices.IndexFunc(running, func(s embedded.State) bool { return s.Kind == embeddedKind[u.Kind] }); i >= 0 {
			return running[i].Address + "  (embedded: " + running[i].Program + " runs)"
		}
		return "embedded  (starts when first used)"
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := checks[u.Kind](ctx, u.Name, u.URL()); err != nil {
		return maskURL(u.URL()) + "  (does not answer: " + err.Error() + ")"
	}
	return maskURL(u.URL()) + "  (answers)"
}

func checkRedis(ctx context.Context, name, text string) error {
	c := redis.New(redis.Config{Name: name, URL: text})
	defer c.Close()
	return c.Ping(ctx)
}

func checkPostgres(ctx context.Context, name, text string) error {
	p := postgres.New(postgres.Config{Name: name, URL: text, Size: 1})
	defer p.Close()
	return p.Ping(ctx)
}
