package puff

// Stop 2 of 5: cli/serve.go has read the command line; here the process becomes a parent
// (serve_parent.go), or one of its workers: Python is told what to import, and the HTTP
// engine is joined to the lane by internal/wsgi or internal/asgi, the next stop.

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/asgi"
	"github.com/puffstack/puff/internal/certs"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
	"github.com/puffstack/puff/internal/supervisor"
	"github.com/puffstack/puff/internal/wsgi"
)

// Serve serves the application app until a signal tells it to end. The process that is
// asked is the parent of those that serve, which are this program once more.
func (a *App) Serve(ctx context.Context, c *Config, app string, s ServeConfig) error {
	if workerPlace() != "" {
		return a.work(ctx, c, app, s, nil)
	}
	return a.supervise(ctx, s, app, nil)
}

// work is what a worker does; d is nil but for "puff dev".
func (a *App) work(ctx context.Context, c *Config, app string, s ServeConfig, d *development) error {
	log := newLogger(os.Stderr, s.LogLevel, s.LogFormat)
	// Go would end the process when whoever reads its log goes away.
	signal.Ignore(syscall.SIGPIPE)
	if app == "" && !c.routed() {
		return serveFiles(ctx, c, s, d, log)
	}
	p, err := a.program(c, s.Python, log)
	if err != nil {
		return err
	}
	parent, err := supervisor.Attach(workerPlace())
	if err != nil {
		return err
	}
	observer, err := newObserver(&s, log)
	if err != nil {
		return err
	}
	defer observer.close()
	// With a processor to spare, Go's monitor leaves the event loop its own while it sleeps. Without one
	// it takes that away each time, at a fifth of all CPU time.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	certificates, err := openCertificates(&s, log)
	if err != nil {
		return err
	}
	observer.services = a.services
	w := &worker{
		program: p, services: a.services, project: c, config: s, app: app, log: log, parent: parent, certs: certificates, observer: observer,
		dev: d, ready: make(chan application, 1), drains: make(chan order, 1), failed: make(chan failure, 1),
	}
	p.rt.Handle("serve.ready", w.applicationReady)
	p.rt.Handle("serve.failed", w.applicationFailed)
	p.rt.Handle("serve.watch", observer.watch(p.rt))
	options := map[string]any{
		"app": app, "interface": strings.TrimSuffix(s.Interface, "3"), "lifespan": s.Lifespan,
		"add_cwd": c.AddCwdToPath, "factory": s.Factory, "blocking_threads": s.BlockingThreads,
		"greenlets": c.Greenlets, "event_loop": c.Asyncio, "dump_signal": int(dumpSignal),
		"watch": s.Metrics != "", "log_format": s.LogFormat, "log_level": s.LogLevel,
		"log_all": !s.Origin("log-level").IsDefault(), "dev": d != nil,
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

// worker is one process that serves.
type worker struct {
	*program

	services *services
	project  *Config
	config   ServeConfig
	app      string
	log      *slog.Logger
	parent   *supervisor.Child
	observer *observer
	certs    *certs.Keeper // nil: no TLS
	dev      *development  // nil: puff serve
	ready    chan application
	failed   chan failure
	drains   chan order
	sockets  *asgi.WebSocket // nil: none
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

func (w *worker) relay(app application) relay.Config {
	root := strings.Trim(w.config.RootPath, "/")
	if root != "" {
		root = "/" + root
	}
	c := relay.Config{Lane: app.lane, Function: app.function, Log: w.log, Fault: w.dev.fault()}
	if app.kind == "wsgi" {
		config := wsgi.Config{
			Errors: app.objects["errors"], FileWrapper: app.objects["file_wrapper"],
			RootPath: root, Software: "puff/" + Version,
		}
		c.Protocol = func() relay.Protocol { return wsgi.New(config) }
	} else {
		config := asgi.Config{RootPath: root, WebSocket: w.sockets}
		c.Protocol = func() relay.Protocol { return asgi.New(config) }
	}
	return c
}

// webSocket returns what makes WebSockets, nil if there are none: then requests for them
// are answered like any others.
func (w *worker) webSocket(app application) *asgi.WebSocket {
	s := &w.config
	if !s.WS || app.kind == "wsgi" {
		return nil
	}
	return asgi.NewWebSocket(asgi.WebSocketConfig{
		MaxSize: orNone(s.WSMaxSize), MaxQueue: s.WSMaxQueue, Deflate: s.WSPerMessageDeflate,
		PingInterval: s.WSPingInterval, PingTimeout: s.WSPingTimeout,
	})
}

func (w *worker) engine(app application, shared *relay.Side) httpserver.Config {
	c := engineConfig(&w.config, w.log)
	c.Handler = shared
	c.Open = func() (httpserver.Source, error) { return relay.OpenLoop(w.relay(app)) }
	c.Filters = w.filters()
	if w.sockets != nil {
		c.WebSocket, c.TickInterval = true, w.sockets.TickInterval()
	}
	return c
}

// engineConfig is what settings say to the HTTP engine.
func engineConfig(s *ServeConfig, log *slog.Logger) httpserver.Config {
	return httpserver.Config{
		HTTP:               s.HTTP,
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
		Logger:             log,
	}
}

// orNone turns the operator's "0: no limit" into the engine's.
func orNone[T int64 | time.Duration](v T) T {
	if v == 0 {
		return -1
	}
	return v
}
