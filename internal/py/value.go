package py

// #include "py.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"
)

// Tag is the first byte of an encoded value: the numbers of enum py_tag.
type Tag uint8

// Tags of encoded values. Text is UTF-8 but for TagLatin1, which only goes to Python.
const (
	TagNone     Tag = C.PY_T_NONE
	TagTrue     Tag = C.PY_T_TRUE
	TagFalse    Tag = C.PY_T_FALSE
	TagInt      Tag = C.PY_T_INT
	TagBig      Tag = C.PY_T_BIG
	TagFloat    Tag = C.PY_T_FLOAT
	TagStr      Tag = C.PY_T_STR
	TagLatin1   Tag = C.PY_T_LATIN1
	TagBytes    Tag = C.PY_T_BYTES
	TagList     Tag = C.PY_T_LIST
	TagTuple    Tag = C.PY_T_TUPLE
	TagDict     Tag = C.PY_T_DICT
	TagDatetime Tag = C.PY_T_DATETIME
	TagDate     Tag = C.PY_T_DATE
	TagTime     Tag = C.PY_T_TIME
	TagDelta    Tag = C.PY_T_DELTA
	TagUUID     Tag = C.PY_T_UUID
	TagDecimal  Tag = C.PY_T_DECIMAL
	TagHandle   Tag = C.PY_T_HANDLE
	TagKey      Tag = C.PY_T_KEY
	TagCopy     Tag = C.PY_T_COPY
	TagError    Tag = C.PY_T_ERROR
	TagRows     Tag = C.PY_T_ROWS
)

const (
	maxDepth = C.PY_MAX_DEPTH
	maxValue = 1 << 30 // bytes of one value, as in py.h
)

// Values of Go that have no counterpart among Go's own types.
type (
	Tuple     []any         // tuple; []any is a list
	Pair      [2]any        // one item of Dict
	Dict      []Pair        // dict in order; map[string]any is one sorted by key
	UUID      [16]byte      // uuid.UUID
	Decimal   string        // decimal.Decimal
	Date      time.Time     // datetime.date: the day of the time
	Clock     time.Time     // datetime.time: the time of the day, without its time zone
	LocalTime time.Time     // datetime.datetime without a time zone, without its fold
	Span      time.Duration // datetime.timedelta, as time.Duration
	Raw       []byte        // one value, encoded already; only on its way to Python
)

// Appender is a value that encodes itself, from what an engine has, without the way
// through values of Go's. It appends exactly one value.
type Appender interface {
	AppendValue(b []byte) ([]byte, error)
}

var errTooLarge = errors.New("encode value: it is larger than 1 GiB")

// ErrValue is what reading a value that breaks the rules returns.
var ErrValue = errors.New("decode value: it is malformed")

// AppendHead appends the head of a container of n values (a dict: n pairs).
func AppendHead(b []byte, t Tag, n int) []byte {
	return binary.LittleEndian.AppendUint32(append(b, byte(t)), uint32(n))
}

// AppendText appends text or bytes under the given tag.
func AppendText[T string | []byte](b []byte, t Tag, s T) []byte {
	return append(AppendHead(b, t, len(s)), s...)
}

// AppendError appends what Python makes an exception object of.
func AppendError(b []byte, err error) []byte { return appendError(b, err) }

// AppendInt appends an integer.
func AppendInt(b []byte, i int64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(TagInt)), uint64(i))
}

// AppendKey appends the shared value with that number, see [Lane.Define].
func AppendKey(b []byte, id uint16) []byte {
	return binary.LittleEndian.AppendUint16(append(b, byte(TagKey)), id)
}

// AppendCopy begins a copy of the shared dict with that number and n pairs more.
func AppendCopy(b []byte, id uint16, n int) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, byte(TagCopy)), id)
	return binary.LittleEndian.AppendUint32(b, uint32(n))
}

// Append appends v. It takes what [Decode] returns, and every integer and float
// type, []string, map[string]any, map[string]string, [*big.Int] and errors; anything
// else is an error. A byte of a string that is no UTF-8 becomes what Python's own
// os.fsdecode makes of it.
func Append(b []byte, v any) ([]byte, error) { return appendValue(b, v, 0) }

