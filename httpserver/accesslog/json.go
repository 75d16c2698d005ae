// json.go is the format "json": an object per line, with the same keys in the same order each time.

package accesslog

import (
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/observe"
)

// Times of the log.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

func jsonFormat() *Format {
	f := &Format{escape: appendJSON}
	request := func(key string, value func(b []byte, x *httpserver.Exchange) []byte) {
		f.text(key)
		f.parts = append(f.parts, part{request: func(b []byte, x *httpserver.Exchange, _ string) []byte { return value(b, x) }})
	}
	done := func(key string, value func(b []byte, d *observe.Done) []byte) {
		f.text(key)
		f.parts = append(f.parts, part{done: value})
	}
	done(`{"time":"`, func(b []byte, d *observe.Done) []byte { return d.Began.UTC().AppendFormat(b, timeFormat) })
	request(`","method":`, func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Method...) })
	request(`,"path":`, func(b []byte, x *httpserver.Exchange) []byte {
		if x.Path == nil {
			return append(b, x.Target...)
		}
		return append(b, x.Path...)
	})
	request(`,"query":`, func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Query...) })
	done(`,"status":`, func(b []byte, d *observe.Done) []byte { return strconv.AppendInt(b, int64(d.Status), 10) })
	done(`,"bytes":`, func(b []byte, d *observe.Done) []byte { return strconv.AppendInt(b, d.Bytes, 10) })
	done(`,"duration_ms":`, func(b []byte, d *observe.Done) []byte {
		return strconv.AppendFloat(b, float64(d.Duration)/float64(time.Millisecond), 'f', 3, 64)
	})
	request(`,"client":`, appendClient)
	request(`,"user_agent":`, func(b []byte, x *httpserver.Exchange) []byte {
		return append(b, fieldOf(x.Fields, "user-agent")...)
	})
	request(`,"request_id":`, func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.ID()...) })
	f.text(`,"worker":` + strconv.Itoa(os.Getpid()) + `}`)
	return f
}

// appendJSON appends a value as a string of JSON. What is no UTF-8 is replaced.
func appendJSON(b, value []byte) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(value[i:])
			// Two separators of lines are valid in JSON and not in JavaScript.
			if r == '\u2028' || r == '\u2029' {
				b = append(b, '\\', 'u', '2', '0', '2', digits[r&15])
			} else {
				b = utf8.AppendRune(b, r)
			}
			i += n
			continue
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
