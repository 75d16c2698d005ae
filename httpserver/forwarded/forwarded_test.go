package forwarded_test

import (
	"net/netip"
	"testing"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/forwarded"
)

// seen is a handler that keeps what it saw.
type seen struct{ remote, scheme, host, field string }

func (s *seen) Handle(x *httpserver.Exchange) {
	s.remote, s.scheme, s.host = "", x.Scheme, string(x.Host)
	if x.Remote.IsValid() {
		s.remote = x.Remote.String()
	}
	for _, f := range x.Fields {
		if string(f.Name) == "Host" {
			s.field += string(f.Value)
		}
	}
}

// fields makes fields of names and values in turn.
func fields(pairs ...string) (all []httpserver.Field) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, httpserver.Field{Name: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return all
}

// filtered returns what a handler sees of a request from remote.
func filtered(remote string, in []httpserver.Field) seen {
	var s seen
	from := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	x := &httpserver.Exchange{Request: httpserver.Request{Scheme: "http", Host: []byte("inner")}}
	x.Fields = append(fields("Host", "inner"), in...)
	if remote != "" {
		x.Remote = netip.MustParseAddrPort(remote)
	}
	forwarded.New(from)(&s).Handle(x)
	return s
}

const (
	xFor, xProto, xHost, fwd = "X-Forwarded-For", "x-forwarded-proto", "X-FORWARDED-HOST", "Forwarded"
	proxy                    = "10.0.0.1:5000"
)

