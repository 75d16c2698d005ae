package bind

// Values of Python as parameters: the text that the server reads the type from, but for
// bytes, which go as they are.

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// jsonTypes are the types whose parameters are JSON, and their arrays'.
var jsonTypes = map[uint32]bool{oidJSON: true, oidJSONB: true}
var jsonArrays = map[uint32]bool{199: true, 3807: true}

// arguments turns the values for a statement into its parameters.
func arguments(st *postgres.Statement, values []any) (postgres.Args, error) {
	if len(values) != len(st.Params) {
		return postgres.Args{}, py.NewError("TypeError", fmt.Sprintf("the statement has %d parameters, %d were given", len(st.Params), len(values)))
	}
	args := postgres.Args{Values: make([][]byte, len(values))}
	for i, v := range values {
		if v == nil {
			continue
		}
		if raw, ok := v.([]byte); ok && st.Params[i] == oidBytea {
			if args.Formats == nil {
				args.Formats = make([]int16, len(values))
			}
			args.Formats[i], args.Values[i] = 1, raw
			continue
		}
		b, err := argument([]byte{}, v, st.Params[i])
		if err != nil {
			return args, py.NewError("TypeError", fmt.Sprintf("parameter $%d: %v", i+1, err))
		}
		args.Values[i] = b
	}
	return args, nil
}

// argument appends the text of a value for a type.
func argument(b []byte, v any, oid uint32) ([]byte, error) {
	if jsonTypes[oid] {
		return appendJSON(b, v, 0)
	}
	switch v := v.(type) {
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			return b, fmt.Errorf("a text can not have a NUL (0x00) in it")
		}
		return append(b, v...), nil
	case []byte:
		return hex.AppendEncode(append(b, `\x`...), v), nil
	case bool:
		return append(b, map[bool]string{true: "t", false: "f"}[v]...), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case *big.Int:
		return v.Append(b, 10), nil
	case float64:
		switch {
		case math.IsInf(v, 1):
			return append(b, "Infinity"...), nil
		case math.IsInf(v, -1):
			return append(b, "-Infinity"...), nil
		}
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case py.Decimal:
		return append(b, v...), nil
	case py.UUID:
		h := hex.EncodeToString(v[:])
		return append(b, h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:20]+"-"+h[20:]...), nil
	case py.Date:
		if t := time.Time(v); t.Year() == 9999 && t.YearDay() == 365 {
			return append(b, "infinity"...), nil
		} else if t.Year() == 1 && t.YearDay() == 1 {
			return append(b, "-infinity"...), nil
		}
		return time.Time(v).AppendFormat(b, "2006-01-02"), nil
	case py.Clock:
		return time.Time(v).AppendFormat(b, "15:04:05.999999"), nil
	case py.LocalTime:
		return appendMoment(b, time.Time(v), "2006-01-02 15:04:05.999999"), nil
	case time.Time:
		return appendMoment(b, v, "2006-01-02 15:04:05.999999-07:00:00"), nil
	case time.Duration:
		return appendInterval(b, v), nil
	case []any:
		return appendArray(b, v, oid)
	case py.Tuple:
		return appendRow(b, v)
	case py.Dict:
		return b, fmt.Errorf("a dict is for json and jsonb: cast the parameter, as in $1::jsonb")
	}
	return b, fmt.Errorf("%T can not be a parameter", v)
}

// appendMoment has the ends of Python's time be infinity.
func appendMoment(b []byte, t time.Time, layout string) []byte {
	if t.Year() == 9999 && t.YearDay() == 365 && t.Hour() == 23 && t.Minute() == 59 && t.Nanosecond() == 999999000 {
		return append(b, "infinity"...)
	}
	if t.Year() == 1 && t.YearDay() == 1 && t.Hour()+t.Minute()+t.Second()+t.Nanosecond() == 0 {
		return append(b, "-infinity"...)
	}
	return t.AppendFormat(b, layout)
}

// appendInterval keeps whole days apart from hours, as Python does.
func appendInterval(b []byte, d time.Duration) []byte {
	const day = 24 * time.Hour
	days := d / day
	rest := d - days*day
	b = strconv.AppendInt(b, int64(days), 10)
	b = append(b, " days "...)
	b = strconv.AppendInt(b, rest.Microseconds(), 10)
	return append(b, " microseconds"...)
}

// appendArray appends {…}; items are quoted unless they are arrays.
func appendArray(b []byte, items []any, oid uint32) ([]byte, error) {
	b = append(b, '{')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		if item == nil {
			b = append(b, "NULL"...)
			continue
		}
		if inner, ok := item.([]any); ok && !jsonArrays[oid] {
			var err error
			if b, err = appendArray(b, inner, oid); err != nil {
				return b, err
			}
			continue
		}
		text, err := itemText(item, oid)
		if err != nil {
			return b, err
		}
		b = append(b, '"')
		for _, c := range text {
			if c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
		}
		b = append(b, '"')
	}
	return append(b, '}'), nil
}

func itemText(item any, oid uint32) ([]byte, error) {
	if jsonArrays[oid] {
		return appendJSON(nil, item, 0)
	}
	return argument(nil, item, 0)
}

// appendRow appends (…), the text of a composite.
func appendRow(b []byte, fields py.Tuple) ([]byte, error) {
	b = append(b, '(')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		if f == nil {
			continue
		}
		text, err := argument(nil, f, 0)
		if err != nil {
			return b, err
		}
		b = append(b, '"')
		for _, c := range text {
			if c == '"' || c == '\\' {
				b = append(b, c)
			}
			b = append(b, c)
		}
		b = append(b, '"')
	}
	return append(b, ')'), nil
}

// maxJSONDepth is how deep a value may be nested, as it is for values of the border.
const maxJSONDepth = 128

// appendJSON appends a value as JSON (RFC 8259).
func appendJSON(b []byte, v any, depth int) ([]byte, error) {
	if depth++; depth > maxJSONDepth {
		return b, fmt.Errorf("it is nested too deeply for JSON")
	}
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case *big.Int:
		return v.Append(b, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return b, fmt.Errorf("JSON has no %v", v)
		}
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case py.Decimal:
		return append(b, v...), nil
	case string:
		text, err := json.Marshal(v)
		return append(b, text...), err
	case []any:
		return jsonList(b, v, depth)
	case py.Tuple:
		return jsonList(b, v, depth)
	case py.Dict:
		b = append(b, '{')
		for i, p := range v {
			key, ok := p[0].(string)
			if !ok {
				return b, fmt.Errorf("a key of JSON is a text, not %v", p[0])
			}
			if i > 0 {
				b = append(b, ',')
			}
			text, err := json.Marshal(key)
			if err != nil {
				return b, err
			}
			if b, err = appendJSON(append(append(b, text...), ':'), p[1], depth); err != nil {
				return b, err
			}
		}
		return append(b, '}'), err
	}
	return b, fmt.Errorf("%T has no JSON", v)
}

func jsonList(b []byte, items []any, depth int) (_ []byte, err error) {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendJSON(b, item, depth); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}
