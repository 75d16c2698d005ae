// metrics.go is what Prometheus reads.

package status

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/puffstack/puff/httpserver/observe"
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("puff_"+name, help, labels, nil)
}

func ofPool(name, help string, labels ...string) *prometheus.Desc {
	return describe(name, help, append([]string{"service", "name"}, labels...)...)
}

// What there is to know. Never changed.
var (
	descRequests    = describe("requests_total", "Requests that are over.", "method", "status")
	descDuration    = describe("request_duration_seconds", "Time from a request to its answer.")
	descSent        = describe("response_bytes_total", "Bytes of bodies that were sent.")
	descInFlight    = describe("requests_in_flight", "Requests that wait for their answer.")
	descConnections = describe("connections", "Open connections.")
	descBusy        = describe("lane_busy_ratio", "Share of the last second in which a lane of Python worked.", "lane")
	descWait        = describe("lane_wait_seconds", "Time that a batch waited for a lane of Python.", "lane")
	descGIL         = describe("gil_wait_seconds", "Time that a thread that was woken waited for the GIL.")
	descBlocking    = describe("blocking_threads", "Threads for blocking functions.")
	descQueue       = describe("blocking_queue", "Blocking functions that wait for a thread.")
	descWorkers     = describe("workers", "Workers that are ready.")
	descRestarts    = describe("worker_restarts_total", "Workers that were replaced.", "reason")
	descMemory      = describe("worker_memory_bytes", "Resident memory of all workers.")
	descDropped     = describe("access_log_dropped_total", "Lines that the access log had no room for.")
	descUptime      = describe("uptime_seconds", "Time since the server was started.")
	descInfo        = describe("info", "Always 1.", "version", "python")

	descPoolConnections = ofPool("pool_connections", "Open connections to a service.", "state")
	descPoolSize        = ofPool("pool_size", "The most connections of a service's pools.")
	descPoolWaiting     = ofPool("pool_waiting", "Callers that wait for a connection.")
	descPoolWaits       = ofPool("pool_waits_total", "Callers that had to wait for a connection.")
	descPoolWaitTime    = ofPool("pool_wait_seconds_total", "Time that callers waited for a connection.")
	descPoolTimeouts    = ofPool("pool_wait_timeouts_total", "Callers that waited for a connection in vain.")
	descPoolConnects    = ofPool("pool_connects_total", "Connections that were made.")
	descPoolReconnects  = ofPool("pool_reconnects_total", "Connections that were made in the place of a lost one.")
	descCalls           = ofPool("service_calls_total", "Statements, commands and requests sent to a service.")
	descCallTime        = ofPool("service_call_seconds_total", "Time that calls of a service took.")
	descErrors          = ofPool("service_errors_total", "Calls of a service that failed.", "kind")
	descUp              = ofPool("service_up", "Whether a service that is in use can be reached.")
	descSubscriptions   = ofPool("pubsub_subscriptions", "Channels and patterns that somebody listens to.")
	descReceived        = ofPool("pubsub_received_total", "Messages that came for a subscription.")
	descMissed          = ofPool("pubsub_dropped_total", "Messages that a receiver had no room for.")

	descs = []*prometheus.Desc{
		descRequests, descDuration, descSent, descInFlight, descConnections, descBusy, descWait, descGIL, descBlocking,
		descQueue, descWorkers, descRestarts, descMemory, descDropped, descUptime, descInfo,
		descPoolConnections, descPoolSize, descPoolWaiting, descPoolWaits, descPoolWaitTime, descPoolTimeouts, descPoolConnects,
		descPoolReconnects, descCalls, descCallTime, descErrors, descUp, descSubscriptions, descReceived, descMissed,
	}
)

// reasons are there from the start, at zero, so that the first restart is an increase.
var reasons = []string{"crash", "hang", "reload", "age", "rss", "requests"}

var _ prometheus.Collector = (*Board)(nil)

// Describe implements prometheus.Collector.
func (b *Board) Describe(to chan<- *prometheus.Desc) {
	for _, d := range descs {
		to <- d
	}
}

