// Package status shows an operator what a server does: metrics for Prometheus, a page that follows the server live, the same
// as JSON, and a check of its health. It knows of workers only what it is told.
//
//	board := status.New(status.Config{Version: "1.0", Source: source})
//	go board.Run(ctx)
//	err := status.Serve(ctx, listener, board)
//
// Where several processes serve, the board is in their parent and [Source] asks each of them for its [Report]. What a worker
// had counted when it ended is kept, so that counters never go back.
package status

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/puffstack/puff/httpserver/observe"
)

// Report is what a worker says of itself.
type Report struct {
	PID         int              `json:"pid"`
	Python      string           `json:"python"`
	Counts      observe.Snapshot `json:"counts"`
	InFlight    int64            `json:"in_flight"`
	Connections int64            `json:"connections"`
	RSS         int64            `json:"rss_bytes"`
	Lanes       []Lane           `json:"lanes"`
	GIL         Times            `json:"gil"`
	// Blocking is how many threads run blocking functions, BlockingQueue how many functions wait for one.
	Blocking      int `json:"blocking_threads"`
	BlockingQueue int `json:"blocking_queue"`
	// Silent is for how long the lane has not answered.
	Silent time.Duration  `json:"silent_ns"`
	Slow   []observe.Slow `json:"slow"`
	// Dropped is how many lines the access log has lost.
	Dropped uint64 `json:"dropped"`
	// Pools are those of the services that were used.
	Pools []Pool `json:"pools,omitempty"`
}

// Lane is what a lane has measured since it began. At is on a clock of its own.
type Lane struct {
	Name   string        `json:"name"`
	At     time.Duration `json:"at_ns"`
	Asleep time.Duration `json:"asleep_ns"`
	CPU    time.Duration `json:"cpu_ns"`
	Waits  Times         `json:"waits"`
}

// Times is how often something took how long: Counts[i] is how often it was less than Bounds[i], and not less than the one
// before; the last of Counts has no bound.
type Times struct {
	Bounds []time.Duration `json:"bounds_ns"`
	Counts []uint64        `json:"counts"`
	Sum    time.Duration   `json:"sum_ns"`
}

// add adds times that have the same bounds.
func (t *Times) add(o Times) {
	if len(t.Counts) == 0 {
		t.Bounds, t.Counts = o.Bounds, make([]uint64, len(o.Counts))
	}
	for i := range min(len(t.Counts), len(o.Counts)) {
		t.Counts[i] += o.Counts[i]
	}
	t.Sum += o.Sum
}

// Ready is the state of a worker that serves.
const Ready = "ready"

// Worker is one process that serves, or is about to.
type Worker struct {
	PID      int
	State    string // Ready, or why not: "starting", "draining", "dead"
	Started  time.Time
	Restarts int     // of its place
	Report   *Report // nil: it has not answered
}

// Fleet is all workers at one moment.
type Fleet struct {
	Workers []Worker
	// Restarts counts by reason why workers were replaced.
	Restarts map[string]uint64
}

// Source asks for the workers. It returns soon: a worker that does not answer has no report.
type Source func(ctx context.Context) Fleet

// Config says what a Board shows.
type Config struct {
	// Version is that of the server.
	Version string
	// Source is asked for the workers. Required.
	Source Source
	// Services makes the health that of the services in use too. Default: false, who is down is said and no more.
	Services bool
	// Started is when the server was. Default: the time of New.
	Started time.Time
}

// Board is what is known of a server.
type Board struct {
	c Config

	mu sync.Mutex

	fleet   Fleet
	last    map[int]*Report   // by process
	busy    map[int][]float64 // of its lanes, in their order
	gone    Report            // the sum of those that ended
	total   Report            // of all there ever were; its gauges are of those that are
	history []sample          // the oldest first
}

// sample is what had been counted at some time.
type sample struct {
	at     time.Time
	counts observe.Snapshot
}

// interval is how often a running Board asks, kept how many samples it keeps.
const (
	interval = time.Second
	kept     = 61
)

// New returns a Board that has asked nobody yet.
func New(c Config) *Board {
	if c.Started.IsZero() {
		c.Started = time.Now()
	}
	return &Board{c: c, last: make(map[int]*Report), busy: make(map[int][]float64)}
}

