package httpserver

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestHTTP2AnswersByPriorKnowledge(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			if x.Major != 2 || x.Scheme != "http" || string(x.Query) != "q=1" || len(x.Host) == 0 {
				t.Errorf("got major %d, scheme %s, query %q, host %q", x.Major, x.Scheme, x.Query, x.Host)
			}
			hello(x, do)
		})
		res, err := h2Client(t).Get("http://" + s.addr + "/path?q=1")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.ProtoMajor != 2 || res.StatusCode != 200 || string(body) != "/path" || err != nil {
			t.Errorf("got %s %d %q %v, want HTTP/2.0 200 /path", res.Proto, res.StatusCode, body, err)
		}
		if res.ContentLength != 5 || res.Header.Get("Server") != "puff" || res.Header.Get("Date") == "" {
			t.Errorf("got length %d and header %v", res.ContentLength, res.Header)
		}
	})
}

func TestHTTP2EchoesBodiesOfEverySize(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, echo)
		client := h2Client(t)
		for _, n := range []int{0, 1, 100, 16 << 10, 64 << 10, 65 << 10, 1 << 20, 5 << 20} {
			for _, known := range []bool{true, false} {
				want := strings.Repeat("0123456789abcdef", n/16+1)[:n]
				var body io.Reader = strings.NewReader(want)
				if !known {
					body = io.MultiReader(body)
				}
				res, err := client.Post("http://"+s.addr+"/", "text/plain", body)
				if err != nil {
					t.Fatalf("%d bytes: %v", n, err)
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				if string(got) != want || err != nil {
					t.Errorf("%d bytes, length known %t: got %d bytes back, %v", n, known, len(got), err)
				}
			}
		}
	})
}

func TestHTTP2RequestsAreCheckedAsStrictlyAsOthers(t *testing.T) {
	replace := func(pairs []string, name, value string) []string {
		out := slices.Clone(pairs)
		for i := 0; i < len(out); i += 2 {
			if out[i] == name {
				out[i+1] = value
				return out
			}
		}
		return append(out, name, value)
	}
	without := func(name string) []string {
		var out []string
		for i, p := 0, get("/"); i < len(p); i += 2 {
			if p[i] != name {
				out = append(out, p[i:i+2]...)
			}
		}
		return out
	}
	extended := func(protocol string) []string {
		return append(replace(get("/"), ":method", "CONNECT"), ":protocol", protocol)
	}
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{MaxRequestLine: 1000, MaxFields: 10, MaxHead: 4000, MaxBody: 100}, hello)
		turning := open(t, Config{WebSocket: true}, hello)
		many := get("/")
		for range 11 {
			many = append(many, "a", "b")
		}
		for _, c := range []struct {
			name  string
			pairs []string
			want  string // a status, or nothing for a reset
		}{
			{"a request", get("/"), "200"},
			{"te: trailers", append(get("/"), "te", "trailers"), "200"},
			{"the same host twice over", append(get("/"), "host", "TEST"), "200"},
			{"a host and no authority", append(without(":authority"), "host", "h"), "200"},
			{"no method", without(":method"), ""},
			{"no scheme", without(":scheme"), ""},
			{"no path", without(":path"), ""},
			{"no authority", without(":authority"), "400"},
			{"another host", append(get("/"), "host", "other"), "400"},
			{"two hosts", append(get("/"), "host", "test", "host", "test"), "400"},
			{"an invalid authority", replace(get("/"), ":authority", "a b"), "400"},
			{"an empty path", replace(get("/"), ":path", ""), ""},
			{"a path without a slash", replace(get("/"), ":path", "x"), "400"},
			{"a path with a fragment", replace(get("/"), ":path", "/#x"), "400"},
			{"a path with a space", replace(get("/"), ":path", "/a b"), "400"},
			{"an asterisk for GET", replace(get("/"), ":path", "*"), "400"},
			{"an asterisk for OPTIONS", replace(replace(get("/"), ":path", "*"), ":method", "OPTIONS"), "200"},
			{"another scheme", replace(get("/"), ":scheme", "ftp"), ""},
			{"a method that is no token", replace(get("/"), ":method", "G T"), ""},
			{"a method twice", append(get("/"), ":method", "GET"), ""},
			{"an unknown pseudo-header", append(get("/"), ":other", "x"), ""},
			{"a pseudo-header after a field", append([]string{"a", "b"}, get("/")...), ""},
			{"an upper-case name", append(get("/"), "Name", "x"), ""},
			{"a name with a space", append(get("/"), "na me", "x"), ""},
			{"a value with a line break", append(get("/"), "name", "x\ny"), ""},
			{"a value with a zero", append(get("/"), "name", "x\x00y"), ""},
			{"a value that begins with a space", append(get("/"), "name", " x"), ""},
			{"connection", append(get("/"), "connection", "close"), ""},
			{"keep-alive", append(get("/"), "keep-alive", "1"), ""},
			{"proxy-connection", append(get("/"), "proxy-connection", "close"), ""},
			{"transfer-encoding", append(get("/"), "transfer-encoding", "chunked"), ""},
			{"upgrade", append(get("/"), "upgrade", "h2c"), ""},
			{"te that is more than trailers", append(get("/"), "te", "gzip"), ""},
			{"a content-length that is none", append(get("/"), "content-length", "x"), "400"},
			{"two of them", append(get("/"), "content-length", "0", "content-length", "0"), "400"},
			{"a content-length without content", append(get("/"), "content-length", "1"), ""},
			{"an unknown expectation", append(get("/"), "expect", "x"), "417"},
			{"a long path", get("/" + strings.Repeat("x", 1000)), "414"},
			{"many fields", many, "431"},
			{"a long head", append(get("/"), "a", strings.Repeat("x", 3000), "b", strings.Repeat("x", 3000)), "431"},
			{"CONNECT with a path", replace(get("/"), ":method", "CONNECT"), ""},
			{"CONNECT without a port", []string{":method", "CONNECT", ":authority", "test"}, "400"},
			{"a protocol nobody offered", extended("websocket"), ""},
			{"turning: an unknown protocol", extended("chess"), "501"},
			{"turning: a protocol for GET", append(get("/"), ":protocol", "websocket"), ""},
			{"turning: a protocol and content-length", append(extended("websocket"), "content-length", "5"), ""},
		} {
			conn := s.dialH2(t)
			if strings.HasPrefix(c.name, "turning") {
				conn = turning.dialH2(t)
			}
			conn.request(1, true, c.pairs...)
			switch f := conn.next().(type) {
			case *http2.RSTStreamFrame:
				if c.want != "" || f.ErrCode != http2.ErrCodeProtocol {
					t.Errorf("%s: got a reset with %v, want %q", c.name, f.ErrCode, c.want)
				}
			case *http2.HeadersFrame:
				list, err := conn.dec.DecodeFull(f.HeaderBlockFragment())
				if err != nil || len(list) == 0 || list[0].Value != c.want {
					t.Errorf("%s: got %v %v, want %q", c.name, list, err, c.want)
				}
			default:
				t.Errorf("%s: got %s, want %q", c.name, describe(f), c.want)
			}
			conn.Close()
		}
	})
}

