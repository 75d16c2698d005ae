package puff

import (
	"testing"
	"time"

	"github.com/puffstack/puff/internal/supervisor"
)

func TestWatchdogIsFedWhileSomeWorkerAnswers(t *testing.T) {
	now := time.Now()
	const patience = 10 * time.Second
	worker := func(state supervisor.State, silent time.Duration) supervisor.Worker {
		return supervisor.Worker{State: state, Heard: now.Add(-silent)}
	}
	tests := []struct {
		name    string
		workers []supervisor.Worker
		want    bool
	}{
		{"none", nil, false},
		{"one answers", []supervisor.Worker{worker(supervisor.Serving, time.Second)}, true},
		{"one is silent", []supervisor.Worker{worker(supervisor.Serving, patience)}, false},
		{"one of two is silent", []supervisor.Worker{
			worker(supervisor.Serving, time.Minute), worker(supervisor.Serving, time.Second),
		}, true},
		{"the only one starts", []supervisor.Worker{worker(supervisor.Starting, 0)}, false},
		{"the only one has crashed", []supervisor.Worker{worker(supervisor.Dead, 0)}, false},
		{"one ends what it has", []supervisor.Worker{worker(supervisor.Draining, time.Minute)}, true},
	}
	for _, tt := range tests {
		if got := serves(supervisor.Snapshot{Workers: tt.workers}, now, patience); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}