func TestTheRightMostAddressThatIsNoProxyIsTheClient(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []httpserver.Field
		want string
	}{
		{"nothing", nil, proxy},
		{"one", fields(xFor, "192.0.2.1"), "192.0.2.1:0"},
		{"made up by the client", fields(xFor, "127.0.0.1, 192.0.2.1"), "192.0.2.1:0"},
		{"two proxies", fields(xFor, "127.0.0.1, 192.0.2.1, 10.2.3.4"), "192.0.2.1:0"},
		{"proxies only", fields(xFor, "10.9.9.9, 10.2.3.4"), "10.9.9.9:0"},
		{"two fields", fields(xFor, "127.0.0.1", xFor, "192.0.2.1", xFor, "10.2.3.4"), "192.0.2.1:0"},
		{"empty members", fields(xFor, ", 192.0.2.1 ,,"), "192.0.2.1:0"},
		{"IPv6", fields(xFor, "2001:db8::1"), "[2001:db8::1]:0"},
		{"IPv6 in brackets", fields(xFor, "[2001:db8::1]"), "[2001:db8::1]:0"},
		{"a port", fields(xFor, "192.0.2.1:99"), "192.0.2.1:99"},
		{"IPv6 with a port", fields(xFor, "[2001:db8::1]:99, fd00::1"), "[2001:db8::1]:99"},
		{"IPv4 in IPv6", fields(xFor, "192.0.2.1, ::ffff:10.0.0.9"), "192.0.2.1:0"},
		{"malformed", fields(xFor, "192.0.2.1, somebody"), proxy},
		{"malformed beyond a proxy", fields(xFor, "192.0.2.1, somebody, 10.2.3.4"), "10.2.3.4:0"},
		{"malformed, made up by the client", fields(xFor, "<script>, 192.0.2.1"), "192.0.2.1:0"},
		{"empty", fields(xFor, ""), proxy},

		{"standard", fields(fwd, "for=192.0.2.1"), "192.0.2.1:0"},
		{"standard, more pairs", fields(fwd, `by=10.0.0.1; For="192.0.2.1:99" ;proto=http;secret=x`), "192.0.2.1:99"},
		{"standard, IPv6", fields(fwd, `for="[2001:db8::1]:99"`), "[2001:db8::1]:99"},
		{"standard, IPv6 without quotes", fields(fwd, `for=[2001:db8::1]`), "[2001:db8::1]:0"},
		{"standard, several", fields(fwd, "for=127.0.0.1, for=192.0.2.1,for=10.2.3.4"), "192.0.2.1:0"},
		{"standard, two fields", fields(fwd, "for=127.0.0.1", fwd, "for=192.0.2.1"), "192.0.2.1:0"},
		{"standard, commas in quotes", fields(fwd, `for=127.0.0.1;x="a,\"for=1.1.1.1", for=192.0.2.1`), "192.0.2.1:0"},
		{"standard, unknown", fields(fwd, "for=192.0.2.1, for=unknown"), proxy},
		{"standard, hidden", fields(fwd, "for=192.0.2.1, for=_secret, for=10.2.3.4"), "10.2.3.4:0"},
		{"standard, no for", fields(fwd, "for=192.0.2.1, proto=https"), proxy},
		{"standard, open quotes", fields(fwd, `for="192.0.2.1`), proxy},
		{"standard, malformed field left", fields(fwd, `for="127`, fwd, "for=192.0.2.1"), "192.0.2.1:0"},
		{"standard, malformed field right", fields(fwd, "for=192.0.2.1", fwd, "nonsense"), proxy},
		{"standard, twice the same", fields(fwd, "for=192.0.2.1;for=192.0.2.2"), proxy},
		{"standard, empty members", fields(fwd, ",, for=192.0.2.1 ,;"), "192.0.2.1:0"},
		{"both", fields(fwd, "for=127.0.0.1", xFor, "192.0.2.1"), "192.0.2.1:0"},
	} {
		if got := filtered(proxy, c.in).remote; got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSchemeAndHostAreThoseTheClientAskedFor(t *testing.T) {
	for _, c := range []struct {
		name         string
		in           []httpserver.Field
		scheme, host string
	}{
		{"nothing", nil, "http", "inner"},
		{"scheme", fields(xProto, "HTTPS"), "https", "inner"},
		{"WebSocket", fields(xProto, "wss"), "https", "inner"},
		{"host", fields(xHost, "outer.test:8443"), "http", "outer.test:8443"},
		{"all", fields(xFor, "192.0.2.1", xProto, "https", xHost, "outer.test"), "https", "outer.test"},
		{"one by one", fields(xFor, "192.0.2.1, 10.2.3.4", xProto, "https, http", xHost, "a.test, b.test"), "https", "a.test"},
		{"one by one, made up", fields(xFor, "1.1.1.1, 192.0.2.1", xProto, "http, https"), "https", "inner"},
		{"another number", fields(xFor, "192.0.2.1", xProto, "http, https", xHost, "made.up, outer.test"), "https", "outer.test"},
		{"no scheme", fields(xProto, "gopher"), "http", "inner"},
		{"no host", fields(xHost, "a b"), "http", "inner"},
		{"an empty host", fields(xHost, ""), "http", "inner"},
		{"standard", fields(fwd, `for=192.0.2.1;proto=https;host="outer.test:8443"`), "https", "outer.test:8443"},
		{"standard, several", fields(fwd, "for=192.0.2.1;proto=https;host=a.test, for=10.2.3.4;proto=http;host=b.test"), "https", "a.test"},
		{"standard, no host", fields(fwd, `host="a/b";proto=ftp`), "http", "inner"},
	} {
		got := filtered(proxy, c.in)
		if got.scheme != c.scheme || got.host != c.host || got.field != c.host {
			t.Errorf("%s: got %s, %s, field %s, want %s, %s", c.name, got.scheme, got.host, got.field, c.scheme, c.host)
		}
	}
}

func TestNobodyElseIsBelieved(t *testing.T) {
	in := fields(xFor, "192.0.2.1", xProto, "https", xHost, "outer.test")
	for remote, want := range map[string]seen{
		"10.0.0.1:1":           {"192.0.2.1:0", "https", "outer.test", "outer.test"},
		"[::ffff:10.0.0.1]:1":  {"192.0.2.1:0", "https", "outer.test", "outer.test"},
		"[fd00::1]:1":          {"192.0.2.1:0", "https", "outer.test", "outer.test"},
		"":                     {"192.0.2.1:0", "https", "outer.test", "outer.test"},
		"11.0.0.1:1":           {"11.0.0.1:1", "http", "inner", "inner"},
		"127.0.0.1:1":          {"127.0.0.1:1", "http", "inner", "inner"},
		"[2001:db8::1]:1":      {"[2001:db8::1]:1", "http", "inner", "inner"},
		"[::ffff:127.0.0.1]:1": {"[::ffff:127.0.0.1]:1", "http", "inner", "inner"},
	} {
		if got := filtered(remote, in); got != want {
			t.Errorf("%q: got %+v, want %+v", remote, got, want)
		}
	}
}

func TestAnOldRequestWithoutAHostGetsOne(t *testing.T) {
	var s seen
	x := &httpserver.Exchange{Request: httpserver.Request{Fields: fields(xHost, "outer.test")}}
	forwarded.New(nil)(&s).Handle(x)
	if s.host != "outer.test" || s.field != "outer.test" {
		t.Errorf("got %+v", s)
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("192.0.2.1, 10.0.0.1", `for="[2001:db8::1]:99";proto=https, for=_x`)
	f.Add(",,", `for="\`)
	f.Fuzz(func(t *testing.T, list, standard string) {
		for _, in := range [][]httpserver.Field{fields(xFor, list, xHost, list, xProto, list), fields(fwd, standard)} {
			got := filtered(proxy, in)
			if _, err := netip.ParseAddrPort(got.remote); err != nil {
				t.Errorf("%q, %q: the client is %q", list, standard, got.remote)
			}
			if got.scheme != "http" && got.scheme != "https" || !httpserver.ValidHost([]byte(got.host)) {
				t.Errorf("%q, %q: got %+v", list, standard, got)
			}
		}
	})
}
