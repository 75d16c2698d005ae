package puff

import "testing"

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
