package puff

// What a worker says of itself when its parent asks.

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/status"
)

// pulseEvery is how often Python's thread for operators is asked.
const pulseEvery = time.Second

// pulse is what is known of a Python that serves.
type pulse struct {
	mu sync.Mutex

	asked  time.Time // when its lane was asked whether it lives; zero: it has answered
	app    application
	server *httpserver.Server // nil: the application is not ready

	// The thread that answers when the lane can not: python/puff/_watch.py.
	thread  *py.Lane
	threads int64 // of the pool for blocking functions
	queue   int64 // functions that wait for one
	stop    context.CancelFunc
	group   sync.WaitGroup
}

// asks notes that the lane is being asked whether it lives.
func (p *pulse) asks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Now()
}

// answers notes that it does.
func (p *pulse) answers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Time{}
}

// serves notes what there is to ask from now on.
func (o *observer) serves(app application, server *httpserver.Server) {
	o.pulse.mu.Lock()
	defer o.pulse.mu.Unlock()
	o.pulse.app, o.pulse.server = app, server
	if o.counts != nil && app.lane != nil {
		app.lane.Measure()
	}
}

// watch returns the function by which Python tells of its thread for operators.
func (o *observer) watch(rt *py.Runtime) py.Func {
	return func(_ context.Context, args []any) (any, error) {
		if len(args) != 2 {
			return nil, py.NewError("TypeError", "serve.watch(lane, counts)")
		}
		lane, _ := args[0].(int64)
		counts, _ := args[1].(int64)
		ctx, stop := context.WithCancel(context.Background())
		p := &o.pulse
		p.mu.Lock()
		p.thread, p.stop = rt.Lane(int(lane)), stop
		p.mu.Unlock()
		p.thread.Measure()
		p.group.Go(func() { p.ask(ctx, py.Handle(counts)) })
		return nil, nil
	}
}

// ask asks the thread once a second, until ctx ends.
func (p *pulse) ask(ctx context.Context, counts py.Handle) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		answer, err := p.thread.Call(ctx, counts)
		if pair, ok := answer.(py.Tuple); err == nil && ok && len(pair) == 2 {
			p.mu.Lock()
			p.threads, _ = pair[0].(int64)
			p.queue, _ = pair[1].(int64)
			p.mu.Unlock()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// end waits until nobody asks any more.
func (p *pulse) end() {
	p.mu.Lock()
	stop := p.stop
	p.mu.Unlock()
	if stop != nil {
		stop()
		p.group.Wait()
	}
}

// answer answers the one question that the parent has.
func (o *observer) answer(context.Context, []byte) ([]byte, error) { return json.Marshal(o.report()) }

// lanesOf says what the lane of a kind of application is called.
var lanesOf = map[string]string{"wsgi": "greenlet", "asgi": "asyncio"}

// report returns what there is to say.
func (o *observer) report() *status.Report {
	r := &status.Report{PID: os.Getpid(), RSS: residentMemory()}
	if o.counts != nil {
		r.Counts, r.Slow = o.counts.Snapshot(), o.slow.List()
	}
	if o.access != nil {
		r.Dropped = o.access.Dropped()
	}
	if o.services != nil {
		r.Pools = o.services.pools()
		o.services.probeDown()
	}
	p := &o.pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return r
	}
	s := p.server.Stats()
	r.InFlight, r.Connections = s.InFlight, s.Connections
	if p.app.lane == nil {
		return r // files only
	}
	load := p.app.lane.Load()
	r.Python = p.app.version
	r.Lanes = []status.Lane{{
		Name: lanesOf[p.app.kind], At: load.At, Asleep: load.Asleep, CPU: load.CPU, Waits: timesOf(load.Waits),
	}}
	r.GIL = timesOf(load.GIL)
	if p.thread != nil {
		r.GIL = timesOf(load.GIL, p.thread.Load().GIL)
	}
	r.Blocking, r.BlockingQueue = int(p.threads), int(p.queue)
	if !p.asked.IsZero() {
		r.Silent = time.Since(p.asked)
	}
	return r
}

// timesOf adds times up, for those who know nothing of lanes.
func timesOf(all ...py.Times) status.Times {
	var t status.Times
	t.Counts = make([]uint64, len(py.Times{}.Counts))
	for i := range len(t.Counts) - 1 {
		t.Bounds = append(t.Bounds, py.TimesBound(i))
	}
	for _, one := range all {
		for i, n := range one.Counts {
			t.Counts[i] += n
		}
		t.Sum += one.Sum
	}
	return t
}

// residentMemory returns the bytes that this process holds; 0 where that is not known.
func residentMemory() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
