package puff

// What a worker of "puff serve" does: it serves from when the application is ready until
// it is told to end, says that its lane lives, and drains.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/relay"
	"github.com/puffstack/puff/internal/supervisor"
)

// dumpSignal has Python write down what its threads do, while they do it: one that
// programs have no use for.
const dumpSignal = syscall.Signal(50)

// order is the parent's wish that a worker drains.
type order struct {
	signal syscall.Signal // which the parent got; 0: another worker takes over
	limit  time.Duration  // how long that may take
}

// orphanTime is how long a worker whose parent has gone may drain.
const orphanTime = 5 * time.Second

// lastMoment is how long an application may go on when its time is over.
const lastMoment = time.Second

// run serves from when the application is ready until it is told to end, then drains.
// Python ends the process: when its import fails, or when its lane has ended.
func (w *worker) run(ctx context.Context, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var signaled atomic.Bool
	go w.parent.Run(ctx, w.orders(&signaled)) // ends with ctx or the parent
	var app application
	select {
	case app = <-w.ready:
	case f := <-w.failed:
		return w.showFailure(ctx, f, signals)
	case <-signals:
		return nil
	case <-w.drains:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	w.sockets = w.webSocket(app)
	shared, err := relay.OpenShared(w.relay(app))
	if err != nil {
		return err
	}
	listeners, err := w.listen(ctx, app)
	if errors.Is(err, supervisor.ErrLeave) {
		return nil
	}
	if err != nil {
		return err
	}
	go func() { _ = shared.Run(ctx) }() // ends with the process: answers may come to its last moment
	server := httpserver.New(w.engine(app, shared))
	served := make(chan error, 1)
	w.observer.serves(app, server)
	go func() { served <- server.Serve(context.Background(), w.front(ctx, listeners)...) }()
	go w.report(ctx, app, server)
	o := order{limit: w.config.GracefulTimeout}
	select {
	case err := <-served:
		return err
	case o = <-w.drains:
	case s := <-signals:
		o.signal = s.(syscall.Signal)
		if !signaled.Swap(true) {
			_ = w.parent.Leaving("signal") // without a parent there is nobody to replace this one
		}
	case <-ctx.Done():
	}
	go w.hurry(signals)
	w.drain(server, shared, app, o)
	return nil
}

// orders is what the parent may ask for. A signal that the parent got is sent on, so that
// handlers of the application run, unless it came here by itself.
func (w *worker) orders(signaled *atomic.Bool) supervisor.Orders {
	return supervisor.Orders{
		Drain: func(sig syscall.Signal, orphaned bool) {
			o := order{sig, w.config.GracefulTimeout}
			if orphaned {
				o.limit = min(o.limit, orphanTime)
			}
			// Before the drain, which may be over before a handler of the application has run.
			if sig != 0 && !signaled.Swap(true) {
				_ = unix.Kill(os.Getpid(), sig)
			}
			select {
			case w.drains <- o:
			default: // it drains already
			}
		},
		Dump:   w.dump,
		Reopen: w.observer.reopen,
		Answer: w.observer.answer,
	}
}

// hurry ends the process at a second signal. The first may come twice: from a terminal,
// and by way of the parent.
func (w *worker) hurry(signals <-chan os.Signal) {
	const same = 250 * time.Millisecond
	for began := time.Now(); ; {
		<-signals
		if time.Since(began) > same {
			os.Exit(1)
		}
	}
}

// listen says that the application is ready, and makes listeners of the sockets that come.
func (w *worker) listen(ctx context.Context, app application) (all []net.Listener, err error) {
	files, err := w.parent.Ready(ctx, supervisor.Ready{Python: app.version, Interface: app.kind})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		l, wrong := net.FileListener(f)
		f.Close() // the listener has a descriptor of its own
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("listen on a socket of the parent: %w", wrong))
			continue
		}
		all = append(all, l)
	}
	return all, err
}

// report tells the parent that the lane lives, by way of the lane, and when this worker
// has answered as many requests as it may.
func (w *worker) report(ctx context.Context, app application, server *httpserver.Server) {
	if w.config.MaxRequests > 0 {
		go w.count(ctx, server)
	}
	pause := time.Second
	if t := w.config.WorkerTimeout; t > 0 {
		pause = min(pause, t/4)
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		// One that hangs answers late, or never: then there is no beat.
		w.observer.pulse.asks()
		if _, err := app.lane.Call(ctx, app.objects["ping"]); err != nil {
			return
		}
		w.observer.pulse.answers()
		if err := w.parent.Beat(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// count waits until this worker has answered as many requests as it may.
func (w *worker) count(ctx context.Context, server *httpserver.Server) {
	most := int64(w.config.MaxRequests)
	if jitter := w.config.MaxRequestsJitter; jitter > 0 {
		most += rand.Int64N(int64(jitter) + 1)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for server.Stats().Requests < most {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	_ = w.parent.Full("requests") // without a parent this worker ends anyhow
}

// drain ends what is under way, then the lane, then waits for Python to end the
// process. What takes longer than the order allows is cut off.
func (w *worker) drain(server *httpserver.Server, shared *relay.Side, app application, o order) {
	ctx, cancel := context.WithTimeout(context.Background(), o.limit)
	defer cancel()
	if o.signal == 0 {
		// Others go on serving: clients that pause find their connection open a while longer.
		server.SetDrainGrace(min(o.limit/2, 5*time.Second))
	}
	if w.dev != nil {
		server.SetDrainGrace(idleGrace) // the next request is for the next worker
	}
	if err := server.Shutdown(ctx); err != nil {
		w.log.Warn("requests were cut off", "after", o.limit.String())
		// The application hears of that, and has a moment to act upon it.
		var last context.CancelFunc
		ctx, last = context.WithTimeout(context.Background(), lastMoment)
		defer last()
	}
	w.observer.close()
	if err := app.lane.Stop(); err != nil {
		w.log.Error("stop the lane", "error", err)
	}
	<-ctx.Done()
	// What the application began may still run: it had its time.
	w.log.Warn("the application did not end in time", "after", o.limit.String())
	w.services.end(context.Background()) // as Python does when it ends the process
	os.Exit(0)
}

// dump writes the stacks of Python's threads and of Go's to stderr. Python's come from a
// signal's handler in C on the main thread, whoever holds the GIL.
func (w *worker) dump() {
	pid := os.Getpid()
	if err := unix.Tgkill(pid, pid, dumpSignal); err != nil {
		w.log.Error("dump Python's stacks", "error", err)
	}
	time.Sleep(100 * time.Millisecond) // it has no way to say that it is done
	buf := make([]byte, 1<<20)
	os.Stderr.Write(buf[:runtime.Stack(buf, true)])
}
