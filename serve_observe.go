package puff

// What watches a server while it serves: names of requests, counts, the access log,
// traces.

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/accesslog"
	"github.com/puffstack/puff/httpserver/observe"
	"github.com/puffstack/puff/internal/tracing"
)

// observer is what watches the requests of one process.
type observer struct {
	log     *slog.Logger
	trusted []netip.Prefix
	always  bool           // the application's own records have the names of requests
	access  *accesslog.Log // nil: off
	counts  *observe.Counts
	slow    *observe.Slowest
	tracer  *tracing.Tracer // nil: nobody wants traces
	pulse   pulse

	services *services // nil: this process has none
}

// newObserver opens what s asks for.
func newObserver(s *ServeConfig, log *slog.Logger) (*observer, error) {
	o := &observer{log: log, trusted: s.ForwardedAllowIPs, always: s.LogFormat == "json"}
	if s.Metrics != "" {
		o.counts, o.slow = observe.NewCounts(), observe.NewSlowest()
	}
	if s.AccessLog != "off" {
		format, err := accesslog.Parse(s.AccessLog)
		if err != nil {
			return nil, err
		}
		o.access, err = accesslog.New(accesslog.Config{Format: format, File: s.AccessLogFile, Logger: log})
		if err != nil {
			return nil, err
		}
	}
	if tracing.Wanted(os.LookupEnv) {
		var err error
		if o.tracer, err = tracing.New(context.Background(), tracing.Config{Version: Version, Logger: log}); err != nil {
			o.close()
			return nil, err
		}
	}
	return o, nil
}

// names is the filter in front of all others. It trusts whom httpserver/forwarded does:
// clients of unix sockets, too, if anybody.
func (o *observer) names() httpserver.Filter {
	if len(o.trusted) == 0 {
		return observe.Names(nil, o.always)
	}
	return observe.Names(func(peer netip.Addr) bool {
		peer = peer.Unmap()
		return !peer.IsValid() || slices.ContainsFunc(o.trusted, func(p netip.Prefix) bool { return p.Contains(peer) })
	}, o.always)
}

// filters are those of the observer that watch, if somebody wants to know.
func (o *observer) filters() (list []httpserver.Filter) {
	c := observe.Config{Counts: o.counts, Slow: o.slow}
	if o.access != nil {
		c.Log = o.access
	}
	if c.Counts != nil || c.Log != nil {
		list = append(list, observe.Filter(c))
	}
	if o.tracer != nil {
		list = append(list, o.tracer.Filter)
	}
	return list
}

// reopen opens the files of logs again, by their names.
func (o *observer) reopen() {
	if o.access == nil {
		return
	}
	if err := o.access.Reopen(); err != nil {
		o.log.Error("reopen logs", "error", err)
	}
}

// closePatience is how long the end may take where a log's reader is stuck.
const closePatience = 2 * time.Second

// close ends what the observer began, and writes what was not written yet.
func (o *observer) close() {
	o.pulse.end()
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		var err error
		if o.access != nil {
			err = o.access.Close()
		}
		if o.tracer != nil {
			err = errors.Join(err, o.tracer.Close(ctx))
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			o.log.Error("close logs", "error", err)
		}
	case <-ctx.Done():
		o.log.Error("close logs", "error", ctx.Err())
	}
}
