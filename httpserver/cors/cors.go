// Package cors tells browsers which pages of other origins may use the answers (the CORS protocol of the Fetch standard).
//
//	httpserver.Config{Filters: []httpserver.Filter{cors.Filter(cors.Config{Origins: cors.List{Words: []string{"https://app.example"}}})}}
//
// A preflight is answered here and the handler does not see it. Every other answer gets the fields that Config leads to, in
// the place of those of the same names that the handler gave it.
package cors

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/negotiation"
)

// Config says who may do what. The zero value allows nothing.
type Config struct {
	// Origins are the origins whose pages may read answers, as "https://host:port". Default: none.
	Origins List
	// Methods are the methods they may use besides GET, HEAD and POST. Default: none.
	Methods List
	// Headers are the fields they may send besides the harmless ones. Default: none.
	Headers List
	// Expose are the fields they may read besides the harmless ones; Mirror means nothing there. Default: none.
	Expose List
	// Credentials allows cookies and the like. A "*" is then an error that browsers do not forgive: use Mirror. Default: false.
	Credentials bool
	// MaxAge is how long a browser may remember the answer to a preflight; negative says nothing. Default: 0, not at all.
	MaxAge time.Duration
}

// List is a list of words, or all of them.
type List struct {
	// Any allows everything by "*".
	Any bool
	// Mirror allows everything by saying back what the request asks for.
	Mirror bool
	// Words are what is allowed otherwise.
	Words []string
}

// join returns the value of the field that a list becomes, given what the request asks for; "" leaves it out.
func (l *List) join(asked []byte) string {
	switch {
	case l.Any:
		return "*"
	case l.Mirror:
		return string(asked)
	}
	return strings.Join(l.Words, ", ")
}

// Filter returns the filter that follows c.
func Filter(c Config) httpserver.Filter {
	s := &sharing{Config: c, expose: c.Expose.join(nil), varies: !c.Origins.Any}
	if c.MaxAge >= 0 {
		s.maxAge = strconv.FormatInt(int64(c.MaxAge/time.Second), 10)
	}
	return func(next httpserver.Handler) httpserver.Handler { return &handler{s, next} }
}

// sharing is a Config made ready. It is never changed.
type sharing struct {
	Config
	expose, maxAge string
	varies         bool // answers depend on Origin
}

type handler struct {
	*sharing
	next httpserver.Handler
}

var _ httpserver.Handler = (*handler)(nil)

// Handle implements httpserver.Handler.
func (h *handler) Handle(x *httpserver.Exchange) {
	origin := negotiation.Find(x.Fields, "origin")
	if origin != nil && string(x.Method) == "OPTIONS" {
		if method := negotiation.Find(x.Fields, "access-control-request-method"); method != nil {
			h.preflight(x, origin, method)
			return
		}
	}
	a := &answerer{handler: h, allowed: h.allow(origin)}
	a.Answerer = x.Intercept(a)
	h.next.Handle(x)
}

// allow returns what Access-Control-Allow-Origin says to a request from origin; "": nothing.
func (s *sharing) allow(origin []byte) string {
	switch {
	case s.Origins.Any:
		return "*"
	case origin == nil:
	case s.Origins.Mirror, slices.ContainsFunc(s.Origins.Words, func(w string) bool { return strings.EqualFold(w, string(origin)) }):
		return string(origin)
	}
	return ""
}

// preflight answers the question whether a request may be made.
func (h *handler) preflight(x *httpserver.Exchange, origin, method []byte) {
	var fields []httpserver.Field
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, field(name, value))
		}
	}
	headers := negotiation.Find(x.Fields, "access-control-request-headers")
	if allowed := h.allow(origin); allowed != "" {
		add(allowOrigin, allowed)
		if h.Credentials {
			add(allowCredentials, "true")
		}
		add("Access-Control-Allow-Methods", h.Methods.join(method))
		add("Access-Control-Allow-Headers", h.Headers.join(headers))
		add("Access-Control-Max-Age", h.maxAge)
	}
	var varies []string
	for _, v := range []struct {
		yes  bool
		name string
	}{
		{h.varies, "Origin"},
		{h.Methods.Mirror, "Access-Control-Request-Method"},
		{h.Headers.Mirror, "Access-Control-Request-Headers"},
	} {
		if v.yes {
			varies = append(varies, v.name)
		}
	}
	add("Vary", strings.Join(varies, ", "))
	// Nothing in it is the handler's, and what is the client's was checked when it was read: it can not be refused.
	_ = x.Respond(&httpserver.Head{Status: 204, Fields: fields}, nil)
}

// The fields that every answer gets.
const (
	allowOrigin      = "Access-Control-Allow-Origin"
	allowCredentials = "Access-Control-Allow-Credentials"
	exposeHeaders    = "Access-Control-Expose-Headers"
)

// answerer is one answer.
type answerer struct {
	httpserver.Answerer
	*handler
	allowed string
}

// Respond implements httpserver.Answerer.
func (a *answerer) Respond(x *httpserver.Exchange, h *httpserver.Head, body []byte) error {
	return a.Answerer.Respond(x, a.head(h), body)
}

// Start implements httpserver.Answerer.
func (a *answerer) Start(x *httpserver.Exchange, h *httpserver.Head) error {
	return a.Answerer.Start(x, a.head(h))
}

// head returns h with the fields of CORS. h itself is the handler's and stays as it is.
func (a *answerer) head(h *httpserver.Head) *httpserver.Head {
	out := *h
	out.Fields = make([]httpserver.Field, 0, len(h.Fields)+4)
	for _, f := range h.Fields {
		if !ours(f.Name) {
			out.Fields = append(out.Fields, f)
		}
	}
	if a.allowed != "" {
		out.Fields = append(out.Fields, field(allowOrigin, a.allowed))
		if a.Credentials {
			out.Fields = append(out.Fields, field(allowCredentials, "true"))
		}
		if a.expose != "" {
			out.Fields = append(out.Fields, field(exposeHeaders, a.expose))
		}
	}
	if a.varies {
		out.Fields = negotiation.Vary(out.Fields, "Origin")
	}
	return &out
}

// ours reports whether a field of the handler's would contradict what is said here.
func ours(name []byte) bool {
	const prefix = "Access-Control-"
	if len(name) < len(prefix) || !bytes.EqualFold(name[:len(prefix)], []byte(prefix)) {
		return false
	}
	for _, n := range []string{allowOrigin, allowCredentials, exposeHeaders} {
		if bytes.EqualFold(name, []byte(n)) {
			return true
		}
	}
	return false
}

func field(name, value string) httpserver.Field {
	return httpserver.Field{Name: []byte(name), Value: []byte(value)}
}
