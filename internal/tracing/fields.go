// fields.go reads and writes the fields of a request by which spans of several programs become one trace.

package tracing

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/puffstack/puff/httpserver"
)

// fields are those of a request, as OpenTelemetry wants to see them.
type fields httpserver.Exchange

var _ propagation.TextMapCarrier = (*fields)(nil)

func named(name string) func(httpserver.Field) bool {
	return func(f httpserver.Field) bool {
		return len(f.Name) == len(name) && strings.EqualFold(string(f.Name), name)
	}
}

// Get returns the value of a field; several of one name are one list (W3C Trace Context, 3.3.1.4).
func (f *fields) Get(name string) string {
	value, is := "", named(name)
	for _, field := range f.Fields {
		if !is(field) {
			continue
		}
		if value != "" {
			value += ","
		}
		value += string(field.Value)
	}
	return value
}

// Set replaces a field.
func (f *fields) Set(name, value string) {
	f.drop(name)
	f.Fields = append(f.Fields, httpserver.Field{Name: []byte(name), Value: []byte(value)})
}

// Keys returns the names of the fields.
func (f *fields) Keys() (names []string) {
	for _, field := range f.Fields {
		names = append(names, string(field.Name))
	}
	return names
}

func (f *fields) drop(name string) { f.Fields = slices.DeleteFunc(f.Fields, named(name)) }
