package httpclient

import (
	"net/http"
	"testing"
	"time"
)

func TestAClientCountsWhatItDoes(t *testing.T) {
	var cl *Client
	var url string
	cl, url = site(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/from" {
			http.Redirect(w, r, "/to", http.StatusFound)
			return
		}
		if s := cl.Stats(); s.InFlight != 1 {
			t.Errorf("got %d in flight, want this one", s.InFlight)
		}
	})
	if s := cl.Stats(); s != (Stats{}) {
		t.Errorf("got %+v before it was used", s)
	}
	fetch(t, cl, &Request{Method: "GET", URL: url + "/"})
	fetch(t, cl, &Request{Method: "GET", URL: url + "/from", MaxRedirects: 1})
	if _, err := cl.Do(t.Context(), &Request{Method: "GET", URL: "http://127.0.0.1:1/"}); err == nil {
		t.Error("somebody answers on port 1")
	}
	s := cl.Stats()
	if s.RequestTime <= 0 || s.RequestTime > time.Hour {
		t.Errorf("got %v for the requests", s.RequestTime)
	}
	s.RequestTime = 0
	want := Stats{Requests: 3, Connections: 1, Dialed: 1, Failed: 1}
	want.Errors[KindConnect] = 1
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	cl.Close()
	for end := time.Now().Add(20 * time.Second); cl.Stats().Connections > 0; {
		if time.Now().After(end) {
			t.Fatal("a connection is left after Close")
		}
	}
}
