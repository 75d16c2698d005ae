// loop_linux.go is the short road: one thread that waits for its connections and its source at once. Next:
// accept_linux.go for how connections come in, shortread_linux.go for requests, shortanswer_linux.go for answers.

package httpserver

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const haveLoops = true

// Marks of the descriptors that are no connections. Connections have positive ones.
const (
	markWake int32 = -1 - iota
	markSource
	markListener
)

// loop is one event loop. Everything below its inbox belongs to its thread.
type loop struct {
	s    *Server
	c    *Config
	wake int // eventfd: the inbox has something

	served   atomic.Int64 // published once per turn
	inFlight atomic.Int64

	mu sync.Mutex

	inbox  []func()
	closed bool

	src       Source
	epfd      int
	events    [256]unix.EpollEvent
	listeners []*acceptor
	conns     []*conn // by descriptor
	open      int
	mark      int32 // of the youngest connection: tells it from an older one with the same descriptor

	epoch   time.Time
	woke    time.Time
	now     int64 // nanoseconds since epoch, at the last wake
	stamp   *stamp
	timers  timers
	buffers buffers
	scratch []byte
	head    []byte // where whole answers are put together
	free    []*Exchange
	streams []*h2Stream // likewise
	gone    gone

	dirty   []*conn // have something to flush or to tell
	resumed []*conn // have something to read
	handed  bool    // the source got requests since its last Flush
	drained int     // what the last Drain returned
	done    int64   // exchanges that are over
	flying  int64   // exchanges that are not

	draining bool
	cut      bool
}

func newLoop(s *Server) (*loop, error) {
	l := &loop{
		s: s, c: &s.c, epfd: -1, wake: -1, epoch: time.Now(),
		stamp: newStamp(&s.c), scratch: make([]byte, scratchSize), head: make([]byte, 0, scratchSize),
	}
	l.gone.l = l
	l.timers[headTimer].after = int64(s.c.HeadTimeout)
	l.timers[idleTimer].after = int64(s.c.IdleTimeout)
	l.timers[bodyTimer].after = int64(bodyPatience)
	l.timers[writeTimer].after = int64(s.c.WriteTimeout)
	l.timers[lingerTimer].after = int64(lingerTime)
	l.timers[h2Timer].after = h2Interval(&s.c)
	l.timers[tickTimer].after = int64(s.c.TickInterval)
	var err error
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		unix.Close(l.epfd)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	if err = watch(l.epfd, l.wake, unix.EPOLLIN, markWake); err != nil {
		l.close()
		return nil, fmt.Errorf("watch eventfd: %w", err)
	}
	return l, nil
}

// run serves until the loop is drained or cut. ready is called once the source is open, or with the error why not.
func (l *loop) run(ready func(error)) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := l.openSource()
	ready(err)
	if err != nil {
		l.close()
		return err
	}
	for !l.finished() && err == nil {
		var n int
		n, err = l.wait()
		l.tick()
		for i := range n {
			l.event(&l.events[i])
		}
		l.turn()
	}
	l.close()
	return errors.Join(err, l.src.Close())
}

func (l *loop) openSource() (err error) {
	if l.src, err = l.c.Open(); err != nil {
		return fmt.Errorf("open source: %w", err)
	}
	if len(l.c.Filters) > 0 {
		l.src = &filteredSource{l.src, filtered(l.src, l.c.Filters)}
	}
	if fd := l.src.FD(); fd >= 0 {
		if err = watch(l.epfd, fd, unix.EPOLLIN, markSource); err != nil {
			return errors.Join(fmt.Errorf("watch source: %w", err), l.src.Close())
		}
	}
	return nil
}

