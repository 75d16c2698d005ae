// format.go is what a line consists of: a table of atoms, by which a format is read once and a line written quickly.

package accesslog

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/observe"
)

// Formats with a name.
const (
	common   = `%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s`
	combined = common + ` "%(f)s" "%(a)s"`
)

// Format is how a line looks. Make it with Parse.
type Format struct {
	parts  []part
	escape func(b, value []byte) []byte
}

// part is a piece of a line: text, or one of three kinds of functions, by when what they write is known.
type part struct {
	text    string
	name    string // of a field or a variable
	request func(b []byte, x *httpserver.Exchange, name string) []byte
	answer  func(b []byte, h *httpserver.Head, name string) []byte
	done    func(b []byte, d *observe.Done) []byte
}

// Parse reads a format: "common", "combined", "json", or a text with atoms as gunicorn has them:
//
//	h  address of the client        s  status
//	l  "-"                          B  bytes of the body
//	u  name of the user (Basic)     b  the same, "-" for none
//	t  date                         f  Referer
//	r  request line                 a  User-Agent
//	m  method                       T  duration in seconds
//	U  path without query           D  duration in microseconds
//	q  query                        M  duration in milliseconds
//	H  protocol                     L  duration in seconds, with decimals
//	p  number of the process, in <>
//	{name}i  field of the request   {name}o  field of the answer
//	{name}e  variable, as CGI names them
//
// each written as %(h)s. What is not there, an unknown atom included, is "-". "%%" is a percent sign. What clients send is
// escaped: quotes, backslashes, and all but visible ASCII are \xHH.
func Parse(text string) (*Format, error) {
	switch text {
	case "common":
		text = common
	case "combined":
		text = combined
	case "json":
		return jsonFormat(), nil
	}
	f := &Format{escape: appendEscaped}
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "%")
		f.text(before)
		if !found {
			break
		}
		if strings.HasPrefix(after, "%") {
			f.text("%")
			rest = after[1:]
			continue
		}
		atom, after, found := strings.Cut(strings.TrimPrefix(after, "("), ")s")
		if !found || atom == "" {
			return nil, fmt.Errorf("read access log format %q: after %q comes no atom such as %%(h)s; write %%%% for a percent sign",
				text, text[:len(text)-len(rest)+len(before)+1])
		}
		f.parts = append(f.parts, partOf(atom))
		rest = after
	}
	return f, nil
}

// text adds constant text.
func (f *Format) text(s string) {
	if n := len(f.parts); n > 0 && f.parts[n-1].text != "" {
		f.parts[n-1].text += s
		return
	}
	if s != "" {
		f.parts = append(f.parts, part{text: s})
	}
}

func partOf(atom string) part {
	if name, kind, ok := strings.Cut(strings.TrimPrefix(atom, "{"), "}"); ok && strings.HasPrefix(atom, "{") {
		if p, known := named[kind]; known {
			p.name = name
			return p
		}
	}
	if p, known := atoms[atom]; known {
		return p
	}
	return part{text: "-"}
}

var named = map[string]part{
	"i": {request: func(b []byte, x *httpserver.Exchange, name string) []byte {
		return append(b, fieldOf(x.Fields, name)...)
	}},
	"o": {answer: func(b []byte, h *httpserver.Head, name string) []byte {
		if h == nil {
			return b
		}
		return append(b, fieldOf(h.Fields, name)...)
	}},
	"e": {request: appendVariable},
}

// atoms are those without an argument.
var atoms = map[string]part{
	"h": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte { return appendClient(b, x) }},
	"l": {text: "-"},
	"u": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte { return appendUser(b, x) }},
	"t": {done: func(b []byte, d *observe.Done) []byte { return d.Began.AppendFormat(b, "[02/Jan/2006:15:04:05 -0700]") }},
	"r": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte {
		b = append(append(b, x.Method...), ' ')
		return append(append(append(b, x.Target...), ' '), protocol(x)...)
	}},
	"m": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte { return append(b, x.Method...) }},
	"U": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte { return append(b, x.Path...) }},
	"q": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte { return append(b, x.Query...) }},
	"H": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte { return append(b, protocol(x)...) }},
	"f": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte {
		return append(b, fieldOf(x.Fields, "referer")...)
	}},
	"a": {request: func(b []byte, x *httpserver.Exchange, _ string) []byte {
		return append(b, fieldOf(x.Fields, "user-agent")...)
	}},
	"s": {done: func(b []byte, d *observe.Done) []byte { return strconv.AppendInt(b, int64(d.Status), 10) }},
	"B": {done: func(b []byte, d *observe.Done) []byte { return strconv.AppendInt(b, d.Bytes, 10) }},
	"b": {done: func(b []byte, d *observe.Done) []byte {
		if d.Bytes == 0 {
			return append(b, '-')
		}
		return strconv.AppendInt(b, d.Bytes, 10)
	}},
	"T": {done: func(b []byte, d *observe.Done) []byte {
		return strconv.AppendInt(b, int64(d.Duration/time.Second), 10)
	}},
	"D": {done: func(b []byte, d *observe.Done) []byte { return strconv.AppendInt(b, d.Duration.Microseconds(), 10) }},
	"M": {done: func(b []byte, d *observe.Done) []byte { return strconv.AppendInt(b, d.Duration.Milliseconds(), 10) }},
	"L": {done: func(b []byte, d *observe.Done) []byte {
		return strconv.AppendFloat(b, d.Duration.Seconds(), 'f', 6, 64)
	}},
	"p": {text: "<" + strconv.Itoa(os.Getpid()) + ">"},
}

func protocol(x *httpserver.Exchange) string {
	switch {
	case x.Major == 2:
		return "HTTP/2"
	case x.Minor == 0:
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// note appends what append does, with its length in front, so that line finds its way.
func (f *Format) note(b []byte, append_ func([]byte) []byte) []byte {
	at := len(b)
	b = append_(append(b, 0, 0, 0, 0))
	binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// line writes a line from notes, in which all that requests said comes before all that answers said.
func (f *Format) line(b, notes []byte, d *observe.Done) []byte {
	request, answer := notes, notes
	for i := range f.parts {
		if f.parts[i].request != nil {
			_, answer = next(answer)
		}
	}
	for i := range f.parts {
		var value []byte
		switch p := &f.parts[i]; {
		case p.request != nil:
			value, request = next(request)
			b = f.escape(b, value)
		case p.answer != nil:
			value, answer = next(answer)
			b = f.escape(b, value)
		case p.done != nil:
			b = p.done(b, d)
		default:
			b = append(b, p.text...)
		}
	}
	return b
}

// next takes the first value off notes.
func next(notes []byte) (value, rest []byte) {
	end := 4 + binary.NativeEndian.Uint32(notes)
	return notes[4:end], notes[end:]
}

// appendEscaped appends a value such that it can end neither its line nor the quotes around it.
func appendEscaped(b, value []byte) []byte {
	if len(value) == 0 {
		return append(b, '-')
	}
	const digits = "0123456789abcdef"
	for _, c := range value {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
			continue
		}
		b = append(b, c)
	}
	return b
}
