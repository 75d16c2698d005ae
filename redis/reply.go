package redis

import (
	"strings"

	"github.com/redis/rueidis"
)

// Type is what a [Reply] holds.
type Type uint8

// Types of replies.
const (
	Nil Type = iota
	Status
	Bulk
	Integer
	Array
	Failure
)

// Reply is what Redis answered. The zero Reply is nil.
type Reply struct {
	m    rueidis.RedisMessage
	fail *rueidis.RedisError
	own  *own // not nil: this instead
}

// own is a reply that was put together out of several nodes'.
type own struct {
	kind  Type
	text  string
	n     int64
	items []Reply
}

// Replied is a Reply that is an error of Redis's.
type Replied struct {
	// Code is the first word of the text: "WRONGTYPE".
	Code string
	// Text is all of it.
	Text string
}

// Error returns the text.
func (r *Replied) Error() string { return r.Text }

// toReply takes a result apart: what Redis said is a Reply, all else an error.
func toReply(r rueidis.RedisResult) (Reply, error) {
	m, err := r.ToMessage()
	if err == nil {
		return Reply{m: m}, nil
	}
	if re, ok := err.(*rueidis.RedisError); ok {
		if re.IsNil() {
			return Reply{m: m}, nil
		}
		return Reply{fail: re}, nil
	}
	return Reply{}, err
}

// Type returns what the reply holds.
func (r *Reply) Type() Type {
	switch {
	case r.own != nil:
		return r.own.kind
	case r.fail != nil:
		return Failure
	case r.m.IsInt64():
		return Integer
	case r.m.IsArray():
		return Array
	case r.m.IsNil() || r.m == (rueidis.RedisMessage{}):
		return Nil
	case r.m.IsString():
		if r.isStatus() {
			return Status
		}
		return Bulk
	}
	return Failure
}

// IsText reports whether Text has something: Type is Bulk or Status, and finding out
// which costs more.
func (r *Reply) IsText() bool {
	if r.own != nil {
		return r.own.kind == Bulk
	}
	return r.fail == nil && r.m.IsString()
}

// IsNil reports whether Type is Nil.
func (r *Reply) IsNil() bool {
	return r.own == nil && r.fail == nil && (r.m.IsNil() || r.m == (rueidis.RedisMessage{}))
}

// isStatus tells a status line from bytes. The library keeps the difference to itself,
// but for the copy that it makes for caches: seven bytes, then the type. Status lines
// are short.
func (r *Reply) isStatus() bool {
	const longest, typeAt = 64, 7
	if r.m.CacheSize() > longest {
		return false
	}
	b := r.m.CacheMarshal(make([]byte, 0, 2*longest))
	return len(b) > typeAt && b[typeAt] == '+'
}

// Text returns the bytes of a Bulk or Status, as a string that shares them.
func (r *Reply) Text() string {
	if r.own != nil {
		return r.own.text
	}
	s, _ := r.m.ToString()
	return s
}

// Int returns the number of an Integer.
func (r *Reply) Int() int64 {
	if r.own != nil {
		return r.own.n
	}
	i, _ := r.m.ToInt64()
	return i
}

// Len returns the number of elements of an Array.
func (r *Reply) Len() int {
	if r.own != nil {
		return len(r.own.items)
	}
	a, _ := r.m.ToArray()
	return len(a)
}

// Items returns the elements of an Array.
func (r *Reply) Items() []Reply {
	if r.own != nil {
		return r.own.items
	}
	a, _ := r.m.ToArray()
	items := make([]Reply, len(a))
	for i := range a {
		items[i] = Reply{m: a[i]}
	}
	return items
}

// Err returns what Redis objected to, a [*Replied], or nil.
func (r *Reply) Err() error {
	var text string
	if r.own != nil {
		return nil
	}
	if r.fail != nil {
		text = r.fail.Error()
	} else if err := r.m.Error(); err != nil && !rueidis.IsRedisNil(err) {
		text = err.Error()
	} else {
		return nil
	}
	code, _, _ := strings.Cut(text, " ")
	return &Replied{Code: code, Text: text}
}
