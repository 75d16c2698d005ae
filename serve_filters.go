package puff

// What stands between the HTTP engine and the application, and answers without it.

import (
	"log/slog"
	"slices"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/compression"
	"github.com/puffstack/puff/httpserver/cors"
	"github.com/puffstack/puff/httpserver/forwarded"
	"github.com/puffstack/puff/httpserver/limits"
	"github.com/puffstack/puff/httpserver/static"
)

// filters lists the filters that the settings ask for; the first sees a request first, and an answer last. One that is not
// asked for is not there and costs nothing.
//
// The first asks who the peer is, the second may replace that by its client, of which those that watch tell.
func filters(c *Config, s *ServeConfig, o *observer, log *slog.Logger) (all []httpserver.Filter) {
	all = append(all, o.names())
	if from := s.ForwardedAllowIPs; len(from) > 0 {
		all = append(all, forwarded.New(from))
	}
	all = append(all, o.filters()...)
	if c.CORS != nil {
		all = append(all, cors.Filter(corsConfig(c.CORS)))
	}
	if s.LimitConcurrency > 0 || s.RequestTimeout > 0 {
		all = append(all, limits.New(limits.Config{
			Concurrency: s.LimitConcurrency, Queue: s.LimitQueue, Timeout: s.RequestTimeout, Logger: log,
		}).Filter)
	}
	if c.CompressionMiddleware {
		all = append(all, compression.Filter(compression.Config{Logger: log}))
	}
	if mounts := mounts(c, s); len(mounts) > 0 {
		all = append(all, static.Filter(static.Config{Mounts: mounts, Logger: log}))
	}
	return all
}

// filters lists those of a worker: in front what puff dev wants to see.
func (w *worker) filters() []httpserver.Filter {
	return append(w.dev.filters(), filters(w.project, &w.config, w.observer, w.log)...)
}

func corsConfig(c *CORS) cors.Config {
	list := func(l AllowList) cors.List { return cors.List{Any: l.Any, Mirror: l.Mirror, Words: l.Words} }
	return cors.Config{
		Origins: list(c.AllowedOrigins), Methods: list(c.AllowedMethods), Headers: list(c.AllowedHeaders),
		Expose: list(c.ExposedHeaders), Credentials: c.AllowCredentials, MaxAge: c.MaxAge,
	}
}

// mounts lists the folders of files: those of the command before those of the file.
func mounts(c *Config, s *ServeConfig) (all []static.Mount) {
	for _, m := range slices.Concat(s.Static, c.Static) {
		all = append(all, static.Mount{
			URL: m.URL, Dir: m.Dir, CacheAge: m.CacheAge, Index: string(m.Index), FollowSymlinks: m.FollowSymlinks,
		})
	}
	return all
}
