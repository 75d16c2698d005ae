package negotiation_test

import (
	"strings"
	"testing"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/negotiation"
)

func field(name, value string) httpserver.Field {
	return httpserver.Field{Name: []byte(name), Value: []byte(value)}
}

func TestTheBestCodingIsTheOneTheClientLikesBest(t *testing.T) {
	for _, c := range []struct{ accept, want string }{
		{"gzip", "gzip"},
		{"x-gzip", "gzip"},
		{"GZIP", "gzip"},
		{"gzip, deflate, br, zstd", "br"},
		{"gzip;q=1.0, br;q=0.9", "gzip"},
		{"br;q=0.001", "br"},
		{"br;q=0", ""},
		{"br;q=0.000, gzip; Q=0.5", "gzip"},
		{"*", "br"},
		{"*;q=0", ""},
		{"*;q=0, gzip", "gzip"},
		{"*, br;q=0", "zstd"},
		{"identity", ""},
		{"identity;q=0", ""},
		{"identity, gzip;q=0.5", ""},
		{"identity;q=0.5, gzip;q=0.5", "gzip"},
		{"identity;q=0.5, gzip", "gzip"},
		{"", ""},
		{",,", ""},
		{"gzip;q=2", ""},
		{"gzip;q=1.001", ""},
		{"gzip;q=0.1234", ""},
		{"gzip;q=-1", ""},
		{"gzip;q=", ""},
		{"gzip;q", ""},
		{"gzip;level=9", ""},
		{strings.Repeat("x,", 40) + "gzip", ""},
	} {
		codings := negotiation.ReadCodings([]httpserver.Field{field("Accept-Encoding", c.accept)})
		if got := codings.Best("br", "zstd", "gzip"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.accept, got, c.want)
		}
	}
}

func TestIdentityIsAcceptableUnlessRefused(t *testing.T) {
	for accept, want := range map[string]bool{
		"": true, "gzip": true, "identity;q=0": false, "*;q=0": false, "*;q=0, identity": true, "gzip, *;q=0": false,
	} {
		codings := negotiation.ReadCodings([]httpserver.Field{field("accept-encoding", accept)})
		if got := codings.Quality("identity") > 0; got != want {
			t.Errorf("%q: got %t, want %t", accept, got, want)
		}
	}
}

func TestFieldsOfOneNameAreOneList(t *testing.T) {
	codings := negotiation.ReadCodings([]httpserver.Field{
		field("Accept-Encoding", "gzip"), field("Accept", "br"), field("ACCEPT-ENCODING", "zstd"),
	})
	if codings.Quality("gzip") != 1000 || codings.Quality("zstd") != 1000 || codings.Quality("br") != 0 || !codings.Asked() {
		t.Errorf("got %+v", codings)
	}
	if none := negotiation.ReadCodings(nil); none.Asked() || none.Best("gzip") != "" {
		t.Errorf("got %+v of nothing", none)
	}
}

func TestVaryNamesAFieldOnce(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "Origin"},
		{"Accept-Encoding", "Accept-Encoding|Origin"},
		{"origin", "origin"},
		{"Cookie , ORIGIN", "Cookie , ORIGIN"},
		{"*", "*"},
	} {
		var fields []httpserver.Field
		if c.in != "" {
			fields = append(fields, field("vary", c.in))
		}
		var got []string
		for _, f := range negotiation.Vary(fields, "Origin") {
			got = append(got, string(f.Value))
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzQualitiesAreFromNothingToAThousand(f *testing.F) {
	for _, s := range []string{"gzip;q=0.5", "*;q=0", "identity", "br;q=1.000,", ";q=1", "gzip;;q=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		codings := negotiation.ReadCodings([]httpserver.Field{field("Accept-Encoding", accept)})
		for _, name := range []string{"gzip", "br", "identity"} {
			if q := codings.Quality(name); q < 0 || q > 1000 {
				t.Errorf("%q: got %d for %s", accept, q, name)
			}
		}
		if best := codings.Best("br", "gzip"); best != "" && codings.Quality(best) == 0 {
			t.Errorf("%q: got %q, which is refused", accept, best)
		}
	})
}
