package py

// #include "py.h"
import "C"

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Reader walks an encoded value without making objects of it. The first thing that
// does not fit sets Bad, and everything read from then on is empty.
type Reader struct {
	b   []byte
	Bad bool
}

// NewReader returns a Reader of b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.b) }

// Peek returns the tag of the next value.
func (r *Reader) Peek() Tag {
	if len(r.b) == 0 {
		r.Bad = true
		return TagNone
	}
	return Tag(r.b[0])
}

func (r *Reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.Bad, r.b = true, nil
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *Reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

// Head returns the tag of the next value and its number: of bytes for text and
// bytes, of values for a list or tuple, of pairs for a dict.
func (r *Reader) Head() (Tag, int) {
	p := r.take(5)
	if p == nil {
		return TagNone, 0
	}
	return Tag(p[0]), int(binary.LittleEndian.Uint32(p[1:]))
}

// Text returns the next value if it is a str or bytes, else nil and Bad.
func (r *Reader) Text() []byte {
	switch r.Peek() {
	case TagStr, TagBytes, TagLatin1:
		_, n := r.Head()
		return r.take(n)
	}
	r.Bad = true
	return nil
}

// Seq returns the number of values if the next one is a list or tuple.
func (r *Reader) Seq() int {
	if t := r.Peek(); t == TagList || t == TagTuple {
		_, n := r.Head()
		return n
	}
	r.Bad = true
	return 0
}

// Map returns the number of pairs if the next value is a dict.
func (r *Reader) Map() int {
	if r.Peek() == TagDict {
		_, n := r.Head()
		return n
	}
	r.Bad = true
	return 0
}

// Int returns the next value if it is an integer of 64 bits.
func (r *Reader) Int() int64 {
	if r.Peek() != TagInt {
		r.Bad = true
		return 0
	}
	p := r.take(9)
	if p == nil {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(p[1:]))
}

// Truth returns the next value if it is a bool.
func (r *Reader) Truth() bool {
	t := r.Peek()
	if t != TagTrue && t != TagFalse {
		r.Bad = true
	}
	r.take(1)
	return t == TagTrue
}

// Raw passes over the next value and returns the bytes that encode it, nil if it is Bad.
func (r *Reader) Raw() []byte {
	start := r.b
	r.Skip()
	if r.Bad {
		return nil
	}
	return start[: len(start)-len(r.b) : len(start)-len(r.b)]
}

// Skip passes over the next value.
func (r *Reader) Skip() { r.skip(0) }

// fixed is the size of the payload of tags whose size does not vary.
var fixed = [...]int{
	TagNone: 0, TagTrue: 0, TagFalse: 0, TagInt: 8, TagFloat: 8, TagDatetime: 19,
	TagDate: 6, TagTime: 13, TagDelta: 12, TagUUID: 16, TagHandle: 8, TagKey: 2,
}

func (r *Reader) skip(depth int) {
	if depth++; depth > maxDepth {
		r.Bad, r.b = true, nil
		return
	}
	t := r.Peek()
	n := 0
	switch t {
	case TagBig, TagStr, TagLatin1, TagBytes, TagDecimal:
		_, size := r.Head()
		r.take(size)
		return
	case TagList, TagTuple:
		_, n = r.Head()
	case TagDict:
		_, n = r.Head()
		n *= 2
	case TagCopy:
		r.take(3)
		n = 2 * int(r.u32())
	case TagError:
		r.take(1)
		n = 3
	default:
		if int(t) >= len(fixed) {
			r.Bad, r.b = true, nil
			return
		}
		r.take(1 + fixed[t])
		return
	}
	for ; n > 0 && !r.Bad; n-- {
		r.skip(depth)
	}
}

// DecodeAll decodes a value that is all of b.
func DecodeAll(b []byte) (any, error) {
	v, rest, err := Decode(b)
	if err == nil && len(rest) > 0 {
		err = ErrValue
	}
	return v, err
}

// Decode decodes the first value of b and returns what follows it: nil, bool, int64,
// [*big.Int], float64, string, []byte, []any, [Tuple], [Dict], time.Time (with a
// zone), [LocalTime], [Date], [Clock], time.Duration, [UUID], [Decimal], [Handle]
// or [*Error]. A copy of a shared dict and a shared value are for Python only.
func Decode(b []byte) (any, []byte, error) {
	r := NewReader(b)
	v := r.value(0)
	if r.Bad {
		return nil, nil, ErrValue
	}
	return v, r.b, nil
}

func (r *Reader) value(depth int) any {
	if depth++; depth > maxDepth {
		r.Bad = true
		return nil
	}
	switch t := r.Peek(); t {
	case TagNone:
		r.take(1)
	case TagTrue, TagFalse:
		return r.Truth()
	case TagInt:
		return r.Int()
	case TagFloat:
		if p := r.take(9); p != nil {
			return math.Float64frombits(binary.LittleEndian.Uint64(p[1:]))
		}
	case TagBig:
		_, n := r.Head()
		if i, ok := parseBig(string(r.take(n))); ok {
			return i
		}
		r.Bad = true
	case TagStr:
		s, ok := decodeText(r.Text())
		r.Bad = r.Bad || !ok
		return s
	case TagLatin1:
		return fromLatin1(r.Text())
	case TagBytes:
		return append([]byte{}, r.Text()...)
	case TagDecimal:
		_, n := r.Head()
		d := string(r.take(n))
		r.Bad = r.Bad || !isDecimal(d)
		return Decimal(d)
	case TagList:
		return r.values(depth)
	case TagTuple:
		return Tuple(r.values(depth))
	case TagDict:
		return r.dict(depth)
	case TagUUID:
		if p := r.take(17); p != nil {
			return UUID(p[1:])
		}
	case TagHandle:
		if p := r.take(9); p != nil {
			return Handle(binary.LittleEndian.Uint64(p[1:]))
		}
	case TagError:
		r.take(1)
		kind, message, detail := r.value(depth), r.value(depth), r.value(depth)
		k, ok1 := kind.(string)
		m, ok2 := message.(string)
		r.Bad = r.Bad || !ok1 || !ok2
		return &Error{Kind: k, Message: m, Detail: detail}
	case TagDatetime, TagDate, TagTime, TagDelta:
		return r.moment(t)
	default:
		r.Bad = true
	}
	return nil
}

// values reads the values of a list; n values have at least n bytes, so a number in
// the bytes never asks for more memory than was sent (times 16).
func (r *Reader) values(depth int) []any {
	_, n := r.Head()
	if n > len(r.b) {
		r.Bad = true
		return nil
	}
	vs := make([]any, 0, n)
	for ; n > 0 && !r.Bad; n-- {
		vs = append(vs, r.value(depth))
	}
	return vs
}

func (r *Reader) dict(depth int) any {
	_, n := r.Head()
	if n > len(r.b)/2 {
		r.Bad = true
		return nil
	}
	d := make(Dict, 0, n)
	for ; n > 0 && !r.Bad; n-- {
		k := r.value(depth)
		r.Bad = r.Bad || !hashable(k)
		d = append(d, Pair{k, r.value(depth)})
	}
	return d
}

// hashable reports whether Python takes the value as a key.
func hashable(v any) bool {
	switch v := v.(type) {
	case []any, Dict:
		return false
	case Tuple:
		return !slices.ContainsFunc(v, func(v any) bool { return !hashable(v) })
	}
	return true
}

func (r *Reader) moment(t Tag) any {
	p := r.take(1 + fixed[t])
	if p == nil {
		return nil
	}
	p = p[1:]
	i32 := func(at int) int { return int(int32(binary.LittleEndian.Uint32(p[at:]))) }
	if t == TagDelta {
		us := (int64(i32(0))*secondsPerDay+int64(i32(4)))*1e6 + int64(i32(8))
		if !between(i32(0), 1-C.PY_MAX_DAYS, C.PY_MAX_DAYS) || !between(i32(4), 0, secondsPerDay) ||
			!between(i32(8), 0, 1e6) || max(us, -us) > math.MaxInt64/1000 {
			r.Bad = true
		}
		return time.Duration(us) * time.Microsecond
	}
	year, month, day := 1, time.January, 1
	if t != TagTime {
		year, month, day = i32(0), time.Month(p[4]), int(p[5])
		p = p[6:]
	}
	if !between(year, 1, 10000) || !between(int(month), 1, 13) || !between(day, 1, daysIn(year, month)+1) {
		r.Bad = true
	}
	if t == TagDate {
		return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	}
	if p[0] > 23 || p[1] > 59 || p[2] > 59 || !between(i32(3), 0, 1e6) ||
		p[7] != 0 && !between(i32(8), 1-secondsPerDay, secondsPerDay) {
		r.Bad = true
	}
	zone := time.UTC
	if p[7] != 0 {
		if offset := i32(8); offset != 0 {
			zone = time.FixedZone("", offset)
		}
	}
	at := time.Date(year, month, day, int(p[0]), int(p[1]), int(p[2]), 1000*i32(3), zone)
	switch {
	case t == TagTime:
		return Clock(at)
	case p[7] == 0:
		return LocalTime(at)
	}
	return at
}

func between(i, from, to int) bool { return from <= i && i < to }

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// parseBig reads Python's hexadecimal: a minus or nothing, 0x, digits.
func parseBig(s string) (*big.Int, bool) {
	hex, minus := strings.CutPrefix(s, "-")
	hex, ok := strings.CutPrefix(hex, "0x")
	if !ok || hex == "" || strings.ContainsAny(hex, "+-_") {
		return nil, false
	}
	i, ok := new(big.Int).SetString(hex, 16)
	if ok && minus {
		i.Neg(i)
	}
	return i, ok
}

func fromLatin1(b []byte) string {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return string(out)
}
