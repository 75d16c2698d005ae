package postgres

// What a pool has learned of statements, by their text: which of them read, and are quick.

import (
	"sync"
	"time"
)

const (
	maxKnown     = 1024    // texts that are remembered
	maxKnownText = 4 << 10 // how long they may be

	quick = 5 * time.Millisecond  // what a statement takes that may share a trip
	slow  = 50 * time.Millisecond // what none may take

	enough    = 2  // how much standing it takes: one for each time that it was quick
	mostKept  = 8  // how much of that is kept
	notQuick  = 3  // how much is lost when it was not
	afterSlow = -8 // what is left when it was slow
)

// known are the statements that read. One is known as quick when it was often enough.
type known struct {
	mu sync.RWMutex

	standing map[string]*int // nil: it does not only read
}

// isQuick reports whether sql is known to read and to be quick.
func (k *known) isQuick(sql []byte) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return isEnough(k.standing[string(sql)])
}

// stillQuick is isQuick for what was known once.
func (k *known) stillQuick(sql string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return isEnough(k.standing[sql])
}

func isEnough(n *int) bool { return n != nil && *n >= enough }

// ran notes how long sql took.
func (k *known) ran(sql string, took time.Duration) {
	if len(sql) > maxKnownText {
		return
	}
	k.mu.RLock()
	n, seen := k.standing[sql]
	settled := seen && (n == nil || *n == mostKept && took <= quick)
	k.mu.RUnlock()
	if settled {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n, seen = k.standing[sql]; !seen {
		n = k.meet(sql)
	}
	switch {
	case n == nil:
	case took > slow:
		*n = afterSlow
	case took > quick:
		*n = max(*n-notQuick, afterSlow)
	default:
		*n = min(*n+1, mostKept)
	}
}

// meet adds a text, in the place of some other when there are many. The caller holds mu.
func (k *known) meet(sql string) *int {
	if k.standing == nil {
		k.standing = map[string]*int{}
	}
	if len(k.standing) >= maxKnown {
		for other := range k.standing {
			delete(k.standing, other)
			break
		}
	}
	var n *int
	if reads(sql) {
		n = new(int)
	}
	k.standing[sql] = n
	return n
}
