package supervisor

// What others may know of the workers, and ask them.

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// Snapshot is how things stand.
type Snapshot struct {
	// Started is when the parent began.
	Started time.Time
	// Workers lists every process, by slot, then by age. A slot that waits to start one
	// again is there too, as dead and without a process.
	Workers []Worker
	// Restarts counts workers that were started to replace another, by reason: crash,
	// hang, reload, age, rss, requests, signal, scale.
	Restarts map[string]int
}

// Worker is how a worker stands.
type Worker struct {
	Slot    int
	PID     int
	State   State
	Ready   Ready     // what it said of itself
	Started time.Time // when its process began
	Heard   time.Time // when its lane answered last
	// Restarts counts those of its slot, by reason.
	Restarts map[string]int
	// LastExit says how the process before it in its slot ended, "" if there was none.
	LastExit string
}

// Answer is what a worker said to a question.
type Answer struct {
	Slot, PID int
	Body      json.RawMessage
	Err       error
}

var errGone = errors.New("ask worker: it has ended")

// Snapshot returns how things stand. It is the zero Snapshot once Run has returned.
func (s *Supervisor) Snapshot() Snapshot {
	out := make(chan Snapshot, 1)
	if !s.do(func() { out <- s.snapshot() }) {
		return Snapshot{}
	}
	return <-out
}

func (s *Supervisor) snapshot() Snapshot {
	all := Snapshot{Started: s.began, Restarts: maps.Clone(s.restarts)}
	busy := map[*slot]bool{}
	for w := range s.workers {
		busy[w.slot] = true
		all.Workers = append(all.Workers, Worker{
			Slot: w.slot.n, PID: w.pid, State: w.state, Ready: w.ready, Started: w.started, Heard: w.heard,
			Restarts: maps.Clone(w.slot.restarts), LastExit: w.slot.lastExit,
		})
	}
	for _, at := range s.slots {
		if !busy[at] {
			all.Workers = append(all.Workers, Worker{
				Slot: at.n, State: Dead, Restarts: maps.Clone(at.restarts), LastExit: at.lastExit,
			})
		}
	}
	slices.SortFunc(all.Workers, func(a, b Worker) int {
		if a.Slot != b.Slot {
			return a.Slot - b.Slot
		}
		return a.Started.Compare(b.Started)
	})
	return all
}

// Ask sends a question, which is JSON, to every worker that serves or drains, and returns
// what they answered by slot. A worker that has not answered when ctx ends has its error.
func (s *Supervisor) Ask(ctx context.Context, question []byte) []Answer {
	type asked struct {
		w  *worker
		id uint64
		c  chan Answer
	}
	var all []asked
	ready := make(chan struct{})
	if !s.do(func() {
		defer close(ready)
		for w := range s.workers {
			if w.state != Serving && w.state != Draining || w.served.IsZero() {
				continue
			}
			s.lastID++
			a := asked{w, s.lastID, make(chan Answer, 1)}
			w.waiting[a.id] = a.c
			all = append(all, a)
			if err := w.wire.send(message{Kind: kindAsk, ID: a.id, Body: question}); err != nil {
				delete(w.waiting, a.id)
				a.c <- w.answer(nil, err)
			}
		}
	}) {
		return nil
	}
	<-ready
	var answers []Answer
	for _, a := range all {
		select {
		case got := <-a.c:
			answers = append(answers, got)
		case <-ctx.Done():
			s.do(func() { delete(a.w.waiting, a.id) })
			answers = append(answers, a.w.answer(nil, ctx.Err()))
		}
	}
	slices.SortFunc(answers, func(a, b Answer) int { return a.Slot - b.Slot })
	return answers
}

// answer is what w said; its numbers never change.
func (w *worker) answer(body json.RawMessage, err error) Answer {
	return Answer{Slot: w.slot.n, PID: w.pid, Body: body, Err: err}
}

// answered hands an answer to who asked.
func (s *Supervisor) answered(w *worker, m message) {
	if m.ID == w.dump && w.dump != 0 {
		s.killWorker(w)
		return
	}
	c := w.waiting[m.ID]
	if c == nil {
		return
	}
	delete(w.waiting, m.ID)
	var err error
	if m.Error != "" {
		err = errors.New(m.Error)
	}
	c <- w.answer(m.Body, err)
}
