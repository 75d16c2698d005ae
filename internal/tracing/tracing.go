// Package tracing makes a span of OpenTelemetry of each request and sends it by OTLP over HTTP. It is set up by the standard
// variables alone: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_BSP_MAX_QUEUE_SIZE and the
// others that the OpenTelemetry specification lists.
//
//	if tracing.Wanted(os.LookupEnv) {
//		tracer, err := tracing.New(ctx, tracing.Config{Version: "1.0"})
//		…
//		defer tracer.Close(ctx)
//		filters = append(filters, tracer.Filter)
//	}
//
// It is a package of its own since the libraries it needs make a binary larger by a third.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/puffstack/puff/httpserver"
)

// Wanted reports whether the environment asks for traces: an endpoint is set, or the exporter otlp, and nothing turns them
// off.
func Wanted(lookup func(string) (string, bool)) bool {
	value := func(name string) string {
		v, _ := lookup(name)
		return strings.ToLower(strings.TrimSpace(v))
	}
	exporter := value("OTEL_TRACES_EXPORTER")
	if value("OTEL_SDK_DISABLED") == "true" || exporter != "" && exporter != "otlp" {
		return false
	}
	return exporter == "otlp" || value("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Config says what the environment does not.
type Config struct {
	// Version is that of the server.
	Version string
	// Logger hears of spans that could not be sent. Default: silence.
	Logger *slog.Logger
}

// Tracer makes spans. A queue of bounded length holds them until they are sent; beyond it they are dropped.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	fields   propagation.TraceContext
}

// New returns a Tracer. It is to be closed.
func New(ctx context.Context, c Config) (*Tracer, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	// What the environment says comes last, and wins.
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("puff"), semconv.ServiceVersion(c.Version)),
		resource.WithTelemetrySDK(), resource.WithProcessPID(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, errors.Join(fmt.Errorf("set up traces: %w", err), exporter.Shutdown(ctx))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.Logger.Warn("send traces", "error", err) }))
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracer{provider: p, tracer: p.Tracer("puff", trace.WithInstrumentationVersion(c.Version))}, nil
}

// Close sends what is left, for as long as ctx allows.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Filter is a httpserver.Filter: next sees the span of each request in traceparent and tracestate.
func (t *Tracer) Filter(next httpserver.Handler) httpserver.Handler { return &handler{t, next} }
