// summary.go is the same for people: what /status says, and what the page and the terminal show of it.

package status

import (
	"time"

	"github.com/puffstack/puff/httpserver/observe"
)

// Summary is what /status returns. Rates and latencies are of the last ten seconds.
type Summary struct {
	Version  string  `json:"version"`
	Python   string  `json:"python"`
	UptimeS  float64 `json:"uptime_s"`
	Health   string  `json:"health"` // "ok", or the reason why not
	Workers  []State `json:"workers"`
	Requests uint64  `json:"requests_total"`
	// Errors is how many of them were answered with a status of 500 or more.
	Errors      uint64             `json:"errors_total"`
	Connections int64              `json:"connections"`
	InFlight    int64              `json:"in_flight"`
	Rate        float64            `json:"requests_per_second"`
	P50         float64            `json:"p50_ms"`
	P99         float64            `json:"p99_ms"`
	Lanes       map[string]float64 `json:"lane_busy_ratio"`
	Blocking    int                `json:"blocking_threads"`
	Restarts    map[string]uint64  `json:"restarts"`
	Pools       []Pool             `json:"pools"` // of the services in use
	Down        []string           `json:"down"`  // of them, with since when and why
	Slow        []SlowRoute        `json:"slow"`
	History     []Second           `json:"history"` // of the last minute, the oldest first
}

// State is one worker.
type State struct {
	PID      int       `json:"pid"`
	State    string    `json:"state"`
	Requests uint64    `json:"requests"`
	InFlight int64     `json:"in_flight"`
	RSS      int64     `json:"rss_bytes"`
	Restarts int       `json:"restarts"`
	Started  time.Time `json:"started"`
	Busy     float64   `json:"busy_ratio"` // of its busiest lane
}

// SlowRoute is a route with slow requests.
type SlowRoute struct {
	Route   string  `json:"route"`
	WorstMS float64 `json:"worst_ms"`
	Status  int     `json:"status"`
	Count   uint64  `json:"count"`
	AgoS    float64 `json:"ago_s"`
}

// Second is one second of the past.
type Second struct {
	Rate float64 `json:"rate"`
	P99  float64 `json:"p99_ms"`
}

// window is how many seconds of the past rates are made of.
const window = 10

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Summary returns what is known.
func (b *Board) Summary() *Summary {
	health, down := b.health()
	if health == "" {
		health = "ok"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &Summary{
		Version: b.c.Version, UptimeS: ms(time.Since(b.c.Started).Round(time.Millisecond)) / 1000, Health: health, Workers: []State{},
		Requests: b.total.Counts.Requests, Connections: b.total.Connections, InFlight: b.total.InFlight,
		Lanes: b.lanes(), Blocking: b.total.Blocking, Restarts: b.restarts(), Slow: []SlowRoute{},
		Pools: append([]Pool{}, b.total.Pools...), Down: append([]string{}, down...), History: []Second{},
	}
	for _, a := range b.total.Counts.Answers {
		if a.Status >= 500 {
			s.Errors += a.Count
		}
	}
	var slow [][]observe.Slow
	for _, w := range b.fleet.Workers {
		state := State{PID: w.PID, State: w.State, Restarts: w.Restarts, Started: w.Started.UTC().Truncate(time.Millisecond)}
		if r := w.Report; r != nil {
			s.Python = r.Python
			state.Requests, state.InFlight, state.RSS = r.Counts.Requests, r.InFlight, r.RSS
			for _, busy := range b.busy[w.PID] {
				state.Busy = max(state.Busy, busy)
			}
			slow = append(slow, r.Slow)
		}
		s.Workers = append(s.Workers, state)
	}
	for _, r := range observe.MergeSlow(slow...) {
		s.Slow = append(s.Slow, SlowRoute{r.Route, ms(r.Worst), r.Status, r.Count, time.Since(r.Last).Round(time.Second).Seconds()})
	}
	b.past(s)
	return s
}

// past adds rates and latencies.
func (b *Board) past(s *Summary) {
	n := len(b.history)
	for i := 1; i < n; i++ {
		rate, counts, before := between(&b.history[i-1], &b.history[i])
		s.History = append(s.History, Second{rate, ms(counts.Quantile(0.99, before))})
	}
	if n > 1 {
		rate, counts, before := between(&b.history[max(n-1-window, 0)], &b.history[n-1])
		s.Rate = rate
		s.P50, s.P99 = ms(counts.Quantile(0.5, before)), ms(counts.Quantile(0.99, before))
	}
}

func between(from, to *sample) (rate float64, counts, before *observe.Snapshot) {
	if seconds := to.at.Sub(from.at).Seconds(); seconds > 0 {
		rate = float64(to.counts.Requests-from.counts.Requests) / seconds
	}
	return rate, &to.counts, &from.counts
}
