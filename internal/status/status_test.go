package status

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/httpserver/observe"
)

// report is what a worker with n requests of 200 and one of 500 says.
func report(pid int, n uint64) *Report {
	r := &Report{
		PID: pid, Python: "3.13.0", InFlight: 2, Connections: 3, RSS: 1 << 20, Blocking: 4,
		Lanes: []Lane{{
			Name: "greenlet", At: 10 * time.Second, Asleep: 5 * time.Second,
			Waits: Times{[]time.Duration{time.Millisecond}, []uint64{n, 0}, time.Duration(n) * time.Microsecond},
		}},
		GIL: Times{[]time.Duration{time.Millisecond}, []uint64{0, 1}, time.Second},
	}
	r.Counts.Answers = []observe.Answers{{Method: "GET", Status: 200, Count: n}, {Method: "GET", Status: 500, Count: 1}}
	r.Counts.Requests = n + 1
	r.Counts.Buckets[3] = n + 1
	r.Counts.Duration = time.Second
	return r
}

// fleet makes a Source of what the test says.
type fleet struct{ Fleet }

func (f *fleet) source(context.Context) Fleet { return f.Fleet }

func ready(r *Report) Worker {
	return Worker{PID: r.PID, State: Ready, Started: time.Now(), Report: r}
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	return w.Code, w.Body.String()
}

// metric returns the value of a line of /metrics.
func metric(t *testing.T, h http.Handler, name string) string {
	t.Helper()
	code, body := get(t, h, "/metrics")
	if code != 200 {
		t.Fatalf("/metrics: got %d, %s", code, body)
	}
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return "none"
}

