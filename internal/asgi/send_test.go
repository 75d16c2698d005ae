package asgi

import (
	"strings"
	"testing"

	"github.com/puffstack/puff/internal/py"
)

func encoded(t *testing.T, v any) py.Reader {
	t.Helper()
	b, err := py.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return py.NewReader(b)
}

func TestMessagesAreReadWhateverTheirOrder(t *testing.T) {
	for _, in := range []py.Dict{
		{{"type", "http.response.body"}, {"body", []byte("b")}, {"more_body", true}},
		{{"more_body", true}, {"body", []byte("b")}, {"type", "http.response.body"}},
		{{"other", []any{1, py.Dict{{"deep", "x"}}}}, {"more_body", 1}, {"body", []byte("b")}, {"type", "http.response.body"}},
	} {
		m, err := read(encoded(t, in))
		if err != nil || string(m.kind) != "http.response.body" || string(m.body) != "b" || !m.more {
			t.Errorf("read(%v) = %q, %q, %t, %v", in, m.kind, m.body, m.more, err)
		}
	}
}

func TestMessagesOfOtherTypesAreRefusedWithTheReason(t *testing.T) {
	for _, c := range []struct {
		name string
		in   any
		want string
	}{
		{"a list", []any{"type"}, "not a dict"},
		{"a text", "type", "not a dict"},
		{"a key that is no str", py.Dict{{1, "x"}}, "key"},
		{"a body of text", py.Dict{{"type", "http.response.body"}, {"body", "text"}}, "not bytes"},
		{"a status of text", py.Dict{{"type", "http.response.start"}, {"status", "200"}}, "not a dict of the types"},
	} {
		if _, err := read(encoded(t, c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestTruthIsPythons(t *testing.T) {
	for _, c := range []struct {
		in   any
		want bool
	}{{true, true}, {false, false}, {nil, false}, {0, false}, {2, true}} {
		v := encoded(t, c.in)
		if got := truth(&v); got != c.want {
			t.Errorf("truth(%v) = %t, want %t", c.in, got, c.want)
		}
	}
}
