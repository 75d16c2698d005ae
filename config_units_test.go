package puff

import (
	"testing"
	"time"
)

func TestDurationsAreSecondsOrGoDurations(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
		text string
	}{
		{"0", 0, "0"},
		{"75", 75 * time.Second, "75s"},
		{"1.5", 1500 * time.Millisecond, "1.5s"},
		{"0.001", time.Millisecond, "0.001s"},
		{" 2 ", 2 * time.Second, "2s"},
		{"1m30s", 90 * time.Second, "90s"},
		{"250ms", 250 * time.Millisecond, "0.25s"},
		{"2h", 2 * time.Hour, "7200s"},
	}
	for _, tt := range tests {
		var d Duration
		if err := d.UnmarshalText([]byte(tt.in)); err != nil || time.Duration(d) != tt.want || d.String() != tt.text {
			t.Errorf("%q: got %v (%s), %v, want %v (%s)", tt.in, time.Duration(d), d, err, tt.want, tt.text)
		}
		var again Duration
		if err := again.Set(d.String()); err != nil || again != d {
			t.Errorf("%q: got %v back from %s, %v", tt.in, again, d, err)
		}
	}
	for _, in := range []string{"", "-1", "-1s", "1e3", "inf", "NaN", "1 minute", "0x10", ".", "99999999999", "1.2.3"} {
		d := Duration(7)
		if err := d.Set(in); err == nil || d != 7 {
			t.Errorf("%q: got %v, %v, want an error", in, d, err)
		}
	}
}

func TestSizesAreBytesOrHaveAUnit(t *testing.T) {
	tests := []struct {
		in   string
		want int64
		text string
	}{
		{"0", 0, "0"},
		{"1000", 1000, "1KB"},
		{"1234", 1234, "1234"},
		{"64KiB", 64 << 10, "64KiB"},
		{"64kib", 64 << 10, "64KiB"},
		{"10MB", 10e6, "10MB"},
		{"10 mb", 10e6, "10MB"},
		{"1.5GiB", 3 << 29, "1536MiB"},
		{"2GB", 2e9, "2GB"},
		{"512B", 512, "512"},
	}
	for _, tt := range tests {
		var s Size
		if err := s.UnmarshalText([]byte(tt.in)); err != nil || int64(s) != tt.want || s.String() != tt.text {
			t.Errorf("%q: got %d (%s), %v, want %d (%s)", tt.in, int64(s), s, err, tt.want, tt.text)
		}
		var again Size
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%q: got %v back from %s, %v", tt.in, again, s, err)
		}
	}
	for _, in := range []string{"", "-1", "1.5", "B", "KiB", "1e6", "10 apples", "10TB", "99999999999GiB"} {
		s := Size(7)
		if err := s.Set(in); err == nil || s != 7 {
			t.Errorf("%q: got %v, %v, want an error", in, s, err)
		}
	}
}

func TestNearestFindsTheWordThatWasMeant(t *testing.T) {
	known := []string{"serve", "run", "redis", "pubsub", "wait_forever", "a"}
	tests := []struct{ in, want string }{
		{"sevre", "serve"}, {"serv", "serve"}, {"redsi", "redis"}, {"pub_sub", "pubsub"},
		{"waitforever", "wait_forever"}, {"runs", "run"}, {"rnu", "run"}, {"xyz", ""}, {"b", ""}, {"", ""},
	}
	for _, tt := range tests {
		if got := Nearest(tt.in, known); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
