package dev

// How a page answers a request: for whom it is, in which form, and how an open page hears
// that the program has changed.

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/puffstack/puff/httpserver"
)

// GenerationPath is where an open page asks which worker it would get now.
const GenerationPath = "/-/puff/generation"

// Pages answers with reports.
type Pages struct {
	// Generation names this worker; another has another. Default: pages do not reload.
	Generation string
}

// Handler answers every request with r: for an application that could not be imported.
func (p *Pages) Handler(r Report) httpserver.Handler { return &failed{p, r} }

type failed struct {
	pages  *Pages
	report Report
}

// Handle implements httpserver.Handler.
func (f *failed) Handle(x *httpserver.Exchange) {
	h, body := f.pages.Fault(x)(f.report)
	_ = x.Respond(h, body) // a client that has gone needs no page
}

// Fault takes note of a request, within Handle; what it returns makes the answer for a
// fault that comes of it, later.
func (p *Pages) Fault(x *httpserver.Exchange) func(Report) (*httpserver.Head, []byte) {
	method, target := string(x.Method), string(x.Target)
	local, html := isLocal(string(x.Host)), wantsHTML(x.Fields)
	return func(r Report) (*httpserver.Head, []byte) {
		switch {
		case !local:
			return head("text/plain; charset=utf-8"), []byte("Internal Server Error\n")
		case html:
			if page, policy, err := render(r, method, target, p.Generation); err == nil {
				return head("text/html; charset=utf-8", field("Content-Security-Policy", policy)), page
			}
		}
		return head("text/plain; charset=utf-8"), plainText(r)
	}
}

// Filter answers pages that ask whether the program has changed.
func (p *Pages) Filter(next httpserver.Handler) httpserver.Handler { return &generation{p, next} }

type generation struct {
	pages *Pages
	next  httpserver.Handler
}

// Handle implements httpserver.Handler.
func (g *generation) Handle(x *httpserver.Exchange) {
	if string(x.Path) != GenerationPath {
		g.next.Handle(x)
		return
	}
	h := head("text/plain; charset=utf-8")
	h.Status = 200
	_ = x.Respond(h, []byte(g.pages.Generation)) // a page that is closed needs no answer
}

func head(kind string, more ...httpserver.Field) *httpserver.Head {
	return &httpserver.Head{Status: 500, Fields: append([]httpserver.Field{
		field("Content-Type", kind),
		field("Cache-Control", "no-store"),
		field("X-Content-Type-Options", "nosniff"),
		field("Referrer-Policy", "no-referrer"),
	}, more...)}
}

func field(name, value string) httpserver.Field {
	return httpserver.Field{Name: []byte(name), Value: []byte(value)}
}

// plainText is a report for a terminal.
func plainText(r Report) []byte {
	var parts []string
	for _, part := range []string{r.Text, r.Summary} {
		if part = strings.TrimRight(part, "\n"); part != "" {
			parts = append(parts, part+"\n")
		}
	}
	return []byte(strings.Join(parts, "\n"))
}

// wantsHTML reports whether a client names HTML as what it takes.
func wantsHTML(fields []httpserver.Field) bool {
	for _, f := range fields {
		if bytes.EqualFold(f.Name, []byte("accept")) && bytes.Contains(bytes.ToLower(f.Value), []byte("text/html")) {
			return true
		}
	}
	return false
}

// reserved are the domains that no stranger can have a name in (RFC 6761, section 6).
var reserved = []string{"localhost", "test", "example", "invalid"}

// isLocal reports whether host, as a client names it, can be a name of this machine only
// because somebody here says so. A client of HTTP/1.0 that names none is no browser.
func isLocal(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "" || slices.Contains(reserved, name[strings.LastIndexByte(name, '.')+1:]) {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.IsLoopback()
}
