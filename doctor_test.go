package puff

import (
	"strings"
	"testing"

	"github.com/puffstack/puff/internal/testkit"
)

func TestDoctorAsksServicesAndStartsNone(t *testing.T) {
	up := testkit.Redis(t)
	t.Chdir(t.TempDir())
	c := NewConfig()
	for _, test := range []struct{ embedded, url, want string }{
		{"never", up.URL, "(answers)"},
		{"never", "redis://:secret@127.0.0.1:1", "(does not answer: reach redis"},
		{"always", "", "(starts when first used)"},
	} {
		c.Embedded = test.embedded
		var entry Redis
		entry.setDefaults()
		if test.url != "" {
			entry.URL, entry.From = test.url, FromFlag("--default-redis-url")
		}
		c.Redis = []Redis{entry}
		got := c.checkService(t.Context(), c.ServiceURLs()[0])
		if !strings.Contains(got, test.want) || strings.Contains(got, "secret") {
			t.Errorf("%+v: got %q, want %q", test, got, test.want)
		}
	}
}

func TestMaskURLHidesPasswords(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"redis://localhost:6379", "redis://localhost:6379"},
		{"postgres://u:secret@db:5432/x", "postgres://u:xxxxx@db:5432/x"},
		{"host=db password=secret", "(set)"},
		{"", "(set)"},
	} {
		if got := maskURL(c.in); got != c.want {
			t.Errorf("maskURL(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}
