package puff

// Stop 2 of 5: cli/serve.go has read the command line; here the sockets are opened,
// Python is told what to import, and the HTTP engine is joined to the lane by
// internal/wsgi or internal/asgi, the next stop.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/asgi"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
	"github.com/puffstack/puff/internal/wsgi"
)

// Serve serves the application app until a signal tells it to end.
func (a *App) Serve(ctx context.Context, c *Config, app string, s ServeConfig) error {
	log := newLogger(os.Stderr, s.LogLevel)
	p, err := a.program(c, s.Python, log)
	if err != nil {
		return err
	}
	// With a processor to spare, Go's monitor leaves the event loop its own while it sleeps. Without one
	// it takes that away each time, at a fifth of all CPU time.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	// Go would end the process when whoever reads its log goes away.
	signal.Ignore(syscall.SIGPIPE)
	listeners, err := listen(ctx, &s)
	if err != nil {
		return err
	}
	w := &worker{
		program: p, config: s, app: app, log: log, listeners: listeners,
		ready: make(chan application, 1),
	}
	p.rt.Handle("serve.ready", w.applicationReady)
	options := map[string]any{
		"app": app, "interface": strings.TrimSuffix(s.Interface, "3"), "lifespan": s.Lifespan,
		"add_cwd": c.AddCwdToPath, "factory": s.Factory, "blocking_threads": s.BlockingThreads,
		"greenlets": c.Greenlets, "event_loop": c.Asyncio,
		"argv": []string{"puff", "serve", app},
	}
	if s.AppDir != "" {
		options["app_dir"] = s.AppDir
	}
	// Before the application is imported, which may take its time.
	signals := py.Signals(ctx, syscall.SIGINT, syscall.SIGTERM)
	p.run("puff._serve", "run", options)
	return w.run(ctx, signals)
}

// listen opens every address, or none.
func listen(ctx context.Context, s *ServeConfig) (all []net.Listener, err error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			if s.ReusePort {
				set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
		})
		return errors.Join(err, set)
	}}
	for _, address := range s.Addresses() {
		l, err := lc.Listen(ctx, "tcp", address)
		if err == nil {
			err = setBacklog(l, s.Backlog)
		}
		if err != nil {
			for _, l := range all {
				l.Close()
			}
			if errors.Is(err, syscall.EADDRINUSE) {
				return nil, fmt.Errorf("listen on %s: somebody else does already; choose another with --port or --bind", address)
			}
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		all = append(all, l)
	}
	return all, nil
}

// setBacklog has the kernel keep n connections until they are accepted: listening
// again on the same socket changes nothing else.
func setBacklog(l net.Listener, n int) error {
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.Listen(int(fd), n) })
	return errors.Join(err, set)
}

// worker is one process that serves.
type worker struct {
	*program

	config    ServeConfig
	app       string
	log       *slog.Logger
	listeners []net.Listener
	ready     chan application
}

// application is what Python says of what it has imported.
type application struct {
	kind     string // "wsgi" or "asgi"
	lane     *py.Lane
	function py.Handle
	objects  map[string]py.Handle
	version  string
}

// applicationReady is called by Python when the application can take requests.
func (w *worker) applicationReady(_ context.Context, args []any) (any, error) {
	if len(args) != 5 {
		return nil, py.NewError("TypeError", "serve.ready(kind, lane, handle, objects, version)")
	}
	kind, _ := args[0].(string)
	id, _ := args[1].(int64)
	function, _ := args[2].(int64)
	version, _ := args[4].(string)
	objects := map[string]py.Handle{}
	pairs, _ := args[3].(py.Dict)
	for _, p := range pairs {
		name, _ := p[0].(string)
		h, _ := p[1].(int64)
		objects[name] = py.Handle(h)
	}
	w.ready <- application{kind, w.rt.Lane(int(id)), py.Handle(function), objects, version}
	return nil, nil
}

