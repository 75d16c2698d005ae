package puff

// What the slots of workers listen on: a TCP socket of its own for each slot and address,
// and unix sockets and those of systemd, of which there is one, together.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/internal/sockets"
	"github.com/puffstack/puff/internal/supervisor"
)

// workersOf is how many workers there are to be.
func workersOf(s *ServeConfig) int {
	if s.Workers > 0 {
		return s.Workers
	}
	return runtime.NumCPU()
}

// slotSockets holds a set of sockets per slot; it implements supervisor.Sockets.
type slotSockets struct {
	ctx   context.Context // of the parent, which opens more as it goes
	first []*sockets.Socket
	slots map[int][]*sockets.Socket
	known []sockets.Handover // what was said of those that were handed over
	order []int              // of the slots, as the kernel keeps the sockets of an address; nil: not known
}

// legacy is what a parent tells one that takes its place.
type legacy struct {
	Known []sockets.Handover
	Order []int
}

var _ supervisor.Sockets = (*slotSockets)(nil)

// openSockets takes what another parent has handed over, else what systemd has opened;
// where neither is there it opens every address, or none.
func openSockets(ctx context.Context, s *ServeConfig, h *supervisor.Heritage) (*slotSockets, error) {
	all := &slotSockets{ctx: ctx, slots: map[int][]*sockets.Socket{}}
	if h != nil {
		return all, all.inherit(h)
	}
	open, err := sockets.Activated()
	if err == nil && len(open) == 0 {
		open, err = sockets.OpenAll(ctx, s.Addresses(), sockets.Config{
			Backlog: s.Backlog, ReusePort: s.ReusePort, Mode: s.UDSMode,
		})
	}
	if err != nil {
		return nil, err
	}
	all.first, all.slots[0] = open, open
	if !s.ReusePort { // else others may be in that order too
		all.order = []int{0}
	}
	return all, nil
}

// inherit takes the sockets of another parent. Of those that slots share each slot has a
// descriptor, of which one is enough.
func (a *slotSockets) inherit(h *supervisor.Heritage) error {
	var l legacy
	if err := json.Unmarshal(h.Note, &l); err != nil {
		return fmt.Errorf("take over sockets: %w", err)
	}
	known := l.Known
	a.known = known
	if len(l.Order) == len(h.Slots) { // else some of them close without our knowing when
		a.order = l.Order
	}
	for n, fds := range h.Slots {
		for i, fd := range fds {
			if i >= len(known) {
				return errors.New("take over sockets: there are more of them than was said")
			}
			var s *sockets.Socket
			var err error
			if n > 0 && known[i].Shared {
				unix.Close(fd)
				s, err = a.first[i].Another(a.ctx)
			} else {
				s, err = sockets.Inherit(fd, known[i])
			}
			if err != nil {
				return err
			}
			a.slots[n] = append(a.slots[n], s)
		}
		if n == 0 {
			a.first = a.slots[0]
		}
	}
	return nil
}

// note is what a parent that takes the place of this one should know.
func (a *slotSockets) note() []byte {
	known := make([]sockets.Handover, len(a.first))
	for i, s := range a.first {
		known[i] = s.Handover()
	}
	text, _ := json.Marshal(legacy{known, a.order}) // texts and numbers
	return text
}

// adopt has the paths that were another parent's removed by this one.
func (a *slotSockets) adopt() {
	for i, h := range a.known {
		a.first[i].Adopt(h)
	}
}

// release leaves paths to a parent that has taken the place of this one.
func (a *slotSockets) release() {
	for _, s := range a.first {
		s.Release()
	}
}

// Slot implements supervisor.Sockets.
func (a *slotSockets) Slot(n int) ([]int, error) {
	if _, ok := a.slots[n]; !ok {
		for _, s := range a.first {
			another, err := s.Another(a.ctx)
			if err != nil {
				return nil, errors.Join(err, a.Close(n))
			}
			a.slots[n] = append(a.slots[n], another)
		}
		if a.order != nil {
			a.order = append(a.order, n)
		}
	}
	fds := make([]int, len(a.slots[n]))
	for i, s := range a.slots[n] {
		fds[i] = int(s.File().Fd())
	}
	return fds, nil
}

// Close implements supervisor.Sockets.
func (a *slotSockets) Close(n int) error {
	err := sockets.CloseAll(a.slots[n])
	delete(a.slots, n)
	if i := slices.Index(a.order, n); i >= 0 {
		last := len(a.order) - 1
		a.order[i] = a.order[last]
		a.order = a.order[:last]
	}
	return err
}

// Deal implements supervisor.Sockets. A slot that goes away keeps its sockets open here until
// its worker has ended, so that the order is known.
func (a *slotSockets) Deal(slots []int) bool {
	if a.order == nil {
		return false
	}
	var numbers []int
	if len(slots) < len(a.order) {
		for _, n := range slots {
			numbers = append(numbers, slices.Index(a.order, n))
		}
	}
	for _, s := range a.first {
		if err := s.Steer(numbers...); err != nil {
			return false
		}
	}
	return true
}

func (a *slotSockets) closeAll() {
	for n := range a.slots {
		_ = a.Close(n) // at the end of the process
	}
}

// urls lists where clients find them.
func (a *slotSockets) urls(s *ServeConfig) []string {
	scheme := "http://"
	if len(s.TLSCert) > 0 {
		scheme = "https://"
	}
	urls := make([]string, len(a.first))
	for i, open := range a.first {
		if addr := open.Addr(); addr.Network() == "unix" {
			urls[i] = "unix:" + addr.String()
		} else {
			urls[i] = scheme + addr.String()
		}
	}
	return urls
}
