package tracing

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/puffstack/puff/httpserver"
)

func TestOnlyTheStandardVariablesTurnTracesOn(t *testing.T) {
	for _, c := range []struct {
		env  string
		want bool
	}{
		{"", false},
		{"OTEL_SERVICE_NAME=a", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://a", true},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://a", true},
		{"OTEL_TRACES_EXPORTER=otlp", true},
		{"OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://a", false},
		{"OTEL_TRACES_EXPORTER=console", false},
		{"OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=http://a", false},
	} {
		got := Wanted(func(name string) (string, bool) {
			for pair := range strings.FieldsSeq(c.env) {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value, true
				}
			}
			return "", false
		})
		if got != c.want {
			t.Errorf("%q: got %t, want %t", c.env, got, c.want)
		}
	}
}

// handler answers with the fields of traces that it sees.
type echo struct{}

func (echo) Handle(x *httpserver.Exchange) {
	if string(x.Path) == "/cut" {
		x.Start(&httpserver.Head{Status: 200})
		x.Abort()
		return
	}
	status := 200
	if string(x.Path) == "/fault" {
		status = 503
	}
	f := (*fields)(x)
	x.Respond(&httpserver.Head{Status: status}, []byte(f.Get("traceparent")+" "+f.Get("tracestate")))
}

// receiver is a collector: what it was sent.
type receiver struct {
	*httptest.Server
	got chan *collector.ExportTraceServiceRequest
}

func receive(t *testing.T) *receiver {
	r := &receiver{got: make(chan *collector.ExportTraceServiceRequest, 64)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		m := new(collector.ExportTraceServiceRequest)
		if err == nil {
			err = proto.Unmarshal(body, m)
		}
		if err != nil || q.URL.Path != "/v1/traces" {
			t.Errorf("%s got %v", q.URL.Path, err)
		}
		r.got <- m
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
	t.Setenv("OTEL_SERVICE_NAME", "shop")
	return r
}

// traced asks a server that traces, closes it, and returns the answers and the spans.
func traced(t *testing.T, r *receiver, requests ...*http.Request) (answers []string, all []*spans.Span, about []*common.KeyValue) {
	t.Helper()
	tracer, err := New(t.Context(), Config{Version: "1.0"})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httpserver.New(httpserver.Config{Handler: echo{}, Filters: []httpserver.Filter{tracer.Filter}})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	for _, q := range requests {
		q.URL.Host = ln.Addr().String()
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		answers = append(answers, string(body))
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for len(r.got) > 0 {
		for _, of := range (<-r.got).ResourceSpans {
			about = of.Resource.Attributes
			for _, scope := range of.ScopeSpans {
				all = append(all, scope.Spans...)
			}
		}
	}
	return answers, all, about
}

func request(t *testing.T, method, path string, fields ...string) *http.Request {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, "http://host"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "shop.example:8000"
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	return q
}

// texts returns attributes as text, by their names.
func texts(list []*common.KeyValue) map[string]string {
	all := make(map[string]string)
	for _, a := range list {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			all[a.Key] = string(rune('0'+v.IntValue/100)) + string(rune('0'+v.IntValue/10%10)) + string(rune('0'+v.IntValue%10))
		}
	}
	return all
}

func TestARequestIsOneServerSpan(t *testing.T) {
	r := receive(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	answers, all, about := traced(t, r,
		request(t, "GET", "/a?b=c", "Traceparent", parent, "Tracestate", "vendor=1", "User-Agent", "agent"))
	if len(all) != 1 {
		t.Fatalf("got %d spans, want 1", len(all))
	}
	s := all[0]
	if s.Name != "GET" || s.Kind != spans.Span_SPAN_KIND_SERVER || s.EndTimeUnixNano < s.StartTimeUnixNano {
		t.Errorf("got %v", s)
	}
	if got := hex(s.TraceId); got != parent[3:35] {
		t.Errorf("got trace %s, want that of the client", got)
	}
	if got := hex(s.ParentSpanId); got != parent[36:52] {
		t.Errorf("got parent %s, want the client's span", got)
	}
	if want := "00-" + parent[3:35] + "-" + hex(s.SpanId) + "-01 vendor=1"; answers[0] != want {
		t.Errorf("the handler saw %q, want %q", answers[0], want)
	}
	got := texts(s.Attributes)
	for name, want := range map[string]string{
		"http.request.method": "GET", "url.path": "/a", "url.query": "b=c", "url.scheme": "http", "http.response.status_code": "200",
		"server.address": "shop.example", "client.address": "127.0.0.1", "user_agent.original": "agent", "network.protocol.version": "1.1",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	if got := texts(about); got["service.name"] != "shop" || got["service.version"] != "1.0" {
		t.Errorf("got the resource %v", got)
	}
}

func hex(b []byte) string {
	const digits = "0123456789abcdef"
	var s []byte
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return string(s)
}

func TestFaultsOfTheServerAreErrors(t *testing.T) {
	r := receive(t)
	_, all, _ := traced(t, r, request(t, "GET", "/fault"), request(t, "BREW", "/cut"))
	if len(all) != 2 {
		t.Fatalf("got %d spans, want 2", len(all))
	}
	for i, want := range []map[string]string{
		{"error.type": "503", "http.request.method": "GET", "http.response.status_code": "503"},
		{"error.type": "cut", "http.request.method": "_OTHER", "http.request.method_original": "BREW"},
	} {
		got := texts(all[i].Attributes)
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: got %q, want %q", name, got[name], value)
			}
		}
		if all[i].Status.GetCode() != spans.Status_STATUS_CODE_ERROR {
			t.Errorf("got %v, want an error", all[i].Status)
		}
	}
	if all[1].Name != "HTTP" {
		t.Errorf("a method that nobody knows names the span %q", all[1].Name)
	}
}

func TestTheClientsDecisionNotToSampleIsHonoured(t *testing.T) {
	r := receive(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	answers, all, _ := traced(t, r, request(t, "GET", "/", "Traceparent", parent), request(t, "GET", "/", "Traceparent", "nonsense"))
	if len(all) != 1 {
		t.Errorf("got %d spans, want that of the second request", len(all))
	}
	if got := answers[0]; !strings.HasPrefix(got, parent[:36]) || !strings.HasSuffix(got, "-00 ") || got[36:52] == parent[36:52] {
		t.Errorf("the handler saw %q, want a span of the same trace that is not sampled", got)
	}
	if got := answers[1]; len(got) != len(parent)+1 || strings.Contains(got, "nonsense") {
		t.Errorf("the handler saw %q, want a trace of its own", got)
	}
}
