// span.go is one request as a span, with the names that the semantic conventions for HTTP have.

package tracing

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/puffstack/puff/httpserver"
)

// handler is the Handler of one road.
type handler struct {
	t    *Tracer
	next httpserver.Handler
}

// Handle implements httpserver.Handler.
func (h *handler) Handle(x *httpserver.Exchange) {
	carrier := (*fields)(x)
	ctx := h.t.fields.Extract(context.Background(), carrier)
	name, method := methodOf(x)
	ctx, span := h.t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.Began),
		trace.WithAttributes(append(attributes(x), method...)...))
	carrier.drop("tracestate")
	h.t.fields.Inject(ctx, carrier)
	s := &spanned{span: span}
	s.Answerer = x.Intercept(s)
	h.next.Handle(x)
}

// methods are those that the conventions know; the name of a span may not be a client's invention.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"}

func methodOf(x *httpserver.Exchange) (name string, attributes []attribute.KeyValue) {
	method := string(x.Method)
	if slices.Contains(methods, method) {
		return method, []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method)}
	}
	return "HTTP", []attribute.KeyValue{
		semconv.HTTPRequestMethodOther, semconv.HTTPRequestMethodOriginal(strings.ToValidUTF8(method, "\ufffd")),
	}
}

// attributes are those that are known before the answer.
func attributes(x *httpserver.Exchange) []attribute.KeyValue {
	text := func(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }
	list := []attribute.KeyValue{
		semconv.URLPath(text(x.Path)), semconv.URLScheme(x.Scheme), semconv.NetworkProtocolName("http"),
		semconv.NetworkProtocolVersion(version(x)),
	}
	if len(x.Query) > 0 {
		list = append(list, semconv.URLQuery(text(x.Query)))
	}
	if len(x.Host) > 0 {
		host, port, err := net.SplitHostPort(string(x.Host))
		if err != nil {
			host = strings.Trim(string(x.Host), "[]")
		}
		list = append(list, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			list = append(list, semconv.ServerPort(n))
		}
	}
	if x.Remote.IsValid() {
		address := x.Remote.Addr().Unmap().String()
		list = append(list, semconv.ClientAddress(address), semconv.NetworkPeerAddress(address), semconv.NetworkPeerPort(int(x.Remote.Port())))
	}
	if agent := (*fields)(x).Get("user-agent"); agent != "" {
		list = append(list, semconv.UserAgentOriginal(strings.ToValidUTF8(agent, "\ufffd")))
	}
	return list
}

// spanned is a request under way.
type spanned struct {
	httpserver.Answerer
	span   trace.Span
	status int
}

var _ httpserver.Answerer = (*spanned)(nil)

// Respond implements httpserver.Answerer.
func (s *spanned) Respond(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	err := s.Answerer.Respond(x, h, body)
	if !goesOn(err) {
		s.status = x.Sent(h.Status)
		s.end(err)
	}
	return err
}

// Start implements httpserver.Answerer.
func (s *spanned) Start(x *httpserver.Exchange, h *httpserver.Head) error {
	err := s.Answerer.Start(x, h)
	if err == nil {
		s.status = x.Sent(h.Status)
	}
	return err
}

// Finish implements httpserver.Answerer.
func (s *spanned) Finish(x *httpserver.Exchange, trailers []httpserver.Field) error {
	err := s.Answerer.Finish(x, trailers)
	if !goesOn(err) {
		s.end(err)
	}
	return err
}

// Abort implements httpserver.Answerer.
func (s *spanned) Abort(x *httpserver.Exchange) {
	s.Answerer.Abort(x)
	s.end(errCut)
}

var errCut = errors.New("the answer was cut off")

// end ends the span. A server's span is an error if the server is at fault.
func (s *spanned) end(err error) {
	if s.status != 0 {
		s.span.SetAttributes(semconv.HTTPResponseStatusCode(s.status))
	}
	switch {
	case s.status >= 500:
		s.span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(s.status)))
		s.span.SetStatus(codes.Error, "")
	case err != nil:
		s.span.SetAttributes(semconv.ErrorTypeKey.String("cut"))
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// goesOn reports whether a call that returned err did not end the exchange.
func goesOn(err error) bool {
	if err == nil {
		return false
	}
	_, refused := errors.AsType[*httpserver.HeadError](err)
	return refused || errors.Is(err, httpserver.ErrMisuse)
}

// version is that of HTTP, in the way of the conventions: "2" has no minor one.
func version(x *httpserver.Exchange) string {
	if x.Major == 2 {
		return "2"
	}
	return "1." + strconv.Itoa(x.Minor)
}