// Run asks once a second, until ctx ends: for rates one must have asked before.
func (b *Board) Run(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		b.refresh(ctx)
		b.sample(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sample remembers what has been counted.
func (b *Board) sample(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.history) == kept {
		b.history = slices.Delete(b.history, 0, 1)
	}
	b.history = append(b.history, sample{now, b.total.Counts})
}

// refresh asks the workers.
func (b *Board) refresh(ctx context.Context) {
	fleet := b.c.Source(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fleet = fleet
	alive := make(map[int]bool)
	for i := range fleet.Workers {
		w := &fleet.Workers[i]
		alive[w.PID] = true
		if w.Report == nil {
			w.Report = b.last[w.PID]
			continue
		}
		b.note(w.PID, w.Report)
	}
	for pid, r := range b.last {
		if !alive[pid] {
			b.gone.keep(r)
			delete(b.last, pid)
			delete(b.busy, pid)
		}
	}
	b.total = Report{}
	b.total.keep(&b.gone)
	for _, r := range b.last {
		b.total.keep(r)
		b.total.InFlight += r.InFlight
		b.total.Connections += r.Connections
		b.total.Blocking += r.Blocking
		b.total.BlockingQueue += r.BlockingQueue
		b.total.join(r)
	}
}

// note takes a new report.
func (b *Board) note(pid int, r *Report) {
	before := b.last[pid]
	busy := make([]float64, len(r.Lanes))
	for i := range r.Lanes {
		switch {
		case before == nil || i >= len(before.Lanes):
			busy[i] = r.Lanes[i].busy(&Lane{})
		case r.Lanes[i].At-before.Lanes[i].At < interval/2 && i < len(b.busy[pid]):
			// Too short a time to say anything: keep the report that it began with.
			busy[i] = b.busy[pid][i]
			r.Lanes[i].At, r.Lanes[i].Asleep, r.Lanes[i].CPU = before.Lanes[i].At, before.Lanes[i].Asleep, before.Lanes[i].CPU
		default:
			busy[i] = r.Lanes[i].busy(&before.Lanes[i])
		}
	}
	b.last[pid], b.busy[pid] = r, busy
}

// busy returns the share of the time since before in which the lane worked: it did not sleep, or its thread computed.
func (l *Lane) busy(before *Lane) float64 {
	if before.At == 0 || l.At <= before.At {
		return 0
	}
	all := float64(l.At - before.At)
	awake := 1 - float64(l.Asleep-before.Asleep)/all
	return min(max(awake, float64(l.CPU-before.CPU)/all, 0), 1)
}

// keep adds what o has counted; how things are at the moment is left out.
func (r *Report) keep(o *Report) {
	r.Counts.Add(&o.Counts)
	r.GIL.add(o.GIL)
	r.Dropped += o.Dropped
	for i := range o.Pools {
		r.poolOf(&o.Pools[i]).add(&o.Pools[i].PoolCounts)
	}
	for _, l := range o.Lanes {
		i := slices.IndexFunc(r.Lanes, func(m Lane) bool { return m.Name == l.Name })
		if i < 0 {
			r.Lanes = append(r.Lanes, Lane{Name: l.Name})
			i = len(r.Lanes) - 1
		}
		r.Lanes[i].Waits.add(l.Waits)
	}
}

// silence is how long a lane may be silent and still count as alive.
const silence = 2 * time.Second

// health returns why nobody can be served, "" if somebody can; and who is down of the services in use.
func (b *Board) health() (reason string, down []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	down = b.total.down()
	reason = b.serving()
	if reason == "" && b.c.Services && len(down) > 0 {
		reason = "a service is down"
	}
	return reason, down
}

// serving is why no worker serves. The caller holds mu.
func (b *Board) serving() string {
	reason := "no worker is ready"
	for _, w := range b.fleet.Workers {
		switch {
		case w.State != Ready:
		case w.Report == nil:
			reason = "no worker answers"
		case w.Report.Silent < silence:
			return ""
		default:
			reason = "Python does not answer: its lane has been busy for " + w.Report.Silent.Truncate(100*time.Millisecond).String()
		}
	}
	return reason
}
