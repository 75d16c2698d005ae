package wsgi

import "testing"

func TestStatusLinesAreReadAsPEP3333HasThem(t *testing.T) {
	for _, c := range []struct {
		in     string
		code   int
		reason string
		bad    bool
	}{
		{"200 OK", 200, "OK", false},
		{"404 Not Found", 404, "Not Found", false},
		{"299 ", 299, "", false},
		{"200", 200, "", false},
		{"200 a  b", 200, "a  b", false},
		{"", 0, "", true},
		{"20", 0, "", true},
		{"2000 OK", 0, "", true},
		{"abc OK", 0, "", true},
		{"20x OK", 0, "", true},
		{"+20 OK", 0, "", true},
		{"200\tOK", 0, "", true},
	} {
		code, reason, err := parseStatus([]byte(c.in))
		if (err != nil) != c.bad || code != c.code && !c.bad || string(reason) != c.reason {
			t.Errorf("parseStatus(%q) = %d, %q, %v; want %d, %q, an error: %t",
				c.in, code, reason, err, c.code, c.reason, c.bad)
		}
	}
}

func TestFieldsAreNamedAsCGIHasThem(t *testing.T) {
	for in, want := range map[string]string{
		"host": "HTTP_HOST", "X-Own-1": "HTTP_X_OWN_1", "a": "HTTP_A",
	} {
		if got := string(variable(nil, []byte(in))); got != want {
			t.Errorf("variable(%q) = %q, want %q", in, got, want)
		}
	}
}
