package puff

// The address for operators, which the parent answers: what it knows of its workers
// becomes metrics, health and a page in internal/status.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/puffstack/puff/internal/status"
	"github.com/puffstack/puff/internal/supervisor"
)

// askPatience is how long a worker may take to say how it is. Go answers it, not Python.
const askPatience = time.Second

// fleet asks the workers of a parent.
func fleet(parent *supervisor.Supervisor) status.Source {
	return func(ctx context.Context) status.Fleet {
		ctx, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		reports := make(map[int]*status.Report)
		for _, a := range parent.Ask(ctx, []byte(`"report"`)) {
			r := new(status.Report)
			if a.Err == nil && json.Unmarshal(a.Body, r) == nil {
				reports[a.PID] = r
			}
		}
		now := parent.Snapshot()
		f := status.Fleet{Restarts: make(map[string]uint64)}
		for reason, n := range now.Restarts {
			f.Restarts[reason] = uint64(n)
		}
		for _, w := range now.Workers {
			restarts := 0
			for _, n := range w.Restarts {
				restarts += n
			}
			f.Workers = append(f.Workers, status.Worker{
				PID: w.PID, State: string(w.State), Started: w.Started, Restarts: restarts, Report: reports[w.PID],
			})
		}
		return f
	}
}

// operators is the server on the address for operators.
type operators struct {
	stop  context.CancelFunc
	group sync.WaitGroup
}

// openOperators answers on the address of s with what source tells. heir says that the
// parent before this one may still do so: then this one waits for its turn.
func openOperators(ctx context.Context, s *ServeConfig, source status.Source, heir bool) (*operators, error) {
	address := s.Metrics
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil && !(heir && errors.Is(err, syscall.EADDRINUSE)) {
		return nil, fmt.Errorf("listen for operators: %w; choose another address with --metrics", err)
	}
	ctx, stop := context.WithCancel(ctx)
	o := &operators{stop: stop}
	board := status.New(status.Config{Version: Version, Source: source, Services: s.HealthServices})
	o.group.Go(func() { board.Run(ctx) })
	o.group.Go(func() {
		if listener == nil {
			if listener = inherit(ctx, address); listener == nil {
				return
			}
		}
		_ = status.Serve(ctx, listener, board) // ends with ctx
	})
	return o, nil
}

// inherit listens on address as soon as that is free; nil: ctx has ended.
func inherit(ctx context.Context, address string) net.Listener {
	const pause = 100 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	var lc net.ListenConfig
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if listener, err := lc.Listen(ctx, "tcp", address); err == nil {
			return listener
		}
	}
}

// close ends the server.
func (o *operators) close() {
	o.stop()
	o.group.Wait()
}
