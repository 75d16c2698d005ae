package observe

import (
	"fmt"
	"testing"
	"time"
)

func TestRoutesHavePlacesForNumbersAndIdentifiers(t *testing.T) {
	for in, want := range map[string]string{
		"GET /":                 "GET /",
		"GET /users/17/posts/2": "GET /users/{n}/posts/{n}",
		"GET /b/deadbeef01":     "GET /b/{id}",
		"GET /b/5f0c2a9e-4b1d-4c3a-9d55-0a1b2c3d4e5f": "GET /b/{id}",
		"GET /facade":    "GET /facade",
		"OPTIONS *":      "OPTIONS *",
		"GET //a/":       "GET //a/",
		"CONNECT ":       "CONNECT ",
		"GET /deadbeefs": "GET /deadbeefs",
	} {
		if got := string(appendRoute(nil, []byte(in))); got != want {
			t.Errorf("appendRoute(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOnlyTheSlowestRoutesAreRemembered(t *testing.T) {
	s, now := NewSlowest(), time.Now()
	for i := range 100 {
		s.note(fmt.Appendf(nil, "GET /%c/%c", 'a'+i%26, 'a'+i/26), 200, time.Duration(i+1)*time.Millisecond, now)
	}
	list := s.List()
	if len(list) != slowRoutes || list[0].Worst != 100*time.Millisecond || list[slowRoutes-1].Worst != 69*time.Millisecond {
		t.Errorf("got %d routes from %v to %v, want 32 from 100 to 69 ms", len(list), list[0].Worst, list[len(list)-1].Worst)
	}
	s.note([]byte("GET /quick"), 200, 2*time.Millisecond, now)
	if got := len(s.List()); got != slowRoutes {
		t.Errorf("got %d routes, want %d still", got, slowRoutes)
	}
	s.note([]byte("GET /quick"), 200, 2*time.Millisecond, now.Add(2*slowAge))
	if s.routes["GET /quick"] == nil {
		t.Error("what was slow long ago keeps what is slow now out")
	}
}

func TestDurationsFallIntoTheBucketThatBoundsThem(t *testing.T) {
	for i, bound := range Bounds {
		if got := bucketOf(bound); got != i {
			t.Errorf("bucketOf(%v) = %d, want %d", bound, got, i)
		}
		if got := bucketOf(bound + 1); got != i+1 {
			t.Errorf("bucketOf(%v) = %d, want %d", bound+1, got, i+1)
		}
	}
	for _, d := range []time.Duration{0, 1, -1, -time.Hour} {
		if got := bucketOf(d); d >= 0 && got != 0 || got > len(Bounds) {
			t.Errorf("bucketOf(%v) = %d", d, got)
		}
	}
}
