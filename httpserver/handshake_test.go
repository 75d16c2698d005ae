package httpserver

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// certificate returns one for "test", and a client's configuration that trusts it.
func certificate(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, &tls.Config{RootCAs: pool, ServerName: "test"}
}

// certified is a connection that knows what was shown on it.
type certified struct {
	net.Conn
	leaf *x509.Certificate
}

func (c *certified) Certificate() *x509.Certificate { return c.leaf }
func (c *certified) NetConn() net.Conn              { return c.Conn }

// tlsListener is a listener for HTTPS.
type tlsListener struct {
	net.Listener
	config *tls.Config
	leaf   *x509.Certificate
}

func (l *tlsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(&certified{c, l.leaf}, l.config), nil
}

// openTLS starts a server for HTTPS, and returns it and the configuration of its clients.
func openTLS(t *testing.T, c Config, h script) (*site, *tls.Config) {
	t.Helper()
	checkLeaks(t)
	cert, config := certificate(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Handler = direct(h)
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	return serveOn(t, c, &tlsListener{ln, server, cert.Leaf}), config
}

// dialTLS returns a client whose handshake is done.
func (s *site) dialTLS(t *testing.T, config *tls.Config) *client {
	t.Helper()
	nc, err := tls.Dial("tcp", s.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, nc)
}

func TestRequestsOfHTTPSSaySo(t *testing.T) {
	var seen Request
	s, config := openTLS(t, Config{}, func(x *Exchange, _ func(func())) {
		seen = Request{Scheme: x.Scheme, TLS: x.TLS, Remote: x.Remote, Local: x.Local}
		n := x.TLS.Memo(func(*TLS) any { return new(int) }).(*int)
		*n++
		x.Respond(&Head{Status: 200}, []byte(strings.Repeat("x", *n)))
	})
	c := s.dialTLS(t, config)
	for want := range 3 {
		if got := c.get("/").body; len(got) != want+1 {
			t.Errorf("request %d got %q: the memo is not that of the connection", want, got)
		}
	}
	if seen.Scheme != "https" || !seen.TLS.HandshakeComplete || seen.TLS.Version != tls.VersionTLS13 {
		t.Errorf("got %+v", seen)
	}
	if seen.TLS.Certificate == nil || seen.TLS.Certificate.DNSNames[0] != "test" {
		t.Errorf("got the certificate %v, want that of test", seen.TLS.Certificate)
	}
	if seen.Remote.String() != c.LocalAddr().String() || seen.Local.String() != s.addr {
		t.Errorf("got %s to %s", seen.Remote, seen.Local)
	}
}

func TestBigBodiesAndFilesTravelOverTLS(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	name := t.TempDir() + "/big"
	if err := os.WriteFile(name, big, 0o600); err != nil {
		t.Fatal(err)
	}
	s, config := openTLS(t, Config{}, func(x *Exchange, do func(func())) {
		if string(x.Method) == "POST" {
			echo(x, do)
			return
		}
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			x.Abort()
			return
		}
		x.Start(&Head{Status: 200})
		x.SendFile(f, 16, int64(len(big))-16)
		x.Finish(nil)
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	defer client.CloseIdleConnections()
	for method, want := range map[string][]byte{"GET": big[16:], "POST": big} {
		r, err := http.NewRequest(method, "https://"+s.addr, bytes.NewReader(big))
		if err != nil {
			t.Fatal(err)
		}
		if method == "GET" {
			r.Body, r.ContentLength = nil, 0
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v, want %d", method, len(got), err, len(want))
		}
	}
}

func TestAClientThatIsSlowToShakeHandsKeepsNobodyWaiting(t *testing.T) {
	s, config := openTLS(t, Config{HeadTimeout: time.Hour}, hello)
	for range 8 {
		s.dial(t).send("\x16\x03\x01")
	}
	if got := s.dialTLS(t, config).get("/next").body; got != "/next" {
		t.Errorf("got %q", got)
	}
}

func TestAHandshakeHasADeadline(t *testing.T) {
	s, _ := openTLS(t, Config{HeadTimeout: 20 * time.Millisecond}, hello)
	c := s.dial(t)
	c.send("\x16\x03\x01")
	c.ended()
}

func TestAHandshakeUnderWayDoesNotHoldAShutdown(t *testing.T) {
	s, _ := openTLS(t, Config{HeadTimeout: time.Hour, DrainGrace: time.Millisecond}, hello)
	s.dial(t).send("\x16\x03\x01")
	until(t, "the connection", func() bool { return s.Stats().Connections == 1 })
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestWhoSpeaksHTTPToAPortForHTTPSIsTold(t *testing.T) {
	s, _ := openTLS(t, Config{}, hello)
	c := s.dial(t)
	r := c.get("/")
	if r.StatusCode != 400 || !strings.Contains(r.body, "use https") {
		t.Errorf("got %d %q", r.StatusCode, r.body)
	}
	c.ended()
}

func TestAnAnswerThatIsCutDoesNotEndWellOverTLS(t *testing.T) {
	s, config := openTLS(t, Config{}, func(x *Exchange, _ func(func())) {
		x.Peer = cutter{}
		x.Start(&Head{Status: 200})
		x.Write([]byte("half"))
	})
	c := s.dialTLS(t, config)
	c.send("GET / HTTP/1.0\r\n\r\n")
	r := c.answer("GET")
	if r.body != "half" || !isReset(r.err) {
		t.Errorf("got %q, %v, want half and no proper end", r.body, r.err)
	}
}

// cutter aborts when something was written.
type cutter struct{}

func (cutter) Written(x *Exchange, _ int)   { x.Abort() }
func (cutter) Body(*Exchange, []byte, bool) {}
func (cutter) Closed(x *Exchange, _ error)  { x.Abort() }

func TestAnAnswerThatEndsEndsWellOverTLS(t *testing.T) {
	s, config := openTLS(t, Config{}, func(x *Exchange, _ func(func())) {
		x.Start(&Head{Status: 200})
		x.Write([]byte("whole"))
		x.Finish(nil)
	})
	c := s.dialTLS(t, config)
	c.send("GET / HTTP/1.0\r\n\r\n")
	if r := c.answer("GET"); r.body != "whole" || r.err != nil {
		t.Errorf("got %q, %v, want whole", r.body, r.err)
	}
}

// greeted is a connection whose client says who it is before it speaks HTTP.
type greeted struct {
	net.Conn
	from net.Addr
}

func (c *greeted) Handshake() error {
	b := make([]byte, 1)
	if _, err := io.ReadFull(c.Conn, b); err != nil {
		return err
	}
	if b[0] != '!' {
		return errors.New("no greeting")
	}
	c.from = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 99}
	return nil
}

func (c *greeted) RemoteAddr() net.Addr {
	if c.from != nil {
		return c.from
	}
	return c.Conn.RemoteAddr()
}

type greetedListener struct{ net.Listener }

func (l greetedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &greeted{Conn: c}, nil
}

func TestAConnectionMaySayWhoItsClientIs(t *testing.T) {
	roadsAt(t, func(t *testing.T, configure configurer) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := serveOn(t, configure(Config{}, func(x *Exchange, _ func(func())) {
			x.Respond(&Head{Status: 200}, []byte(x.Remote.String()))
		}), greetedListener{ln})
		c := s.dial(t)
		c.send("!")
		if got := c.get("/").body; got != "192.0.2.1:99" {
			t.Errorf("got %q", got)
		}
		other := s.dial(t)
		other.send("?")
		other.ended()
	})
}

func TestAFilterThatChangesARequestChangesNoOther(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		filter := func(next Handler) Handler {
			return direct(func(x *Exchange, _ func(func())) {
				if string(x.Path) == "/changed" {
					x.Scheme = "https"
				}
				next.Handle(x)
			})
		}
		s := open(t, Config{Filters: []Filter{filter}}, func(x *Exchange, _ func(func())) {
			x.Respond(&Head{Status: 200}, []byte(x.Scheme))
		})
		c := s.dial(t)
		for path, want := range map[string]string{"/changed": "https", "/": "http"} {
			for range 2 {
				if got := c.get(path).body; got != want {
					t.Errorf("%s: got %q, want %q", path, got, want)
				}
			}
		}
	})
}
