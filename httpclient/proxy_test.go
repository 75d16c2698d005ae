package httpclient

// Proxies, certificates, and bodies that are too large.

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/puffstack/puff/internal/testkit"
)

// secure is a server with a certificate for names, and the authority of that. It answers with who the client is.
func secure(t *testing.T, names ...string) (*httptest.Server, *testkit.Authority, *x509.CertPool) {
	t.Helper()
	a := testkit.NewAuthority(t)
	pair, err := tls.LoadX509KeyPair(a.Issue(t, names...))
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(a.File)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if certs := r.TLS.PeerCertificates; len(certs) > 0 {
			who = certs[0].Subject.CommonName
		}
		fmt.Fprintf(w, "%s at %s", who, r.Host)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, a, pool
}

// proxy is an HTTP proxy for a user that takes all hosts to one address. said is what it was asked for.
func proxy(t *testing.T, to string) (address string, said func() []string) {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.RequestURI)
		mu.Unlock()
		if user, password, _ := parseProxyAuth(r); user != "me" || password != "secret" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			io.WriteString(w, "by proxy")
			return
		}
		join(t, w, to)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

func parseProxyAuth(r *http.Request) (user, password string, ok bool) {
	copied := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	return copied.BasicAuth()
}

// join makes an exchange a tunnel.
func join(t *testing.T, w http.ResponseWriter, to string) {
	there, err := net.Dial("tcp", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer there.Close()
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer here.Close()
	io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	tunnel(here, there)
}

func tunnel(a, b net.Conn) {
	var copies sync.WaitGroup
	for _, ends := range [][2]net.Conn{{a, b}, {b, a}} {
		copies.Go(func() {
			_, _ = io.Copy(ends[0], ends[1])
			ends[0].Close()
		})
	}
	copies.Wait()
}

func TestProxiesOfTheEnvironmentAreUsedAndSpared(t *testing.T) {
	s, _, pool := secure(t, "shop.test", "near.test")
	at, said := proxy(t, s.Listener.Addr().String())
	t.Setenv("HTTP_PROXY", "http://me:secret@"+at)
	t.Setenv("HTTPS_PROXY", "http://me:secret@"+at)
	t.Setenv("NO_PROXY", "near.test,.inside.test")
	c := New(Config{TLS: &tls.Config{RootCAs: pool}})
	defer c.Close()
	if _, got := fetch(t, c, &Request{Method: "GET", URL: "https://shop.test/x"}); got != "nobody at shop.test" {
		t.Errorf("through CONNECT: got %q", got)
	}
	if _, got := fetch(t, c, &Request{Method: "GET", URL: "http://shop.test/y"}); got != "by proxy" {
		t.Errorf("in clear text: got %q", got)
	}
	for _, url := range []string{"https://near.test/", "http://a.inside.test/"} {
		if _, err := c.Do(t.Context(), &Request{Method: "GET", URL: url}); kindOf(err) != KindConnect {
			t.Errorf("%s: got %v, want no connection without the proxy", url, err)
		}
	}
	want := "[CONNECT shop.test:443 GET http://shop.test/y]"
	if got := fmt.Sprint(said()); got != want {
		t.Errorf("the proxy was asked for %s, want %s", got, want)
	}
}

func TestAProxyThatRefusesIsNamedWithoutItsPassword(t *testing.T) {
	at, _ := proxy(t, "127.0.0.1:1")
	for _, test := range []struct {
		proxy string
		want  Kind
	}{
		{"http://me:hidden@" + at, KindConnect},
		{"http://me:hidden@127.0.0.1:1", KindConnect},
		{"socks5://me:hidden@127.0.0.1:1", KindConnect},
		{"ftp://me:hidden@" + at, KindRequest},
		{"me:hidden@" + at, KindRequest},
	} {
		c := New(Config{Proxy: test.proxy})
		_, err := c.Do(t.Context(), &Request{Method: "GET", URL: "https://shop.test/"})
		if kindOf(err) != test.want || strings.Contains(fmt.Sprint(err), "hidden") {
			t.Errorf("%s: got %v (%d), want kind %d", test.proxy, err, kindOf(err), test.want)
		}
		c.Close()
	}
}

// socks is a proxy (RFC 1928 and 1929) for the user me that takes all hosts to one address.
func socks(t *testing.T, to string, asked chan<- string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var over sync.WaitGroup
	over.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if err := serveSocks(conn, to, asked); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		l.Close()
		over.Wait()
	})
	return l.Addr().String()
}

func serveSocks(conn net.Conn, to string, asked chan<- string) error {
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(conn, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	read(int(read(2)[1])) // the ways to log in
	conn.Write([]byte{5, 2})
	user := read(int(read(2)[1]))
	password := read(int(read(1)[0]))
	conn.Write([]byte{1, 0})
	if read(4)[3] != 3 {
		return errors.New("the name was not left to the proxy")
	}
	host := read(int(read(1)[0]))
	port := binary.BigEndian.Uint16(read(2))
	asked <- fmt.Sprintf("%s:%s %s:%d", user, password, host, port)
	conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	there, err := net.Dial("tcp", to)
	if err != nil {
		return err
	}
	defer there.Close()
	tunnel(conn, there)
	return nil
}

func TestASOCKSProxyIsAskedByName(t *testing.T) {
	s, _, pool := secure(t, "shop.test")
	asked := make(chan string, 1)
	c := New(Config{Proxy: "socks5://me:secret@" + socks(t, s.Listener.Addr().String(), asked), TLS: &tls.Config{RootCAs: pool}})
	if _, got := fetch(t, c, &Request{Method: "GET", URL: "https://shop.test/"}); got != "nobody at shop.test" {
		t.Errorf("got %q", got)
	}
	if got := <-asked; got != "me:secret shop.test:443" {
		t.Errorf("the proxy was asked for %q", got)
	}
	c.Close()
	s.CloseClientConnections()
}

func TestAClientShowsItsCertificate(t *testing.T) {
	s, a, pool := secure(t, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(a.Issue(t, "till 7"))
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}})
	defer c.Close()
	r, got := fetch(t, c, &Request{Method: "GET", URL: s.URL})
	if !strings.HasPrefix(got, "till 7 at ") {
		t.Errorf("got %q", got)
	}
	if r.Version != "HTTP/1.1" { // the test's server has no other
		t.Errorf("got %s", r.Version)
	}
	if _, err := c.Do(t.Context(), &Request{Method: "GET", URL: strings.Replace(s.URL, "127.0.0.1", "localhost", 1)}); kindOf(err) != KindTLS {
		t.Errorf("by another name: got %v", err)
	}
}

func TestABodyThatIsTooLargeEndsAtTheLimit(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 64 {
		w.Write(zeros)
	}
	w.Close()
	c, at := site(t, Config{MaxBody: 1 << 20}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		default:
			w.Write(zeros)
		}
	})
	for _, test := range []struct {
		path string
		most int64
		want Kind
	}{{"/bomb", 0, KindTooLarge}, {"/", 0, -1}, {"/", 1<<20 - 1, KindTooLarge}, {"/bomb", 64 << 20, -1}} {
		r, err := c.Do(t.Context(), &Request{Method: "GET", URL: at + test.path, MaxBody: test.most})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.All()
		if r.Close(); kindOf(err) != test.want {
			t.Errorf("%s with %d: got %v, want kind %d", test.path, test.most, err, test.want)
		}
		if err != nil && !strings.Contains(err.Error(), "max_body_size") {
			t.Errorf("%v does not say what to do", err)
		}
	}
}