// Collect implements prometheus.Collector: with what is known, it asks nobody.
func (b *Board) Collect(to chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	t := &b.total
	for _, a := range t.Counts.Answers {
		counter(descRequests, a.Count, a.Method, strconv.Itoa(a.Status))
	}
	to <- histogram(descDuration, Times{observe.Bounds[:], t.Counts.Buckets[:], t.Counts.Duration})
	counter(descSent, t.Counts.Bytes)
	gauge(descInFlight, float64(t.InFlight))
	gauge(descConnections, float64(t.Connections))
	for lane, ratio := range b.lanes() {
		gauge(descBusy, ratio, lane)
	}
	for _, l := range t.Lanes {
		to <- histogram(descWait, l.Waits, l.Name)
	}
	to <- histogram(descGIL, t.GIL)
	gauge(descBlocking, float64(t.Blocking))
	gauge(descQueue, float64(t.BlockingQueue))
	ready, memory, python := 0, int64(0), ""
	for _, w := range b.fleet.Workers {
		if w.State == Ready {
			ready++
		}
		if w.Report != nil {
			memory += w.Report.RSS
			python = w.Report.Python
		}
	}
	gauge(descWorkers, float64(ready))
	gauge(descMemory, float64(memory))
	for _, reason := range slices.Sorted(maps.Keys(b.restarts())) {
		counter(descRestarts, b.restarts()[reason], reason)
	}
	counter(descDropped, t.Dropped)
	gauge(descUptime, time.Since(b.c.Started).Seconds())
	gauge(descInfo, 1, b.c.Version, python)
	for i := range t.Pools {
		t.Pools[i].collect(to)
	}
}

// collect tells of a pool that was used.
func (p *Pool) collect(to chan<- prometheus.Metric) {
	tell := func(kind prometheus.ValueType, d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, v, append([]string{p.Service, p.Name}, labels...)...)
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	for state, n := range p.Connections {
		tell(gauge, descPoolConnections, float64(n), state)
	}
	if p.Size > 0 {
		tell(gauge, descPoolSize, float64(p.Size))
	}
	tell(gauge, descPoolWaiting, float64(p.Waiting))
	tell(counter, descPoolWaits, float64(p.Waits))
	tell(counter, descPoolWaitTime, p.WaitTime.Seconds())
	tell(counter, descPoolTimeouts, float64(p.Timeouts))
	tell(counter, descPoolConnects, float64(p.Connects))
	tell(counter, descPoolReconnects, float64(p.Reconnects))
	tell(counter, descCalls, float64(p.Calls))
	tell(counter, descCallTime, p.CallTime.Seconds())
	for kind, n := range p.Errors {
		tell(counter, descErrors, float64(n), kind)
	}
	up := 1.0
	if !p.DownSince.IsZero() {
		up = 0
	}
	tell(gauge, descUp, up)
	if p.Service == "pubsub" {
		tell(gauge, descSubscriptions, float64(p.Subscriptions))
		tell(counter, descReceived, float64(p.Received))
		tell(counter, descMissed, float64(p.Dropped))
	}
}

// restarts returns the counts by reason, with those that have none.
func (b *Board) restarts() map[string]uint64 {
	all := make(map[string]uint64)
	for _, r := range reasons {
		all[r] = 0
	}
	maps.Copy(all, b.fleet.Restarts)
	return all
}

// lanes returns how busy the lanes of each name are, on average over the workers.
func (b *Board) lanes() map[string]float64 {
	sum, n := make(map[string]float64), make(map[string]float64)
	for pid, r := range b.last {
		for i, l := range r.Lanes {
			sum[l.Name] += b.busy[pid][i]
			n[l.Name]++
		}
	}
	for name := range sum {
		sum[name] /= n[name]
	}
	return sum
}

// histogram makes one of Prometheus's, whose counts are of all up to a bound.
func histogram(d *prometheus.Desc, t Times, labels ...string) prometheus.Metric {
	buckets, n := make(map[float64]uint64), uint64(0)
	for i, count := range t.Counts {
		n += count
		if i < len(t.Bounds) {
			buckets[t.Bounds[i].Seconds()] = n
		}
	}
	return prometheus.MustNewConstHistogram(d, n, t.Sum.Seconds(), buckets, labels...)
}
