package bind

// Values of PostgreSQL as its text format writes them, straight to values of Python.

import (
	"bytes"
	"encoding/hex"
	"strconv"

	"github.com/puffstack/puff/internal/py"
)

// Numbers of types, as in pg_type.
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidUnknown     = 705
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidInterval    = 1186
	oidTimetz      = 1266
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// decode appends the value that v is the text of; false: it is none that Python's type
// can hold, and b is of no use.
type decode func(b, v []byte) ([]byte, bool)

// textDecoders are the types that become something else than a str.
var textDecoders = map[uint32]decode{
	oidBool: textBool, oidBytea: textBytea, oidInt8: textInt, oidInt2: textInt, oidInt4: textInt, oidOID: textInt,
	oidFloat4: textFloat, oidFloat8: textFloat, oidNumeric: textDecimal,
	oidDate: textDate, oidTime: textTime, oidTimestamp: textTimestamp, oidTimestamptz: textTimestamptz,
}

func textStr(b, v []byte) ([]byte, bool) { return py.AppendUTF8(b, v) }

func textRaw(b, v []byte) ([]byte, bool) { return py.AppendText(b, py.TagBytes, v), true }

func textBool(b, v []byte) ([]byte, bool) {
	return py.AppendBool(b, len(v) == 1 && v[0] == 't'), true
}

func textInt(b, v []byte) ([]byte, bool) {
	digits, minus := v, false
	if len(v) > 0 && v[0] == '-' {
		digits, minus = v[1:], true
	}
	if len(digits) == 0 || len(digits) > 18 {
		i, err := strconv.ParseInt(string(v), 10, 64)
		return py.AppendInt(b, i), err == nil
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return b, false
		}
		n = 10*n + int64(c-'0')
	}
	if minus {
		n = -n
	}
	return py.AppendInt(b, n), true
}

func textFloat(b, v []byte) ([]byte, bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	return py.AppendFloat(b, f), err == nil
}

func textDecimal(b, v []byte) ([]byte, bool) {
	return py.AppendText(b, py.TagDecimal, v), py.IsDecimal(v)
}

func textBytea(b, v []byte) ([]byte, bool) {
	if len(v) < 2 || v[0] != '\\' || v[1] != 'x' || len(v)%2 != 0 {
		return b, false
	}
	n := len(v)/2 - 1
	b = py.AppendHead(b, py.TagBytes, n)
	at := len(b)
	b = append(b, v[2:2+n]...) // room for the result; overwritten
	_, err := hex.Decode(b[at:], v[2:])
	return b, err == nil
}

func textDate(b, v []byte) ([]byte, bool) {
	d, rest, ok := readDay(v)
	return py.AppendDay(b, d), ok && len(rest) == 0
}

func textTime(b, v []byte) ([]byte, bool) {
	t, rest, ok := readOfDay(v)
	return py.AppendOfDay(b, t), ok && len(rest) == 0
}

func textTimestamp(b, v []byte) ([]byte, bool) {
	d, t, rest, ok := readMoment(v)
	return py.AppendMoment(b, d, t, false, 0), ok && len(rest) == 0
}

func textTimestamptz(b, v []byte) ([]byte, bool) {
	d, t, rest, ok := readMoment(v)
	offset, ok2 := readOffset(rest)
	return py.AppendMoment(b, d, t, true, offset), ok && ok2
}

// number reads n digits or more, up to most.
func number(v []byte, n, most int) (int, []byte, bool) {
	i, out := 0, 0
	for i < len(v) && i < most && v[i] >= '0' && v[i] <= '9' {
		out = 10*out + int(v[i]-'0')
		i++
	}
	return out, v[i:], i >= n
}

func after(v []byte, c byte) ([]byte, bool) {
	if len(v) == 0 || v[0] != c {
		return v, false
	}
	return v[1:], true
}

// two reads two digits.
func two(a, b byte) (int, bool) {
	a, b = a-'0', b-'0'
	return 10*int(a) + int(b), a < 10 && b < 10
}

// readDay reads YYYY-MM-DD of the years that Python knows.
func readDay(v []byte) (d py.Day, rest []byte, ok bool) {
	if len(v) >= 10 && v[4] == '-' && v[7] == '-' && (len(v) == 10 || v[10] == ' ') {
		year1, ok1 := two(v[0], v[1])
		year2, ok2 := two(v[2], v[3])
		month, ok3 := two(v[5], v[6])
		day, ok4 := two(v[8], v[9])
		d = py.Day{Year: 100*year1 + year2, Month: month, Day: day}
		return d, v[10:], ok1 && ok2 && ok3 && ok4 && exists(d)
	}
	var ok1, ok2, ok3, ok4, ok5 bool
	d.Year, v, ok1 = number(v, 4, 4)
	v, ok2 = after(v, '-')
	d.Month, v, ok3 = number(v, 2, 2)
	v, ok4 = after(v, '-')
	d.Day, v, ok5 = number(v, 2, 2)
	return d, v, ok1 && ok2 && ok3 && ok4 && ok5 && exists(d)
}

var monthDays = [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// exists reports whether a calendar has that day.
func exists(d py.Day) bool {
	if d.Year < 1 || d.Month < 1 || d.Month > 12 || d.Day < 1 || d.Day > monthDays[d.Month-1] {
		return false
	}
	leap := d.Year%4 == 0 && (d.Year%100 != 0 || d.Year%400 == 0)
	return leap || d.Month != 2 || d.Day < 29
}

// readOfDay reads HH:MM:SS and up to six more digits.
func readOfDay(v []byte) (t py.OfDay, rest []byte, ok bool) {
	var ok1, ok2, ok3, ok4, ok5 bool
	t.Hour, v, ok1 = number(v, 2, 2)
	v, ok2 = after(v, ':')
	t.Minute, v, ok3 = number(v, 2, 2)
	v, ok4 = after(v, ':')
	t.Second, v, ok5 = number(v, 2, 2)
	ok = ok1 && ok2 && ok3 && ok4 && ok5 && t.Hour < 24 && t.Minute < 60 && t.Second < 60
	if tail, dot := after(v, '.'); dot {
		var micro int
		var left []byte
		micro, left, _ = number(tail, 0, 6)
		for range 6 - (len(tail) - len(left)) {
			micro *= 10
		}
		t.Micro, v = micro, left
	}
	return t, v, ok
}

func readMoment(v []byte) (py.Day, py.OfDay, []byte, bool) {
	d, v, ok1 := readDay(v)
	v, ok2 := after(v, ' ')
	t, v, ok3 := readOfDay(v)
	return d, t, v, ok1 && ok2 && ok3
}

// readOffset reads +HH, +HH:MM or +HH:MM:SS as seconds.
func readOffset(v []byte) (seconds int, ok bool) {
	if len(v) < 3 || v[0] != '+' && v[0] != '-' {
		return 0, false
	}
	minus := v[0] == '-'
	v = v[1:]
	for _, unit := range []int{3600, 60, 1} {
		n, rest, some := number(v, 2, 2)
		if !some {
			return 0, false
		}
		seconds += n * unit
		if v = rest; len(v) == 0 {
			break
		}
		v = bytes.TrimPrefix(v, []byte(":"))
	}
	if minus {
		seconds = -seconds
	}
	return seconds, len(v) == 0 && seconds > -86400 && seconds < 86400
}
