package puff

// puff serve without an application: files, and no Python.

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/supervisor"
)

// onlyFiles is the interface of a worker without an application.
const onlyFiles = "files"

// serveFiles is a worker that serves what needs no application, until it is told to end.
func serveFiles(ctx context.Context, c *Config, s ServeConfig, d *development, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	parent, err := supervisor.Attach(workerPlace())
	if err != nil {
		return err
	}
	observer, err := newObserver(&s, log)
	if err != nil {
		return err
	}
	defer observer.close()
	certificates, err := openCertificates(&s, log)
	if err != nil {
		return err
	}
	w := &worker{
		project: c, config: s, log: log, parent: parent, certs: certificates, observer: observer, dev: d,
		drains: make(chan order, 1),
	}
	var signaled atomic.Bool
	orders := w.orders(&signaled)
	orders.Dump = func() { _ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2) } // there is no Python to ask
	go parent.Run(ctx, orders)                                                   // ends with ctx or the parent
	listeners, err := w.listen(ctx, application{kind: onlyFiles})
	if errors.Is(err, supervisor.ErrLeave) {
		return nil
	}
	if err != nil {
		return err
	}
	config := engineConfig(&s, log)
	config.Handler = nothing{}
	config.Open = func() (httpserver.Source, error) { return nothing{}, nil }
	config.Filters = w.filters()
	server := httpserver.New(config)
	served := make(chan error, 1)
	observer.serves(application{kind: onlyFiles}, server)
	go func() { served <- server.Serve(context.Background(), w.front(ctx, listeners)...) }()
	if s.MaxRequests > 0 {
		go w.count(ctx, server)
	}
	go w.beat(ctx)
	o := order{limit: s.GracefulTimeout}
	select {
	case err := <-served:
		return err
	case o = <-w.drains:
	case <-signals:
		signaled.Store(true)
		_ = parent.Leaving("signal") // without a parent there is nobody to replace this one
	case <-ctx.Done():
	}
	go w.hurry(signals)
	drained, stop := context.WithTimeout(context.Background(), o.limit)
	defer stop()
	if err := server.Shutdown(drained); err != nil {
		log.Warn("requests were cut off", "after", o.limit.String())
	}
	return <-served
}

// beat tells the parent that this worker lives.
func (w *worker) beat(ctx context.Context) {
	pause := time.Second
	if t := w.config.WorkerTimeout; t > 0 {
		pause = min(pause, t/4)
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for w.parent.Beat() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// nothing is the application where there is none.
type nothing struct{}

var _ httpserver.Source = nothing{}

var notFound = httpserver.Head{Status: 404, Fields: []httpserver.Field{
	{Name: []byte("Content-Type"), Value: []byte("text/plain; charset=utf-8")},
}}

// Handle answers 404.
func (nothing) Handle(x *httpserver.Exchange) {
	h := notFound
	_ = x.Respond(&h, []byte("Not Found\n")) // fails only when the client is gone
}

func (nothing) FD() int      { return -1 }
func (nothing) Flush()       {}
func (nothing) Drain() int   { return 0 }
func (nothing) Park() bool   { return true }
func (nothing) Close() error { return nil }