// wait returns the number of events. It sleeps only if there is nothing left to do and the source agrees.
func (l *loop) wait() (int, error) {
	if l.drained > 0 || len(l.dirty) > 0 || len(l.resumed) > 0 || !l.src.Park() {
		return poll(l.epfd, l.events[:]), nil
	}
	n, err := unix.EpollWait(l.epfd, l.events[:], l.timers.wait(int64(time.Since(l.epoch))))
	switch err {
	case nil:
		return n, nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("wait for events: %w", err)
}

func (l *loop) tick() {
	now := time.Now()
	l.woke, l.now = now, int64(now.Sub(l.epoch))
	l.stamp.at(now)
}

func (l *loop) event(ev *unix.EpollEvent) {
	switch ev.Pad {
	case markWake:
		l.receive()
	case markSource: // Drain is called anyway
	case markListener:
		l.accept(int(ev.Fd))
	default:
		if c := l.conns[ev.Fd]; c != nil && c.mark == ev.Pad {
			c.event(ev.Events)
		}
	}
}

// turn hands on what was read, and writes what was answered. It ends with nothing waiting for Flush.
func (l *loop) turn() {
	l.settle()
	l.flush()
	l.drained = l.src.Drain()
	l.settle()
	l.flush()
	l.publish()
	for c, kind := l.timers.expired(l.now); c != nil; c, kind = l.timers.expired(l.now) {
		c.expired(kind)
	}
}

// publish makes the counts visible to Stats.
func (l *loop) publish() {
	l.served.Store(l.done)
	l.inFlight.Store(l.flying)
}

func (l *loop) flush() {
	if l.handed {
		l.handed = false
		l.src.Flush()
	}
}

// settle flushes the connections that were written to, and reads on where an answer is complete. What that brings forth in
// turn is left for the next round, so that one connection cannot keep the others waiting.
func (l *loop) settle() {
	n := len(l.dirty)
	for _, c := range l.dirty[:n:n] {
		c.isDirty = false
		c.flush()
	}
	l.dirty = l.dirty[:copy(l.dirty, l.dirty[n:])]
	n = len(l.resumed)
	for _, c := range l.resumed[:n:n] {
		c.isResumed = false
		c.resume()
	}
	l.resumed = l.resumed[:copy(l.resumed, l.resumed[n:])]
}

// exchange returns one that is not in use.
func (l *loop) exchange() *Exchange {
	if n := len(l.free); n > 0 {
		x := l.free[n-1]
		l.free = l.free[:n-1]
		return x
	}
	return &Exchange{}
}

// keptExchanges bounds how many exchanges wait to be used again, since a burst may have needed many.
const keptExchanges = 4096

// recycle takes an exchange back. The fields keep their room and nothing else.
func (l *loop) recycle(x *Exchange) {
	x.Peer, x.Data, x.Tag, x.road, x.Body, x.Farewell = nil, nil, 0, spent{}, nil, nil
	if len(l.free) < keptExchanges {
		l.free = append(l.free, x)
	}
}

// post has f called on the thread of the loop. It reports false if the loop has ended.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if len(l.inbox) == 0 {
		unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
	l.inbox = append(l.inbox, f)
	return true
}

func (l *loop) receive() {
	l.mu.Lock()
	inbox := l.inbox
	l.inbox = nil
	var count [8]byte
	unix.Read(l.wake, count[:])
	l.mu.Unlock()
	for _, f := range inbox {
		f()
	}
	l.handed = true // one of them may have handed the source a request
}

// drain stops accepting. Connections that are idle get a last chance to begin a request.
func (l *loop) drain() {
	l.post(func() {
		l.draining = true
		l.closeListeners()
		l.timers[idleTimer].after = l.s.grace.Load()
		for _, c := range l.conns {
			switch {
			case c == nil:
			case c.h2 != nil:
				c.h2.drain()
			case c.quiet():
				l.timers.arm(c, idleTimer, l.now)
			}
		}
	})
}

// stop cuts everything.
func (l *loop) stop() {
	l.post(func() {
		l.draining, l.cut = true, true
		l.closeListeners()
		for _, c := range l.conns {
			if c != nil {
				c.farewell()
				c.fail(ErrServerClosed)
			}
		}
	})
}

// finished reports whether nothing is left to do. A connection that is on its way back from the long road is still in the
// inbox: then there is.
func (l *loop) finished() bool {
	if !l.cut && (!l.draining || l.open > 0) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.cut || len(l.inbox) == 0
	return l.closed
}

// close ends the loop on every way out. What arrives in the inbox from now on is turned away by post.
func (l *loop) close() {
	l.mu.Lock()
	l.closed = true
	inbox := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	l.cut, l.draining = true, true
	for _, f := range inbox {
		f()
	}
	l.closeListeners()
	for _, c := range l.conns {
		if c != nil {
			c.fail(ErrServerClosed)
		}
	}
	l.publish()
	unix.Close(l.wake)
	unix.Close(l.epfd)
}
