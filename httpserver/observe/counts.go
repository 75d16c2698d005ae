// counts.go is what a Filter counts: a table of methods and statuses, and a histogram of durations, per road.

package observe

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// method is a place in Methods.
type method uint8

// Methods lists the methods that are counted by name; whatever else a client sends is the last, so that clients cannot make
// up labels.
var Methods = [...]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "other"}

func methodOf(name []byte) method {
	for i := range Methods[:len(Methods)-1] {
		if string(name) == Methods[i] {
			return method(i)
		}
	}
	return method(len(Methods) - 1)
}

// Bounds are the upper bounds of the histogram of durations.
var Bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// firstBound tells by the number of bits of a duration where in Bounds to begin to look: a doubling holds at most two.
var firstBound = func() (first [65]uint8) {
	for n := range first {
		least := time.Duration(0)
		if n > 0 && n < 64 {
			least = 1 << (n - 1)
		}
		i, _ := slices.BinarySearch(Bounds[:], least)
		first[n] = uint8(i)
		if n == 64 {
			first[n] = 0 // negative: the clock went backwards
		}
	}
	return first
}()

func bucketOf(d time.Duration) int {
	i := int(firstBound[bits.Len64(uint64(d))])
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	return i
}

const (
	leastStatus = 100
	statuses    = 500 // from leastStatus; beyond them it is the last
)

// tally is written by one road. Its counters are atomic only to be read: nobody else writes to the same cache lines, which
// makes an addition a few nanoseconds.
type tally struct {
	begun    atomic.Uint64
	bytes    atomic.Uint64
	duration atomic.Uint64 // ns
	buckets  [len(Bounds) + 1]atomic.Uint64
	answers  [len(Methods)][statuses]atomic.Uint64
}

func (t *tally) add(m method, status int, d time.Duration, bytes int64) {
	t.answer(m, status).Add(1)
	t.buckets[bucketOf(d)].Add(1)
	t.duration.Add(uint64(max(d, 0)))
	t.bytes.Add(uint64(bytes))
}

// remove takes back what add did.
func (t *tally) remove(m method, status int, d time.Duration, bytes int64) {
	t.answer(m, status).Add(^uint64(0))
	t.buckets[bucketOf(d)].Add(^uint64(0))
	t.duration.Add(-uint64(max(d, 0)))
	t.bytes.Add(-uint64(bytes))
}

func (t *tally) answer(m method, status int) *atomic.Uint64 {
	return &t.answers[m][min(max(status-leastStatus, 0), statuses-1)]
}

// Counts counts the requests of a server.
type Counts struct {
	mu sync.Mutex

	tallies []*tally
}

// NewCounts returns a Counts that has counted nothing.
func NewCounts() *Counts { return &Counts{} }

// tally returns one more place to count in.
func (c *Counts) tally() *tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := new(tally)
	c.tallies = append(c.tallies, t)
	return t
}

// Answers is how many requests of a method got a status.
type Answers struct {
	Method string `json:"method"`
	Status int    `json:"status"`
	Count  uint64 `json:"count"`
}

// Snapshot is what was counted up to some moment.
type Snapshot struct {
	// Answers are the requests that are over, by method and status, in that order.
	Answers []Answers `json:"answers,omitempty"`
	// Requests is how many are over.
	Requests uint64 `json:"requests"`
	// Begun is how many there were at all.
	Begun uint64 `json:"begun"`
	// Bytes is the length of the bodies that were sent.
	Bytes uint64 `json:"bytes"`
	// Buckets counts the requests by duration: up to each of Bounds, and the rest.
	Buckets [len(Bounds) + 1]uint64 `json:"buckets"`
	// Duration is how long they took together.
	Duration time.Duration `json:"duration_ns"`
}

// Snapshot returns what was counted. Requests that end meanwhile may be in some of its counts and not yet in others.
func (c *Counts) Snapshot() Snapshot {
	c.mu.Lock()
	tallies := slices.Clone(c.tallies)
	c.mu.Unlock()
	var s Snapshot
	for m := range Methods {
		for i := range statuses {
			n := uint64(0)
			for _, t := range tallies {
				n += t.answers[m][i].Load()
			}
			if n > 0 {
				s.Answers = append(s.Answers, Answers{Methods[m], leastStatus + i, n})
				s.Requests += n
			}
		}
	}
	for _, t := range tallies {
		s.Begun += t.begun.Load()
		s.Bytes += t.bytes.Load()
		s.Duration += time.Duration(t.duration.Load())
		for i := range t.buckets {
			s.Buckets[i] += t.buckets[i].Load()
		}
	}
	return s
}

// Add adds what o has counted.
func (s *Snapshot) Add(o *Snapshot) {
	for _, a := range o.Answers {
		i := slices.IndexFunc(s.Answers, func(b Answers) bool { return a.Method == b.Method && a.Status == b.Status })
		if i < 0 {
			s.Answers = append(s.Answers, a)
			continue
		}
		s.Answers[i].Count += a.Count
	}
	s.Requests += o.Requests
	s.Begun += o.Begun
	s.Bytes += o.Bytes
	s.Duration += o.Duration
	for i := range s.Buckets {
		s.Buckets[i] += o.Buckets[i]
	}
}

// Quantile estimates the duration that the share q of what was counted since earlier did not exceed, from the buckets: exact
// to a bucket, and within it as if durations were spread evenly. Zero if nothing was.
func (s *Snapshot) Quantile(q float64, earlier *Snapshot) time.Duration {
	var n, before uint64
	for i := range s.Buckets {
		n += s.Buckets[i] - earlier.Buckets[i]
	}
	if n == 0 {
		return 0
	}
	rank := q * float64(n)
	low := time.Duration(0)
	for i, bound := range Bounds {
		here := s.Buckets[i] - earlier.Buckets[i]
		if float64(before+here) >= rank && here > 0 {
			return low + time.Duration((rank-float64(before))/float64(here)*float64(bound-low))
		}
		before += here
		low = bound
	}
	return low
}
