package cors_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/cors"
	"github.com/puffstack/puff/internal/testkit"
)

// app says what it was asked, in an answer that has fields of CORS already.
var app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("access-control-allow-origin", "https://wrong.example")
	w.Header().Set("Vary", "Cookie")
	if r.URL.Path == "/stream" {
		w.(http.Flusher).Flush()
	}
	if r.URL.Path == "/fault" {
		w.WriteHeader(500)
	}
	io.WriteString(w, "app "+r.Method)
})

// said lists what an answer says of CORS.
func said(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			out[strings.TrimPrefix(name, "Access-Control-")] = strings.Join(values, "|")
		}
	}
	return out
}

const mine, other = "Origin: https://mine.example", "Origin: https://other.example:8443"

var (
	words  = cors.List{Words: []string{"https://mine.example"}}
	mirror = cors.List{Mirror: true}
	every  = cors.List{Any: true}
)

var configs = map[string]cors.Config{
	"nothing":    {MaxAge: -1},
	"permissive": {Origins: every, Methods: every, Headers: every, Expose: every, MaxAge: -1},
	"mirror":     {Origins: mirror, Methods: mirror, Headers: mirror, Credentials: true, MaxAge: -1},
	"words": {
		Origins: words, Methods: cors.List{Words: []string{"PUT", "DELETE"}}, Headers: cors.List{Words: []string{"X-A", "X-B"}},
		Credentials: true, Expose: cors.List{Words: []string{"X-C"}}, MaxAge: time.Minute,
	},
}

func TestEveryAnswerSaysWhoMayReadIt(t *testing.T) {
	for _, c := range []struct {
		config string
		fields []string
		want   map[string]string
	}{
		{"nothing", nil, map[string]string{"Vary": "Cookie|Origin"}},
		{"nothing", []string{mine}, map[string]string{"Vary": "Cookie|Origin"}},
		{"permissive", nil, map[string]string{"Allow-Origin": "*", "Expose-Headers": "*", "Vary": "Cookie"}},
		{"permissive", []string{mine}, map[string]string{"Allow-Origin": "*", "Expose-Headers": "*", "Vary": "Cookie"}},
		{"mirror", nil, map[string]string{"Vary": "Cookie|Origin"}},
		{"mirror", []string{other}, map[string]string{
			"Allow-Origin": "https://other.example:8443", "Allow-Credentials": "true", "Vary": "Cookie|Origin",
		}},
		{"words", []string{mine}, map[string]string{
			"Allow-Origin": "https://mine.example", "Allow-Credentials": "true", "Expose-Headers": "X-C", "Vary": "Cookie|Origin",
		}},
		{"words", []string{other}, map[string]string{"Vary": "Cookie|Origin"}},
		{"words", []string{"Origin: null"}, map[string]string{"Vary": "Cookie|Origin"}},
		{"words", []string{"Origin: https://mine.example.evil.example"}, map[string]string{"Vary": "Cookie|Origin"}},
	} {
		config := httpserver.Config{Filters: []httpserver.Filter{cors.Filter(configs[c.config])}}
		testkit.Roads(t, config, app, func(t *testing.T, s *testkit.Site) {
			client := s.Dial(t)
			for path, status := range map[string]int{"/": 200, "/stream": 200, "/fault": 500} {
				r := client.Ask("GET", path, c.fields...)
				if diff := cmp.Diff(said(r.Header), c.want); diff != "" || r.StatusCode != status || r.Body != "app GET" {
					t.Errorf("%s, %s with %q: got %d %q, and (-) for (+)\n%s", c.config, path, c.fields, r.StatusCode, r.Body, diff)
				}
			}
		})
	}
}

func TestPreflightsAreAnsweredWithoutTheHandler(t *testing.T) {
	const method, headers = "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a, x-z"
	for _, c := range []struct {
		config string
		fields []string
		want   map[string]string
	}{
		{"nothing", []string{mine, method}, map[string]string{"Vary": "Origin"}},
		{"permissive", []string{mine, method, headers}, map[string]string{
			"Allow-Origin": "*", "Allow-Methods": "*", "Allow-Headers": "*",
		}},
		{"mirror", []string{other, method, headers}, map[string]string{
			"Allow-Origin": "https://other.example:8443", "Allow-Credentials": "true", "Allow-Methods": "PUT",
			"Allow-Headers": "x-a, x-z", "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
		}},
		{"mirror", []string{other, method}, map[string]string{
			"Allow-Origin": "https://other.example:8443", "Allow-Credentials": "true", "Allow-Methods": "PUT",
			"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
		}},
		{"words", []string{mine, method, headers}, map[string]string{
			"Allow-Origin": "https://mine.example", "Allow-Credentials": "true", "Allow-Methods": "PUT, DELETE",
			"Allow-Headers": "X-A, X-B", "Max-Age": "60", "Vary": "Origin",
		}},
		{"words", []string{other, method}, map[string]string{"Vary": "Origin"}},
	} {
		config := httpserver.Config{Filters: []httpserver.Filter{cors.Filter(configs[c.config])}}
		testkit.Roads(t, config, app, func(t *testing.T, s *testkit.Site) {
			r := s.Ask(t, "OPTIONS", "/", c.fields...)
			if diff := cmp.Diff(said(r.Header), c.want); diff != "" || r.StatusCode != 204 || r.Body != "" {
				t.Errorf("%s with %q: got %d %q, and (-) for (+)\n%s", c.config, c.fields, r.StatusCode, r.Body, diff)
			}
			for _, fields := range [][]string{nil, {mine}, {method}} {
				if r := s.Ask(t, "OPTIONS", "/", fields...); r.Body != "app OPTIONS" {
					t.Errorf("%s, OPTIONS with %q: got %q, want the handler's answer", c.config, fields, r.Body)
				}
			}
		})
	}
}
