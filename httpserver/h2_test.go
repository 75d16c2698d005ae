package httpserver

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// h2Client returns a client that speaks HTTP/2 without TLS, and the connections it made.
func h2Client(t *testing.T) *http.Client {
	t.Helper()
	tr := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

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