// run serves from when the application is ready until a signal, then drains. Python
// ends the process: when its import fails, or when its lane has ended.
func (w *worker) run(ctx context.Context, signals <-chan os.Signal) error {
	var app application
	select {
	case app = <-w.ready:
	case <-signals:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	shared, err := relay.OpenShared(w.relay(app))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { _ = shared.Run(ctx) }() // ends with the process: answers may come to its last moment
	server := httpserver.New(w.engine(app, shared))
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), w.listeners...) }()
	w.announce(app)
	select {
	case err := <-served:
		return err
	case s := <-signals:
		w.log.Info("draining", "signal", s.String())
	case <-ctx.Done():
	}
	go func() {
		<-signals
		os.Exit(1)
	}()
	w.drain(server, shared, app)
	return nil
}

// drain ends what is under way, then the lane, then waits for Python to end the
// process. What takes longer than the graceful timeout is cut off.
func (w *worker) drain(server *httpserver.Server, shared *relay.Side, app application) {
	ctx, cancel := context.WithTimeout(context.Background(), w.config.GracefulTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		w.log.Warn("requests were cut off", "after", w.config.GracefulTimeout.String())
	}
	if err := app.lane.Stop(); err != nil {
		w.log.Error("stop the lane", "error", err)
	}
	<-ctx.Done()
	// What the application began may still run: it had its time.
	w.log.Warn("the application did not end in time", "after", w.config.GracefulTimeout.String())
	os.Exit(0)
}

func (w *worker) relay(app application) relay.Config {
	root := strings.Trim(w.config.RootPath, "/")
	if root != "" {
		root = "/" + root
	}
	c := relay.Config{Lane: app.lane, Function: app.function, Log: w.log}
	if app.kind == "wsgi" {
		config := wsgi.Config{
			Errors: app.objects["errors"], FileWrapper: app.objects["file_wrapper"],
			RootPath: root, Software: "puff/" + Version,
		}
		c.Protocol = func() relay.Protocol { return wsgi.New(config) }
	} else {
		c.Protocol = func() relay.Protocol { return asgi.New(asgi.Config{RootPath: root}) }
	}
	return c
}

func (w *worker) engine(app application, shared *relay.Side) httpserver.Config {
	s := &w.config
	return httpserver.Config{
		Handler:            shared,
		Open:               func() (httpserver.Source, error) { return relay.OpenLoop(w.relay(app)) },
		ServerName:         s.ServerHeader,
		NoServerName:       s.ServerHeader == "",
		NoDate:             s.NoDateHeader,
		MaxRequestLine:     int(orNone(s.MaxRequestLine)),
		MaxHead:            int(orNone(s.MaxHeadSize)),
		MaxFields:          int(orNone(int64(s.MaxHeaders))),
		MaxBody:            orNone(s.MaxBodySize),
		HeadTimeout:        orNone(s.HeadTimeout),
		BodyTimeout:        orNone(s.BodyTimeout),
		WriteTimeout:       orNone(s.WriteTimeout),
		IdleTimeout:        orNone(s.KeepAlive),
		MaxConnections:     int(orNone(int64(s.LimitConnections))),
		MaxRequestsPerConn: int(orNone(int64(s.MaxRequestsPerConnection))),
		Logger:             w.log,
	}
}

// orNone turns the operator's "0: no limit" into the engine's.
func orNone[T int64 | time.Duration](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// announce says in one line where to look, and what answers there.
func (w *worker) announce(app application) {
	urls := make([]string, len(w.listeners))
	for i, l := range w.listeners {
		urls[i] = "http://" + l.Addr().String()
	}
	mode := map[string]string{"wsgi": "WSGI, greenlets", "asgi": "ASGI"}[app.kind]
	fmt.Fprintf(os.Stderr, "puff %s serves %s (%s) on %s with Python %s\n",
		Version, w.app, mode, strings.Join(urls, " "), app.version)
}
