package puff

// A worker of "puff dev": its requests are logged, its faults shown. One whose application
// can not be imported serves that fault until a file changes.

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/dev"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/supervisor"
)

// failedInterface is what a worker without an application says that it speaks.
const failedInterface = "failed"

// idleGrace is how long a connection that a worker has accepted may still begin a request
// when a file has changed: one that is new has it on its way.
const idleGrace = 50 * time.Millisecond

// pages names this worker to the pages that it serves.
func (d *development) pages() *dev.Pages {
	return &dev.Pages{Generation: strconv.Itoa(os.Getpid())}
}

// filters log each request, and answer pages.
func (d *development) filters() []httpserver.Filter {
	if d == nil {
		return nil
	}
	_, err := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS)
	lines := &dev.Lines{To: os.Stderr, Colour: err == nil && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	return []httpserver.Filter{lines.Filter, d.pages().Filter}
}

// fault has an exception of the application answered by a page; nil in puff serve.
func (d *development) fault() func(*httpserver.Exchange) func(error) (*httpserver.Head, []byte) {
	if d == nil {
		return nil
	}
	pages := d.pages()
	return func(x *httpserver.Exchange) func(error) (*httpserver.Head, []byte) {
		answer := pages.Fault(x)
		return func(err error) (*httpserver.Head, []byte) { return answer(reportOf(err)) }
	}
}

// failure is why there is no application.
type failure struct {
	report  dev.Report
	version string        // of Python
	over    chan struct{} // closed when Python is to end
}

// applicationFailed is called by Python when there is nothing to serve; it returns when
// the process is to end.
func (w *worker) applicationFailed(ctx context.Context, args []any) (any, error) {
	if len(args) != 3 || w.dev == nil {
		return nil, py.NewError("TypeError", "serve.failed(summary, exception or None, version) is for puff dev")
	}
	f := failure{over: make(chan struct{})}
	if args[1] != nil {
		f.report = reportOf(py.ErrorFrom(args[1]))
	}
	f.report.Summary, _ = args[0].(string)
	f.version, _ = args[2].(string)
	select {
	case w.failed <- f:
	default:
		return nil, errors.New("serve.failed was called already")
	}
	select {
	case <-f.over:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// showFailure serves a fault until this worker is to end.
func (w *worker) showFailure(ctx context.Context, f failure, signals <-chan os.Signal) error {
	listeners, err := w.listen(ctx, application{kind: failedInterface, version: f.version})
	if errors.Is(err, supervisor.ErrLeave) {
		close(f.over)
		return nil
	}
	if err != nil {
		return err
	}
	c := w.engine(application{}, nil)
	c.Open, c.Handler = nil, w.dev.pages().Handler(f.report)
	server := httpserver.New(c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), w.front(ctx, listeners)...) }()
	select {
	case err := <-served:
		return err
	case <-w.drains:
	case <-signals:
		_ = w.parent.Leaving("signal") // without a parent there is nobody to replace this one
	case <-ctx.Done():
	}
	go w.hurry(signals)
	limit, cancel := context.WithTimeout(context.Background(), max(w.config.GracefulTimeout, time.Second))
	defer cancel()
	server.SetDrainGrace(idleGrace)
	_ = server.Shutdown(limit) // what is left then is a page that nobody reads
	close(f.over)
	<-limit.Done() // Python ends the process, as a rule before
	w.services.end(context.Background())
	os.Exit(0)
	return nil
}

// reportOf makes a report of an exception as puff._dev describes it.
func reportOf(err error) dev.Report {
	var e *py.Error
	if !errors.As(err, &e) {
		return dev.Report{Errors: []dev.Exception{{Kind: "puff", Message: err.Error()}}}
	}
	r := dev.Report{Text: e.Traceback()}
	detail, _ := e.Detail.(py.Tuple)
	if len(detail) == 2 {
		links, _ := detail[1].(py.Tuple)
		for _, l := range links {
			if link, ok := l.(py.Tuple); ok && len(link) == 5 {
				r.Errors = append(r.Errors, exceptionOf(link))
			}
		}
	}
	if len(r.Errors) == 0 {
		r.Errors = []dev.Exception{{Kind: e.Kind, Message: e.Message}}
	}
	return r
}

func exceptionOf(link py.Tuple) (e dev.Exception) {
	e.Relation, _ = link[0].(string)
	e.Kind, _ = link[1].(string)
	e.Message, _ = link[2].(string)
	e.Omitted = intOf(link[3])
	frames, _ := link[4].(py.Tuple)
	for _, v := range frames {
		t, ok := v.(py.Tuple)
		if !ok || len(t) != 8 {
			continue
		}
		f := dev.Frame{Line: intOf(t[1]), First: intOf(t[3]), Start: intOf(t[5]), End: intOf(t[6])}
		f.File, _ = t[0].(string)
		f.Name, _ = t[2].(string)
		f.Own, _ = t[7].(bool)
		source, _ := t[4].(py.Tuple)
		for _, line := range source {
			text, _ := line.(string)
			f.Source = append(f.Source, text)
		}
		e.Frames = append(e.Frames, f)
	}
	return e
}

func intOf(v any) int {
	n, _ := v.(int64)
	return int(n)
}