func appendValue(b []byte, v any, depth int) ([]byte, error) {
	if depth++; depth > maxDepth {
		return nil, errors.New("encode value: it is nested too deeply")
	}
	if len(b) > maxValue {
		return nil, errTooLarge
	}
	switch v := v.(type) {
	case nil:
		return append(b, byte(TagNone)), nil
	case bool:
		if v {
			return append(b, byte(TagTrue)), nil
		}
		return append(b, byte(TagFalse)), nil
	case string:
		if len(v) > maxValue-len(b) {
			return nil, errTooLarge
		}
		return appendString(b, v), nil
	case Raw:
		if len(v) > maxValue-len(b) {
			return nil, errTooLarge
		}
		return append(b, v...), nil
	case []byte:
		if len(v) > maxValue-len(b) {
			return nil, errTooLarge
		}
		return AppendText(b, TagBytes, v), nil
	case int:
		return AppendInt(b, int64(v)), nil
	case int8:
		return AppendInt(b, int64(v)), nil
	case int16:
		return AppendInt(b, int64(v)), nil
	case int32:
		return AppendInt(b, int64(v)), nil
	case int64:
		return AppendInt(b, v), nil
	case uint:
		return appendUint(b, uint64(v)), nil
	case uint8:
		return AppendInt(b, int64(v)), nil
	case uint16:
		return AppendInt(b, int64(v)), nil
	case uint32:
		return AppendInt(b, int64(v)), nil
	case uint64:
		return appendUint(b, v), nil
	case *big.Int:
		if v == nil {
			return append(b, byte(TagNone)), nil
		}
		return AppendText(b, TagBig, fmt.Sprintf("%#x", v)), nil
	case float32:
		return appendFloat(b, float64(v)), nil
	case float64:
		return appendFloat(b, v), nil
	case Decimal:
		if !isDecimal(string(v)) {
			return nil, fmt.Errorf("encode value: %.40q is no decimal number", string(v))
		}
		return AppendText(b, TagDecimal, string(v)), nil
	case UUID:
		return append(append(b, byte(TagUUID)), v[:]...), nil
	case Handle:
		return binary.LittleEndian.AppendUint64(append(b, byte(TagHandle)), uint64(v)), nil
	case []any:
		return appendAll(AppendHead(b, TagList, len(v)), v, depth)
	case Tuple:
		return appendAll(AppendHead(b, TagTuple, len(v)), v, depth)
	case []string:
		b = AppendHead(b, TagList, len(v))
		for _, s := range v {
			if len(s) > maxValue-len(b) {
				return nil, errTooLarge
			}
			b = appendString(b, s)
		}
		return b, nil
	case Dict:
		b = AppendHead(b, TagDict, len(v))
		var err error
		for _, p := range v {
			if b, err = appendAll(b, p[:], depth); err != nil {
				return nil, err
			}
		}
		return b, nil
	case map[string]any:
		return appendMap(b, v, depth)
	case map[string]string:
		return appendMap(b, v, depth)
	case Appender:
		return v.AppendValue(b)
	case error:
		return appendError(b, v), nil
	}
	return appendTime(b, v)
}

func appendAll(b []byte, vs []any, depth int) (_ []byte, err error) {
	for _, v := range vs {
		if b, err = appendValue(b, v, depth); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendMap goes by key, so that the same map is the same bytes.
func appendMap[V any](b []byte, m map[string]V, depth int) (_ []byte, err error) {
	b = AppendHead(b, TagDict, len(m))
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if len(k) > maxValue-len(b) {
			return nil, errTooLarge
		}
		if b, err = appendValue(appendString(b, k), m[k], depth); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendUint(b []byte, u uint64) []byte {
	if u <= math.MaxInt64 {
		return AppendInt(b, int64(u))
	}
	return AppendText(b, TagBig, fmt.Sprintf("%#x", u))
}

func appendFloat(b []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(TagFloat)), math.Float64bits(f))
}

// appendTime appends what stands for time. Python knows microseconds and the years
// 1 to 9999; what is finer is cut off, what is outside is an error.
func appendTime(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case time.Time:
		if err := yearFits(v); err != nil {
			return nil, err
		}
		_, offset := v.Zone()
		if offset <= -secondsPerDay || offset >= secondsPerDay {
			return nil, fmt.Errorf("encode value: a time zone %d s from UTC is none of Python's (less than a day)", offset)
		}
		b = appendDay(append(b, byte(TagDatetime)), v)
		return appendClock(b, v, true, offset), nil
	case LocalTime:
		t := time.Time(v)
		if err := yearFits(t); err != nil {
			return nil, err
		}
		return appendClock(appendDay(append(b, byte(TagDatetime)), t), t, false, 0), nil
	case Date:
		if err := yearFits(time.Time(v)); err != nil {
			return nil, err
		}
		return appendDay(append(b, byte(TagDate)), time.Time(v)), nil
	case Clock:
		return appendClock(append(b, byte(TagTime)), time.Time(v), false, 0), nil
	case Span:
		return appendDelta(b, time.Duration(v)), nil
	case time.Duration:
		return appendDelta(b, v), nil
	}
	return nil, fmt.Errorf("encode value: %T can not travel to Python", v)
}

const secondsPerDay = 24 * 60 * 60

func yearFits(t time.Time) error {
	if y := t.Year(); y < 1 || y > 9999 {
		return fmt.Errorf("encode value: the year %d is not one of Python's (1 to 9999)", y)
	}
	return nil
}

func appendDay(b []byte, t time.Time) []byte {
	y, m, d := t.Date()
	return append(binary.LittleEndian.AppendUint32(b, uint32(y)), byte(m), byte(d))
}

func appendClock(b []byte, t time.Time, zone bool, offset int) []byte {
	b = append(b, byte(t.Hour()), byte(t.Minute()), byte(t.Second()))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Nanosecond()/1000))
	has := byte(0)
	if zone {
		has = 1
	}
	b = binary.LittleEndian.AppendUint32(append(b, has), uint32(int32(offset)))
	return append(b, 0)
}

func appendDelta(b []byte, d time.Duration) []byte {
	const day = 24 * time.Hour
	us := d.Microseconds()
	days := us / day.Microseconds()
	if us %= day.Microseconds(); us < 0 { // Python keeps seconds positive
		us += day.Microseconds()
		days--
	}
	b = binary.LittleEndian.AppendUint32(append(b, byte(TagDelta)), uint32(int32(days)))
	b = binary.LittleEndian.AppendUint32(b, uint32(us/1e6))
	return binary.LittleEndian.AppendUint32(b, uint32(us%1e6))
}
