package redis

// What is known of commands: which wait, which belong to the connection rather than to
// the caller, and where the key stands that says which node of a cluster has it.

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

type kind uint8

const (
	plain   kind = iota
	waits        // until there is something, or the time is over
	maybe        // waits if it says BLOCK
	refused      // changes the connection, which is shared
)

// kinds names the commands that are not plain.
var kinds = map[string]kind{
	"BLPOP": waits, "BRPOP": waits, "BLMOVE": waits, "BRPOPLPUSH": waits, "BLMPOP": waits,
	"BZPOPMIN": waits, "BZPOPMAX": waits, "BZMPOP": waits, "WAIT": waits, "WAITAOF": waits,
	"XREAD": maybe, "XREADGROUP": maybe,
	"AUTH": refused, "HELLO": refused, "QUIT": refused, "RESET": refused, "SELECT": refused,
	"MONITOR": refused, "SYNC": refused, "PSYNC": refused, "SUBSCRIBE": refused,
	"PSUBSCRIBE": refused, "SSUBSCRIBE": refused, "UNSUBSCRIBE": refused,
	"PUNSUBSCRIBE": refused, "SUNSUBSCRIBE": refused, "MULTI": refused, "EXEC": refused,
	"DISCARD": refused, "WATCH": refused, "UNWATCH": refused, "READONLY": refused,
	"READWRITE": refused, "ASKING": refused,
}

// keys says which argument is the first key where it is not the first one: -1, there is
// none; numbered, behind the number of keys; streams, behind that word.
var keys = map[string]int{
	"EVAL": numbered, "EVALSHA": numbered, "EVAL_RO": numbered, "EVALSHA_RO": numbered,
	"FCALL": numbered, "FCALL_RO": numbered, "XREAD": streams, "XREADGROUP": streams,
	"BITOP": 2, "OBJECT": 2, "XINFO": 2, "XGROUP": 2, "MEMORY": 2, "DEBUG": 2,
	"ZUNION": 2, "ZINTER": 2, "ZDIFF": 2, "SINTERCARD": 2, "ZINTERCARD": 2, "LMPOP": 2, "ZMPOP": 2,
	"BLMPOP": 3, "BZMPOP": 3,
	"PING": -1, "ECHO": -1, "INFO": -1, "DBSIZE": -1, "FLUSHDB": -1, "FLUSHALL": -1, "SCAN": -1,
	"KEYS": -1, "CONFIG": -1, "CLIENT": -1, "CLUSTER": -1, "COMMAND": -1, "SCRIPT": -1,
	"FUNCTION": -1, "TIME": -1, "RANDOMKEY": -1, "PUBLISH": -1, "WAIT": -1, "WAITAOF": -1,
	"LASTSAVE": -1, "SAVE": -1, "BGSAVE": -1, "BGREWRITEAOF": -1, "ACL": -1, "MODULE": -1,
	"LATENCY": -1, "SLOWLOG": -1, "ROLE": -1, "PUBSUB": -1, "SHUTDOWN": -1, "SWAPDB": -1,
	"MULTI": -1, "EXEC": -1, "DISCARD": -1, "UNWATCH": -1,
}

const (
	numbered = -2
	streams  = -3
)

// name is the command in capitals.
func name(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return strings.ToUpper(args[0])
}

// kindOf says what to do with a command, or why it can not be sent.
func kindOf(args []string) (kind, error) {
	if len(args) == 0 || args[0] == "" {
		return plain, &Error{Kind: Misuse, Command: "a command", Message: "it is empty"}
	}
	n := name(args)
	k := kinds[n]
	switch {
	case k == refused:
		return k, &Error{Kind: Misuse, Command: n, Message: "it would change a connection that others share; " +
			"transactions have pipelines, channels have publish and subscribe, and the database is in the URL"}
	case k == maybe && !slices.ContainsFunc(args, isBlock):
		return plain, nil
	case k == maybe:
		return waits, nil
	case n == "CLIENT" && len(args) > 1 && strings.EqualFold(args[1], "REPLY"):
		return k, &Error{Kind: Misuse, Command: "CLIENT REPLY", Message: "replies are needed to tell commands apart"}
	}
	return k, nil
}

func isBlock(word string) bool { return strings.EqualFold(word, "BLOCK") }

// patience is how long a command that waits says it does; 0: for ever.
func patience(args []string) time.Duration {
	if len(args) < 2 {
		return 0
	}
	seconds := args[len(args)-1]
	switch name(args) {
	case "BLMPOP", "BZMPOP":
		seconds = args[1]
	case "XREAD", "XREADGROUP":
		return milliseconds(args[slices.IndexFunc(args, isBlock)+1:])
	case "WAIT", "WAITAOF":
		return milliseconds(args[len(args)-1:])
	}
	f, err := strconv.ParseFloat(seconds, 64)
	if err != nil || !(f > 0 && f < 1e9) {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

func milliseconds(args []string) time.Duration {
	if len(args) == 0 {
		return 0
	}
	ms, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || ms < 0 || ms > 1e12 {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// keyOf returns the index of the first key, or 0: there is none.
func keyOf(args []string) int {
	at, special := keys[name(args)]
	switch {
	case !special:
		at = 1
	case at == numbered:
		at = 3
		if len(args) > 2 && args[2] == "0" {
			return 0
		}
	case at == streams:
		at = slices.IndexFunc(args, func(s string) bool { return strings.EqualFold(s, "STREAMS") }) + 1
	}
	if at <= 0 || at >= len(args) {
		return 0
	}
	return at
}

// build makes args a command on its way to where its key lives.
func (l *link) build(args []string, waits bool) rueidis.Completed {
	b := l.B().Arbitrary(args[0])
	at := 0
	if l.cluster {
		at = keyOf(args)
	}
	if at > 0 {
		b = b.Args(args[1:at]...).Keys(args[at]).Args(args[at+1:]...)
	} else {
		b = b.Args(args[1:]...)
	}
	if waits {
		return b.Blocking()
	}
	return b.Build()
}
