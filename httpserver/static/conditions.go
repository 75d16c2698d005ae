package static

// conditions.go is RFC 9110, section 13: whether a client that has a file already, or part of it, is to get it again.

import (
	"net/http"
	"strings"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/negotiation"
)

// verdict is what the conditions of a request lead to.
type verdict uint8

const (
	proceed     verdict = iota
	notModified         // 304
	failed              // 412
)

// judge evaluates the conditions of a GET or HEAD in the order of section 13.2.2.
func judge(fields []httpserver.Field, tag string, modified time.Time) verdict {
	if match := joined(fields, "if-match"); match != "" {
		if !listed(match, tag, false) {
			return failed
		}
	} else if since, ok := dateOf(fields, "if-unmodified-since"); ok && modified.After(since) {
		return failed
	}
	if match := joined(fields, "if-none-match"); match != "" {
		if listed(match, tag, true) {
			return notModified
		}
	} else if since, ok := dateOf(fields, "if-modified-since"); ok && !modified.After(since) {
		return notModified
	}
	return proceed
}

// wantsRange reports whether If-Range, if there is one, lets Range count: the tag compared strongly, or the exact date.
func wantsRange(fields []httpserver.Field, tag string, modified time.Time) bool {
	value := negotiation.Find(fields, "if-range")
	if value == nil {
		return true
	}
	if len(value) > 0 && (value[0] == '"' || value[0] == 'W') && string(value[:min(3, len(value))]) != "Wed" {
		return string(value) == tag
	}
	since, ok := dateOf(fields, "if-range")
	return ok && modified.Equal(since)
}

// joined returns the values of a field that is a list, as one.
func joined(fields []httpserver.Field, name string) string {
	var all []string
	for i := range fields {
		if negotiation.Same(fields[i].Name, name) {
			all = append(all, string(fields[i].Value))
		}
	}
	return strings.Join(all, ",")
}

// listed reports whether tag is in a list of entity tags, or the list is "*". weak says how tags are compared (section
// 8.8.3.2); tag is a strong one.
func listed(list, tag string, weak bool) bool {
	for {
		list = strings.TrimLeft(list, " \t,")
		if list == "" {
			return false
		}
		if list[0] == '*' {
			return true
		}
		isWeak := strings.HasPrefix(list, "W/")
		rest := strings.TrimPrefix(list, "W/")
		if rest == "" || rest[0] != '"' {
			return false
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return false
		}
		if rest[:end+2] == tag && (weak || !isWeak) {
			return true
		}
		list = rest[end+2:]
	}
}

// dateOf returns the date in a field; false: there is none that is one.
func dateOf(fields []httpserver.Field, name string) (time.Time, bool) {
	value := negotiation.Find(fields, name)
	if value == nil {
		return time.Time{}, false
	}
	t, err := http.ParseTime(string(value))
	return t, err == nil
}