func TestMetricsAddUpTheWorkers(t *testing.T) {
	f := &fleet{Fleet{Workers: []Worker{ready(report(1, 10)), ready(report(2, 5))}, Restarts: map[string]uint64{"crash": 3}}}
	h := Handler(New(Config{Version: "1.0", Source: f.source}))
	for name, want := range map[string]string{
		`puff_requests_total{method="GET",status="200"}`:    "15",
		`puff_requests_total{method="GET",status="500"}`:    "2",
		`puff_request_duration_seconds_count`:               "17",
		`puff_request_duration_seconds_bucket{le="0.0005"}`: "0",
		`puff_request_duration_seconds_bucket{le="0.001"}`:  "17",
		`puff_request_duration_seconds_sum`:                 "2",
		`puff_requests_in_flight`:                           "4",
		`puff_connections`:                                  "6",
		`puff_lane_wait_seconds_count{lane="greenlet"}`:     "15",
		`puff_lane_busy_ratio{lane="greenlet"}`:             "0",
		`puff_gil_wait_seconds_count`:                       "2",
		`puff_gil_wait_seconds_bucket{le="0.001"}`:          "0",
		`puff_blocking_threads`:                             "8",
		`puff_workers`:                                      "2",
		`puff_worker_restarts_total{reason="crash"}`:        "3",
		`puff_worker_restarts_total{reason="hang"}`:         "0",
		`puff_worker_memory_bytes`:                          "2.097152e+06",
		`puff_info{python="3.13.0",version="1.0"}`:          "1",
	} {
		if got := metric(t, h, name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestCountersSurviveTheirWorkers(t *testing.T) {
	f := &fleet{Fleet{Workers: []Worker{ready(report(1, 10))}}}
	h := Handler(New(Config{Source: f.source}))
	const name = `puff_requests_total{method="GET",status="200"}`
	metric(t, h, name)
	f.Workers = []Worker{ready(report(2, 1))}
	for range 2 {
		if got := metric(t, h, name); got != "11" {
			t.Errorf("got %s of both workers, want 11", got)
		}
		if got := metric(t, h, "puff_requests_in_flight"); got != "2" {
			t.Errorf("got %s in flight, want those of the one that lives", got)
		}
	}
	f.Workers[0].Report = nil // it does not answer this time
	if got := metric(t, h, name); got != "11" {
		t.Errorf("got %s while a worker was silent, want 11", got)
	}
}

func TestALaneIsBusyWhenItIsAwakeOrComputes(t *testing.T) {
	before := &Lane{At: 10 * time.Second, Asleep: 5 * time.Second, CPU: time.Second}
	for _, c := range []struct {
		name string
		now  Lane
		want float64
	}{
		{"asleep", Lane{At: 11 * time.Second, Asleep: 6 * time.Second, CPU: time.Second}, 0},
		{"blocked", Lane{At: 11 * time.Second, Asleep: 5 * time.Second, CPU: time.Second}, 1},
		{"a loop that computes", Lane{At: 11 * time.Second, Asleep: 6 * time.Second, CPU: 1750 * time.Millisecond}, 0.75},
		{"half", Lane{At: 11 * time.Second, Asleep: 5500 * time.Millisecond, CPU: time.Second}, 0.5},
		{"no time passed", Lane{At: 10 * time.Second}, 0},
	} {
		if got := c.now.busy(before); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHealthGoesThroughPython(t *testing.T) {
	silent := report(1, 1)
	silent.Silent = 5 * time.Second
	for _, c := range []struct {
		name    string
		workers []Worker
		code    int
		body    string
	}{
		{"nobody", nil, 503, "no worker is ready\n"},
		{"starting", []Worker{{PID: 1, State: "starting"}}, 503, "no worker is ready\n"},
		{"mute", []Worker{{PID: 1, State: Ready}}, 503, "no worker answers\n"},
		{"silent", []Worker{ready(silent)}, 503, "Python does not answer: its lane has been busy for 5s\n"},
		{"ready", []Worker{ready(report(1, 1))}, 200, "ok\n"},
		{"one of two", []Worker{ready(silent), ready(report(2, 1))}, 200, "ok\n"},
	} {
		code, body := get(t, Handler(New(Config{Source: (&fleet{Fleet{Workers: c.workers}}).source})), "/healthz")
		if code != c.code || body != c.body {
			t.Errorf("%s: got %d %q, want %d %q", c.name, code, body, c.code, c.body)
		}
	}
}

func TestStatusHasWhatIsDocumented(t *testing.T) {
	f := &fleet{Fleet{Workers: []Worker{ready(report(7, 10))}}}
	b := New(Config{Version: "1.0", Source: f.source})
	_, body := get(t, Handler(b), "/status")
	var s map[string]any
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"version", "python", "uptime_s", "workers", "requests_total", "connections"} {
		if _, ok := s[key]; !ok {
			t.Errorf("/status has no %s: %s", key, body)
		}
	}
	worker := s["workers"].([]any)[0].(map[string]any)
	for _, key := range []string{"pid", "state", "requests", "in_flight", "rss_bytes", "restarts", "started"} {
		if _, ok := worker[key]; !ok {
			t.Errorf("a worker has no %s: %s", key, body)
		}
	}
	if s["requests_total"] != 11.0 || worker["pid"] != 7.0 || worker["state"] != "ready" {
		t.Errorf("got %s", body)
	}
}

func TestRatesAreOfTheLastSeconds(t *testing.T) {
	f := &fleet{Fleet{Workers: []Worker{ready(report(1, 0))}}}
	b := New(Config{Source: f.source})
	start := time.Now()
	for i := range 100 {
		f.Workers = []Worker{ready(report(1, uint64(50*i)))}
		b.refresh(t.Context())
		b.sample(start.Add(time.Duration(i) * time.Second))
	}
	s := b.Summary()
	if s.Rate != 50 || len(s.History) != kept-1 || s.History[0].Rate != 50 {
		t.Errorf("got %v per second and %d seconds, want 50 and %d", s.Rate, len(s.History), kept-1)
	}
	if s.P50 < 0.5 || s.P50 > 1 {
		t.Errorf("got a median of %v ms, want it in its bucket", s.P50)
	}
}

func TestTheServerForOperatorsEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{Fleet{Workers: []Worker{ready(report(1, 3))}}}
	b := New(Config{Version: "1.0", Source: f.source})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- Serve(ctx, listener, b) }()
	go func() { b.Run(ctx); ended <- nil }()
	s, err := Ask(t.Context(), listener.Addr().String())
	if err != nil || s.Requests != 4 {
		t.Errorf("got %+v, %v", s, err)
	}
	answer, err := http.Get("http://" + listener.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	html, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if !strings.Contains(string(html), "<title>Puff status</title>") || strings.Contains(string(html), "://") &&
		strings.Count(string(html), "://") != strings.Count(string(html), "http://www.w3.org/2000/svg") {
		t.Error("the page is not there, or asks somebody else for something")
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if _, err := Ask(t.Context(), listener.Addr().String()); err == nil || !strings.Contains(err.Error(), "nothing listens") {
		t.Errorf("got %v, want that nothing listens", err)
	}
}

func TestWhoIsNoPuffIsNotTakenForOne(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, err := Ask(t.Context(), strings.TrimPrefix(s.URL, "http://"))
	if err == nil || !strings.Contains(err.Error(), "is no puff") {
		t.Errorf("got %v, want that it is no puff", err)
	}
}

func TestTheTextIsATable(t *testing.T) {
	s := &Summary{
		Version: "1.0", Python: "3.13.0", UptimeS: 61, Health: "ok", Requests: 11, Rate: 1.5, Restarts: map[string]uint64{"hang": 2, "crash": 0},
		Workers: []State{{PID: 7, State: "ready", Requests: 11, RSS: 3 << 20, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)}},
		Slow:    []SlowRoute{{Route: "GET /", WorstMS: 12.3, Status: 200, Count: 1}},
	}
	var b strings.Builder
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := `puff 1.0 with Python 3.13.0, up 1m1s: ok

requests     11, 1.5 per second, 0 of them errors
latency      median 0.00 ms, 99 % 0.00 ms
in flight    0 on 0 connections
restarts     2 hang

WORKER  STATE  BUSY  REQUESTS  IN FLIGHT  MEMORY  RESTARTS  STARTED
7       ready  0 %   11        0          3.0 MB  0         2026-01-02 03:04:05

SLOWEST  STATUS  SLOW  ROUTE
12.3 ms  200     1     GET /
`
	if diff := cmp.Diff(b.String(), want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}
