package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// routes are those of bench/apps, on Go's own server.
func routes() http.Handler {
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
	}
	mux := http.NewServeMux()
	mux.Handle("/{$}", text(hello))
	mux.Handle("/10k", text(tenKB))
	mux.Handle("/sleep", text(hello))
	mux.Handle("/stream", text(stream))
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			w.Write(body)
		}
	})
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "failed", http.StatusInternalServerError)
	})
	mux.HandleFunc("/late-error", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, tenKB)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	return mux
}

// load runs the command against a server and returns its reports.
func load(t *testing.T, h http.Handler, words string, args ...string) ([]report, error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	args = append([]string{"-wsgi", address, "-asgi", address}, args...)
	var out bytes.Buffer
	err := run(args, strings.NewReader(words), &out)
	var reports []report
	for line := range strings.Lines(out.String()) {
		var r report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("report %q: %v", line, err)
		}
		reports = append(reports, r)
	}
	return reports, err
}

func TestEveryActSucceedsOnAServerThatKeepsTheRules(t *testing.T) {
	reports, err := load(t, routes(), "\n", "-requests", "3000", "-every", "3000", "-connections", "8")
	if err != nil || len(reports) != 1 {
		t.Fatalf("got %d reports and error %v, want 1 and none", len(reports), err)
	}
	got := reports[0]
	if got.Requests != 3000 || got.Failed != 0 {
		t.Errorf("got %d requests and failures %v, want 3000 and none", got.Requests, got.Failures)
	}
	for _, a := range acts {
		if got.Acts[a.name] == 0 {
			t.Errorf("act %q was never done in %d requests", a.name, got.Requests)
		}
	}
}

func TestAWrongAnswerCountsAsFailedByKind(t *testing.T) {
	tests := []struct {
		name string
		act  string
		h    http.HandlerFunc
		want string
	}{
		{"wrong body", "hello", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Hello") },
			"5 bytes of body are not the 13 expected"},
		{"wrong status", "hello", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
			"status 503 is not the 200 expected"},
		{"error that looks whole", "late error", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, tenKB) },
			"the answer of a failed application looks whole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var others []string
			for _, a := range acts {
				if a.name != tt.act {
					others = append(others, a.name)
				}
			}
			reports, err := load(t, tt.h, "\n", "-requests", "20", "-every", "20", "-connections", "2", "-skip", strings.Join(others, ","))
			if err != nil {
				t.Fatal(err)
			}
			got := reports[0]
			if got.Failed != 20 {
				t.Errorf("got %d failed, want 20", got.Failed)
			}
			for kind := range got.Failures {
				if !strings.Contains(kind, tt.want) {
					t.Errorf("got failure %q, want one with %q", kind, tt.want)
				}
			}
		})
	}
}

func TestItWaitsForAWordAfterEachBatch(t *testing.T) {
	reports, err := load(t, routes(), "\n", "-requests", "30", "-every", "10", "-connections", "2")
	if err == nil || len(reports) != 2 {
		t.Errorf("got %d reports and error %v with one word, want 2 and an error", len(reports), err)
	}
	if got := reports[len(reports)-1].Requests; got != 20 {
		t.Errorf("got %d requests in the last report, want 20", got)
	}
}

func TestABatchAddsUpToTheRequestsAskedFor(t *testing.T) {
	reports, err := load(t, routes(), "\n\n", "-requests", "17", "-every", "10", "-connections", "3")
	if err != nil || len(reports) != 2 {
		t.Fatalf("got %d reports and error %v, want 2 and none", len(reports), err)
	}
	if got := reports[1].Requests; got != 17 {
		t.Errorf("got %d requests, want 17", got)
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	tests := [][]string{
		{},
		{"-wsgi", "127.0.0.1:1", "-connections", "0"},
		{"-wsgi", "127.0.0.1:1", "-asgi", "127.0.0.1:1", "-connections", "1"},
		{"-wsgi", "127.0.0.1:1", "-every", "1"},
		{"-wsgi", "127.0.0.1:1", "-skip", "helo"},
	}
	for _, in := range tests {
		var out bytes.Buffer
		if err := run(in, strings.NewReader(""), &out); err == nil {
			t.Errorf("run(%q): got no error", in)
		}
	}
}
