// serve.go answers on the address for operators.

package status

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

//go:embed page.html
var page []byte

// Limits of the server for operators. Nobody there needs more.
const (
	readLimit  = 5 * time.Second
	writeLimit = 10 * time.Second
	idleLimit  = time.Minute
	headLimit  = 16 << 10
)

// Handler answers /, /metrics, /status and /healthz from what b knows, for which it has b ask its workers.
func Handler(b *Board) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(b)
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		b.refresh(r.Context())
		metrics.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		b.refresh(r.Context())
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(b.Summary()) // the client has gone
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		b.refresh(r.Context())
		reason, down := b.health()
		if reason != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else {
			reason = "ok"
		}
		_, _ = w.Write([]byte(strings.Join(append([]string{reason}, down...), "\n") + "\n"))
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:")
		_, _ = w.Write(page)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// Serve answers on listener, which it closes, until ctx ends.
func Serve(ctx context.Context, listener net.Listener, b *Board) error {
	s := &http.Server{
		Handler: Handler(b), ReadTimeout: readLimit, WriteTimeout: writeLimit, IdleTimeout: idleLimit, MaxHeaderBytes: headLimit,
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	err := s.Close()
	if failed := <-ended; !errors.Is(failed, http.ErrServerClosed) {
		err = errors.Join(err, failed)
	}
	return err
}
