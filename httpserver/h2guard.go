// h2guard.go bounds what a client of HTTP/2 may cost: a budget for what is cheap to send and not to handle, and a time for
// everything that is waited for.

package httpserver

import (
	"errors"
	"time"

	"golang.org/x/net/http2"
)

// What is trouble costs a client some of its budget, which fills up with time and with each request that is answered. Browsers
// and load balancers stay far below; floods of resets (CVE-2023-44487), of CONTINUATION (CVE-2024-27316), SETTINGS, PING,
// PRIORITY, WINDOW_UPDATE and of frames with nothing in them use it up in a moment.
const (
	h2Budget       = 2000
	h2BudgetPerSec = 200

	h2SettingsCost = 10
	h2ResetCost    = 10
	h2RefuseCost   = 10
	h2AnswerGain   = 4 // answers earn it back, so a reset in the middle of many is forgiven

	h2MaxSettings = 64
)

// h2Guard is what is known of a client's manners.
type h2Guard struct {
	budget   int
	filled   int64 // when time was last added
	begun    int64
	idle     int64 // since when there is no stream
	drained  int64 // when the client was first asked to leave
	blockAt  int64 // since when a header block is incomplete; 0: none is
	partAt   int64 // since when a frame is
	stuckAt  int64 // since when the kernel takes nothing
	checked  int64 // when tick was last called
	interval int64
}

func (g *h2Guard) begin(h *h2) {
	now := h.carrier.now()
	g.budget, g.filled, g.begun, g.idle, g.checked = h2Budget, now, now, now, now
	g.interval = h2Interval(h.c)
}

// h2Interval returns how often a connection is looked at while it waits for something, in nanoseconds.
func h2Interval(c *Config) int64 {
	least := min(c.HeadTimeout, c.BodyTimeout, c.WriteTimeout, c.IdleTimeout, c.DrainGrace)
	interval := min(max(least/4, time.Millisecond), time.Second)
	if c.TickInterval > 0 {
		interval = min(interval, c.TickInterval)
	}
	return int64(interval)
}

// spend takes n from the budget. The error ends the connection.
func (h *h2) spend(n int) error {
	g := &h.guard
	if g.budget -= n; g.budget >= 0 {
		return nil
	}
	now := h.carrier.now()
	gain := (now - g.filled) * h2BudgetPerSec / int64(time.Second)
	g.filled = now
	if g.budget = int(min(int64(g.budget)+gain, h2Budget)); g.budget >= 0 {
		return nil
	}
	return h2Fault{http2.ErrCodeEnhanceYourCalm, "too much trouble for too little work"}
}

// earn adds n to the budget.
func (g *h2Guard) earn(n int) { g.budget = min(g.budget+n, h2Budget) }

// block notes whether a header block is incomplete, partial whether a frame is.
func (g *h2Guard) block(h *h2, open bool) {
	switch {
	case !open:
		g.blockAt = 0
	case g.blockAt == 0:
		g.blockAt = max(h.carrier.now(), 1)
	}
}

func (g *h2Guard) partial(h *h2, moved, open bool) {
	switch {
	case !open:
		g.partAt = 0
	case moved || g.partAt == 0:
		g.partAt = max(h.carrier.now(), 1)
	}
}

// stuck notes whether the kernel takes bytes.
func (g *h2Guard) stuck(now int64, moved, blocked bool) {
	switch {
	case !blocked:
		g.stuckAt = 0
	case moved || g.stuckAt == 0:
		g.stuckAt = max(now, 1)
	}
}

// passed reports whether d has passed since a time that is not 0.
func passed(since, now int64, d time.Duration) bool { return since != 0 && now-since >= int64(d) }

// wait returns how long the connection may sleep before tick must be called.
func (h *h2) wait() time.Duration {
	switch {
	case len(h.held) > 0:
		return bodyPatience
	case h.count > 0 || h.draining || !h.settled || h.acks > 0 || h.guard.partAt != 0 || h.guard.blockAt != 0 || h.guard.stuckAt != 0:
		return time.Duration(h.guard.interval)
	}
	return h.c.IdleTimeout
}

var (
	errSlowSettings = h2Fault{http2.ErrCodeSettingsTimeout, "the settings were not acknowledged in time"}
	errSlowBlock    = h2Fault{http2.ErrCodeEnhanceYourCalm, "a header block did not arrive in time"}
	errSlowFrame    = h2Fault{http2.ErrCodeEnhanceYourCalm, "a frame did not arrive in time"}
	errSlowStream   = errors.New("answer request: the client did not make room for the answer in time")
)

// tick looks at what is late. It is called with the lock, at least when wait says so. An error means that the socket is of
// no use any more.
func (h *h2) tick(now int64) error {
	g := &h.guard
	h.unhold(now - int64(bodyPatience))
	if passed(g.stuckAt, now, h.c.WriteTimeout) {
		return errSlowClient
	}
	if now-g.checked < g.interval {
		return nil
	}
	g.checked = now
	switch {
	case (!h.settled || h.acks > 0) && passed(max(g.begun, 1), now, h.c.HeadTimeout):
		h.failed(errSlowSettings)
	case passed(g.blockAt, now, h.c.HeadTimeout):
		h.failed(errSlowBlock)
	case passed(g.partAt, now, max(h.c.HeadTimeout, h.c.BodyTimeout)):
		h.failed(errSlowFrame)
	}
	for _, st := range h.streams {
		h.tickStream(st, now)
	}
	switch {
	case h.phase != h2Open:
	case h.draining && passed(max(g.drained, 1), now, h.c.DrainGrace):
		h.leave()
	case h.count == 0 && !h.draining && now-g.idle >= int64(h.c.IdleTimeout):
		h.leave()
	}
	return nil
}

// tickStream ends a stream whose client is late.
func (h *h2) tickStream(st *h2Stream, now int64) {
	switch {
	case st.closed != nil:
	case !st.body.empty():
		if passed(max(st.took, 1), now, h.c.WriteTimeout) {
			h.reset(st, http2.ErrCodeCancel, errSlowStream)
		}
	case st.pulled && !st.ended && !st.told && st.x.Protocol == nil:
		if passed(max(st.moved, 1), now, h.c.BodyTimeout) {
			h.refuse(st, refuseSlowBody)
		}
	}
	if st.turned() && h.c.TickInterval > 0 && now-st.ticked >= int64(h.c.TickInterval) {
		st.ticked, st.due = now, true
		st.tellSoon()
	}
}
