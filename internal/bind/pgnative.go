package bind

// Values for the calls that are Puff's own: as pgtext.go has them, and more types, in
// arrays too. What only Python can make an object of (addresses, ranges, JSON) goes as
// its text.

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// nativeDecoders are the types that become something else than a str.
var nativeDecoders = map[uint32]decode{
	oidBool: textBool, oidBytea: textBytea, oidInt8: textInt, oidInt2: textInt, oidInt4: textInt, oidOID: textInt,
	oidFloat4: textFloat, oidFloat8: textFloat, oidNumeric: textDecimal,
	oidDate: nativeDate, oidTime: textTime, oidTimestamp: nativeTimestamp, oidTimestamptz: nativeTimestamptz,
	oidInterval: nativeInterval, oidUUID: nativeUUID,
}

// arrayOf names the type of the items of arrays whose items Go can decode.
var arrayOf = map[uint32]uint32{
	1000: oidBool, 1001: oidBytea, 1002: oidChar, 1003: oidName, 1005: oidInt2, 1007: oidInt4, 1009: oidText,
	1014: oidBpchar, 1015: oidVarchar, 1016: oidInt8, 1021: oidFloat4, 1022: oidFloat8, 1028: oidOID,
	1115: oidTimestamp, 1182: oidDate, 1183: oidTime, 1185: oidTimestamptz, 1187: oidInterval, 1231: oidNumeric,
	2951: oidUUID,
}

// nativeKind chooses the decoder of a column.
func nativeKind(f postgres.Field) decode {
	if d := nativeDecoders[f.DataTypeOID]; d != nil {
		return d
	}
	if item, ok := arrayOf[f.DataTypeOID]; ok {
		d := nativeDecoders[item]
		if d == nil {
			d = textStr
		}
		return func(b, v []byte) ([]byte, bool) { return array(b, v, d) }
	}
	return textStr
}

var (
	infinity = []byte("infinity")
	minus    = []byte("-infinity")
	firstDay = py.Day{Year: 1, Month: 1, Day: 1}
	lastDay  = py.Day{Year: 9999, Month: 12, Day: 31}
	lastTime = py.OfDay{Hour: 23, Minute: 59, Second: 59, Micro: 999999}
)

func nativeDate(b, v []byte) ([]byte, bool) {
	switch {
	case bytes.Equal(v, infinity):
		return py.AppendDay(b, lastDay), true
	case bytes.Equal(v, minus):
		return py.AppendDay(b, firstDay), true
	}
	return textDate(b, v)
}

func nativeTimestamp(b, v []byte) ([]byte, bool) { return moment(b, v, false) }

func nativeTimestamptz(b, v []byte) ([]byte, bool) { return moment(b, v, true) }

func moment(b, v []byte, zone bool) ([]byte, bool) {
	switch {
	case bytes.Equal(v, infinity):
		return py.AppendMoment(b, lastDay, lastTime, zone, 0), true
	case bytes.Equal(v, minus):
		return py.AppendMoment(b, firstDay, py.OfDay{}, zone, 0), true
	case zone:
		return textTimestamptz(b, v)
	}
	return textTimestamp(b, v)
}

// maxDays is how many days a duration of Go may have.
const maxDays = int64(math.MaxInt64/time.Microsecond) / 86400e6

// nativeInterval reads days and hours; months, and what is longer, are Python's to keep.
func nativeInterval(b, v []byte) ([]byte, bool) {
	days, micros := int64(0), int64(0)
	for _, word := range splitInterval(string(v)) {
		switch {
		case word.unit == "day" || word.unit == "days":
			days += word.n
		case word.unit == "":
			micros += word.n
		default:
			return b, false
		}
	}
	const perDay = 86400e6
	days += micros / perDay
	if micros %= perDay; micros < 0 {
		micros += perDay
		days--
	}
	if days <= -maxDays || days >= maxDays {
		return b, false
	}
	return py.AppendSpan(b, int(days), int(micros/1e6), int(micros%1e6)), true
}

// part is a number of a unit; of a clock, which has no unit, microseconds.
type part struct {
	n    int64
	unit string
}

// splitInterval reads "1 mon 2 days -03:04:05.6"; what it can not read has the unit "?".
func splitInterval(s string) (parts []part) {
	words := strings.Fields(s)
	for i := 0; i < len(words); i++ {
		w := words[i]
		sign, digits := int64(1), w
		if strings.HasPrefix(w, "-") {
			sign, digits = -1, w[1:]
		}
		digits = strings.TrimPrefix(digits, "+")
		if h, rest, clock := strings.Cut(digits, ":"); clock {
			hours, left, ok1 := number([]byte(h), 1, 12)
			t, more, ok2 := readOfDay([]byte("00:" + rest))
			if !ok1 || !ok2 || len(left)+len(more) > 0 {
				return []part{{0, "?"}}
			}
			us := int64(hours)*3600e6 + int64(t.Minute)*60e6 + int64(t.Second)*1e6 + int64(t.Micro)
			parts = append(parts, part{sign * us, ""})
			continue
		}
		n, left, ok := number([]byte(digits), 1, 12)
		if !ok || len(left) > 0 || i+1 == len(words) {
			return []part{{0, "?"}}
		}
		i++
		parts = append(parts, part{sign * int64(n), words[i]})
	}
	return parts
}

func nativeUUID(b, v []byte) ([]byte, bool) {
	var id [16]byte
	plain := bytes.ReplaceAll(v, []byte("-"), nil)
	if len(plain) != 32 {
		return b, false
	}
	_, err := hex.Decode(id[:], plain)
	return py.AppendUUID(b, id), err == nil
}

// maxDimensions is the server's own limit, and one more.
const maxDimensions = 7

// array reads the text of an array: items by d.
func array(b, v []byte, d decode) ([]byte, bool) {
	if len(v) > 0 && v[0] == '[' { // bounds other than 1
		i := bytes.IndexByte(v, '=')
		if i < 0 {
			return b, false
		}
		v = v[i+1:]
	}
	b, rest, ok := list(b, v, d, 0)
	return b, ok && len(rest) == 0
}

func list(b, v []byte, d decode, depth int) (_, rest []byte, ok bool) {
	if len(v) < 2 || v[0] != '{' || depth == maxDimensions {
		return b, nil, false
	}
	v = v[1:]
	head, n := len(b), 0
	b = py.AppendHead(b, py.TagList, 0)
	if v[0] == '}' {
		return b, v[1:], true
	}
	var unquoted []byte
	for {
		if len(v) == 0 {
			return b, nil, false
		}
		switch v[0] {
		case '{':
			if b, v, ok = list(b, v, d, depth+1); !ok {
				return b, nil, false
			}
		case '"':
			unquoted = unquoted[:0]
			i := 1
			for i < len(v) && v[i] != '"' {
				if v[i] == '\\' {
					i++
				}
				if i < len(v) {
					unquoted = append(unquoted, v[i])
				}
				i++
			}
			if i >= len(v) {
				return b, nil, false
			}
			if b, ok = d(b, unquoted); !ok {
				return b, nil, false
			}
			v = v[i+1:]
		default:
			i := bytes.IndexAny(v, ",}")
			if i < 0 {
				return b, nil, false
			}
			if bytes.EqualFold(v[:i], []byte("NULL")) {
				b = py.AppendNone(b)
			} else if b, ok = d(b, v[:i]); !ok {
				return b, nil, false
			}
			v = v[i:]
		}
		n++
		if len(v) == 0 {
			return b, nil, false
		}
		if v[0] == '}' {
			py.PatchHead(b, head, n)
			return b, v[1:], true
		}
		v = v[1:]
	}
}