func TestHTTP2CookieCrumbsAreOneField(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, _ func(func())) {
			var b []byte
			for _, f := range x.Fields {
				b = append(append(append(append(b, f.Name...), '='), f.Value...), '\n')
			}
			x.Respond(&Head{Status: 200}, b)
		})
		c := s.dialH2(t)
		c.request(1, true, append(get("/"), "cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", "c=3")...)
		c.head(1)
		d, ok := c.next().(*http2.DataFrame)
		if want := "host=test\ncookie=a=1; b=2; c=3\nx=y\n"; !ok || string(d.Data()) != want {
			t.Errorf("got %v %q, want %q", ok, d.Data(), want)
		}
	})
}

func TestHTTP2TrailersGoBothWays(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = &trailerPeer{}
			do(func() {
				x.Start(&Head{Status: 200})
				if x.Complete {
					x.Peer.Body(x, x.Body, true)
					return
				}
				x.Pull()
			})
		})
		for _, n := range []int{3, 100 << 10} {
			body := strings.Repeat("x", n)
			r, err := http.NewRequest("POST", "http://"+s.addr+"/", io.MultiReader(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Trailer = http.Header{"Sum": {"17"}}
			res, err := h2Client(t).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if len(got) != n || err != nil || res.Trailer.Get("Sum") != "17" {
				t.Errorf("got %d bytes, %v, trailers %v; want %d and the sum", len(got), err, res.Trailer, n)
			}
		}
	})
}

// trailerPeer answers with the body and the trailers of the request.
type trailerPeer struct{}

func (trailerPeer) Body(x *Exchange, p []byte, last bool) {
	x.Write(p)
	if last {
		x.Finish(x.Trailers)
		return
	}
	x.Pull()
}

func (trailerPeer) Written(*Exchange, int)      {}
func (trailerPeer) Closed(x *Exchange, _ error) { x.Abort() }

func TestHTTP2UpgradeServesTheRequestAsTheFirstStream(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, _ func(func())) {
			for _, f := range x.Fields {
				if name := string(f.Name); name == "connection" || name == "upgrade" || name == "http2-settings" {
					t.Errorf("the handler sees the field %s", name)
				}
			}
			x.Respond(&Head{Status: 200 + x.Major}, append(x.Path, x.Body...))
		})
		nc := s.dial(t)
		nc.send("POST /first HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
			"HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 4\r\n\r\nbody")
		res, err := http.ReadResponse(nc.r, nil)
		if err != nil || res.StatusCode != 101 || res.Header.Get("Upgrade") != "h2c" {
			t.Fatalf("got %v %v, want 101", res, err)
		}
		c := newRawH2(t, &buffered{nc.Conn, nc.r})
		fields, _ := c.head(1)
		d, ok := c.next().(*http2.DataFrame)
		if fields[":status"] != "202" || !ok || string(d.Data()) != "/firstbody" {
			t.Errorf("got %v and %q, want 202 and the path and the body", fields, d.Data())
		}
		c.request(3, true, get("/second")...)
		if got := c.status(3); got != "202" {
			t.Errorf("got %s for the second stream, want 202", got)
		}
	})
}

