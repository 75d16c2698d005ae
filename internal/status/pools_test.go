package status

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// pooled is a report with pools that have counted n calls each.
func pooled(pid int, n uint64) *Report {
	r := report(pid, 1)
	r.Pools = []Pool{
		{
			Service: "postgres", Name: "default", Server: "postgres://me:***@db/shop", Size: 10, Waiting: 1,
			Connections: map[string]int{"idle": 1, "used": 2},
			PoolCounts: PoolCounts{
				Calls: n, CallTime: time.Duration(n) * time.Second, Connects: 4, Reconnects: 1, Waits: 2, WaitTime: time.Second,
				Timeouts: 1, Errors: map[string]uint64{"lost": 1},
			},
		},
		{
			Service: "pubsub", Name: "default", Subscriptions: 3, Connections: map[string]int{"listening": 1},
			PoolCounts: PoolCounts{Received: n, Dropped: 1},
		},
	}
	return r
}

func TestMetricsOfPoolsAddUpTheWorkersAndOutliveThem(t *testing.T) {
	f := &fleet{Fleet{Workers: []Worker{ready(pooled(1, 10)), ready(pooled(2, 5))}}}
	h := Handler(New(Config{Source: f.source}))
	const of = `{name="default",service="postgres"}`
	want := map[string]string{
		`puff_pool_connections{name="default",service="postgres",state="idle"}`: "2",
		`puff_pool_connections{name="default",service="postgres",state="used"}`: "4",
		`puff_pool_size` + of:                  "20",
		`puff_pool_waiting` + of:               "2",
		`puff_pool_waits_total` + of:           "4",
		`puff_pool_wait_seconds_total` + of:    "2",
		`puff_pool_wait_timeouts_total` + of:   "2",
		`puff_pool_connects_total` + of:        "8",
		`puff_pool_reconnects_total` + of:      "2",
		`puff_service_calls_total` + of:        "15",
		`puff_service_call_seconds_total` + of: "15",
		`puff_service_up` + of:                 "1",
		`puff_service_errors_total{kind="lost",name="default",service="postgres"}`: "2",
		`puff_pubsub_subscriptions{name="default",service="pubsub"}`:               "6",
		`puff_pubsub_received_total{name="default",service="pubsub"}`:              "15",
		`puff_pubsub_dropped_total{name="default",service="pubsub"}`:               "2",
	}
	for name, value := range want {
		if got := metric(t, h, name); got != value {
			t.Errorf("%s: got %s, want %s", name, got, value)
		}
	}
	f.Workers = []Worker{ready(report(3, 1))}
	for range 2 { // the sum of those that ended is made once
		if got := metric(t, h, `puff_service_calls_total`+of); got != "15" {
			t.Errorf("without its workers: got %s calls, want 15", got)
		}
		if got := metric(t, h, `puff_pool_connections{name="default",service="postgres",state="used"}`); got != "none" {
			t.Errorf("without its workers: got %s connections", got)
		}
	}
}

func TestNothingIsSaidOfServicesThatNobodyUses(t *testing.T) {
	f := &fleet{Fleet{Workers: []Worker{ready(report(1, 1))}}}
	b := New(Config{Source: f.source})
	_, metrics := get(t, Handler(b), "/metrics")
	if strings.Contains(metrics, "puff_pool_") || strings.Contains(metrics, "puff_service_") {
		t.Errorf("got metrics of pools: %s", metrics)
	}
	var text bytes.Buffer
	if err := b.Summary().Write(&text); err != nil || strings.Contains(text.String(), "SERVICE") {
		t.Errorf("got a table of pools: %v, %s", err, text.String())
	}
}

func TestAServiceThatIsDownIsSaidAndCountsOnlyWhereAsked(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	one, other := pooled(1, 1), pooled(2, 1)
	one.Pools[0].DownSince, one.Pools[0].Why = since, "connection refused"
	other.Pools[0].DownSince, other.Pools[0].Why = since.Add(time.Second), "no route"
	f := &fleet{Fleet{Workers: []Worker{ready(one), ready(other)}}}
	const line = "postgres default at postgres://me:***@db/shop: down since 2026-01-02 03:04:05: connection refused"
	h := Handler(New(Config{Source: f.source}))
	if code, body := get(t, h, "/healthz"); code != 200 || body != "ok\n"+line+"\n" {
		t.Errorf("got %d %q, want 200 and who is down", code, body)
	}
	if got := metric(t, h, `puff_service_up{name="default",service="postgres"}`); got != "0" {
		t.Errorf("got up %s, want 0", got)
	}
	_, body := get(t, h, "/status")
	var s Summary
	if err := json.Unmarshal([]byte(body), &s); err != nil || s.Health != "ok" || len(s.Down) != 1 || s.Down[0] != line {
		t.Errorf("got %v, health %q, down %q", err, s.Health, s.Down)
	}
	if len(s.Pools) != 2 || s.Pools[0].Connections["used"] != 4 || !s.Pools[0].DownSince.Equal(since) || s.Pools[1].Subscriptions != 6 {
		t.Errorf("got the pools %+v", s.Pools)
	}
	var text bytes.Buffer
	if err := s.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n" + line + "\n", "postgres default  down", "2 idle, 4 used of 20", "puff doctor"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q: %s", want, text.String())
		}
	}
	h = Handler(New(Config{Source: f.source, Services: true}))
	if code, body := get(t, h, "/healthz"); code != 503 || body != "a service is down\n"+line+"\n" {
		t.Errorf("where it counts: got %d %q, want 503", code, body)
	}
	one.Pools[0].DownSince, other.Pools[0].DownSince = time.Time{}, time.Time{}
	if code, body := get(t, h, "/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("once it is back: got %d %q, want 200", code, body)
	}
}