// buffered is a connection of which some was read.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

func TestHTTP2UpgradeIsIgnoredWhereItIsNotRight(t *testing.T) {
	const head = "GET / HTTP/1.1\r\nHost: test\r\n"
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		for _, in := range []string{
			"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nHTTP2-Settings: AAMAAABk\r\n",
			"Connection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: other\r\nHTTP2-Settings: AAMAAABk\r\n",
		} {
			c := s.dial(t)
			c.send(head + in + "\r\n")
			if got := c.answer("GET"); got.StatusCode != 200 || got.ProtoMajor != 1 {
				t.Errorf("%q: got %s, want 200 by HTTP/1.1", in, got.Status)
			}
			c.Close()
		}
	})
}

func TestTheVersionsThatAreSpokenCanBeChosen(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{HTTP: "2"}, hello)
		old := s.dial(t)
		if got := old.get("/"); got.StatusCode != 505 {
			t.Errorf("HTTP/1.1 where only 2 is spoken: got %s, want 505", got.Status)
		}
		old.ended()
		c := s.dialH2(t)
		c.request(1, true, get("/")...)
		if got := c.status(1); got != "200" {
			t.Errorf("HTTP/2 where only 2 is spoken: got %s, want 200", got)
		}
		s = open(t, Config{HTTP: "1"}, hello)
		old = s.dial(t)
		old.send(http2.ClientPreface)
		if got := old.answer("PRI"); got.StatusCode != 505 {
			t.Errorf("HTTP/2 where only 1 is spoken: got %s, want 505", got.Status)
		}
	})
}

func TestHTTP2PrefaceMayComeInPieces(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		nc := s.dial(t)
		for i := range len(http2.ClientPreface) {
			nc.send(http2.ClientPreface[i : i+1])
		}
		c := &rawH2{Conn: nc, Framer: http2.NewFramer(nc, nc), t: t}
		c.enc, c.dec = hpack.NewEncoder(&c.block), hpack.NewDecoder(4096, nil)
		c.WriteSettings()
		c.request(1, true, get("/")...)
		if got := c.status(1); got != "200" {
			t.Errorf("got %s, want 200", got)
		}
		// These begin like it.
		for _, method := range []string{"POST", "PUT", "PRI"} {
			c := s.dial(t)
			c.send(method[:1])
			c.send(method[1:] + " /x HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
			if got := c.answer(method); got.StatusCode != 200 {
				t.Errorf("%s: got %s, want 200", method, got.Status)
			}
		}
	})
}

func TestHTTP2SendsFilesAndInterimAnswers(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		name := t.TempDir() + "/file"
		want := strings.Repeat("0123456789", 50_000)
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			do(func() {
				f, err := os.Open(name)
				if err != nil {
					t.Error(err)
				}
				x.Inform(103, []Field{field("Link", "</style.css>")})
				x.Start(&Head{Status: 200})
				x.Write([]byte("before"))
				x.SendFile(f, 3, int64(len(want)-3))
				x.Write([]byte("after"))
				x.Finish(nil)
			})
		})
		res, err := h2Client(t).Get("http://" + s.addr)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(got) != "before"+want[3:]+"after" || err != nil {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want)+8)
		}
		c := s.dialH2(t)
		c.request(1, true, get("/")...)
		if fields, ended := c.head(1); fields[":status"] != "103" || fields["link"] != "</style.css>" || ended {
			t.Errorf("got %v, want 103 with a link", fields)
		}
	})
}

func TestHTTP2AnswersWithoutABodyEndWithTheirHead(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			status := 200
			switch string(x.Path) {
			case "/204":
				status = 204
			case "/304":
				status = 304
			}
			do(func() {
				x.Start(&Head{Status: status})
				x.Write([]byte("body"))
				x.Finish(nil)
			})
		})
		for i, c := range []struct{ method, path string }{{"HEAD", "/"}, {"GET", "/204"}, {"GET", "/304"}} {
			conn := s.dialH2(t)
			id := uint32(2*i + 1)
			conn.request(id, true, append([]string{":method", c.method}, get(c.path)[2:]...)...)
			if _, ended := conn.head(id); !ended {
				t.Errorf("%s %s: the head does not end the stream", c.method, c.path)
			}
		}
	})
}
