package certs_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/certs"
)

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	dir  string
	next int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t), dir: t.TempDir()}
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, a.key.Public())
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(c *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	a.t.Helper()
	a.next++
	c.SerialNumber = big.NewInt(a.next)
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return x
}

// issue returns a certificate for names, and its key.
func (a *authority) issue(names ...string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key := newKey(a.t)
	return a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names}, key.Public()), key
}

// pair writes a certificate for names and its key into files called base.
func (a *authority) pair(base string, names ...string) certs.Pair {
	a.t.Helper()
	c, key := a.issue(names...)
	return certs.Pair{Cert: a.write(base+".pem", certPEM(c)), Key: a.write(base+".key", keyPEM(a.t, key))}
}

// write puts a file in the place of another, as tools that renew certificates do.
func (a *authority) write(name string, data []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// shakes returns both ends of a connection that is made with k.
func shakes(t *testing.T, k *certs.Keeper, client *tls.Config) (serverEnd, clientEnd *tls.Conn, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure := k.Listen(l)
	defer secure.Close()
	done := make(chan error, 1)
	go func() {
		c, err := secure.Accept()
		if err == nil {
			serverEnd = c.(*tls.Conn)
			err = serverEnd.Handshake()
		}
		done <- err
	}()
	clientEnd, clientErr := tls.Dial("tcp", l.Addr().String(), client)
	serverErr := <-done
	t.Cleanup(func() {
		if clientEnd != nil {
			clientEnd.Close()
		}
		serverEnd.Close()
	})
	if serverErr != nil {
		return serverEnd, clientEnd, serverErr
	}
	return serverEnd, clientEnd, clientErr
}

// shown returns the first name of the certificate that a client which asks for name is shown.
func shown(t *testing.T, k *certs.Keeper, name string) string {
	t.Helper()
	server, client, err := shakes(t, k, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	leaf := client.ConnectionState().PeerCertificates[0]
	if noted := server.NetConn().(*certs.Conn).Certificate(); noted == nil || !noted.Equal(leaf) {
		t.Errorf("%s: the server notes %v, the client sees %v", name, noted, leaf)
	}
	return leaf.Subject.CommonName
}

func open(t *testing.T, c certs.Config) *certs.Keeper {
	t.Helper()
	k, err := certs.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTheNameChoosesTheCertificate(t *testing.T) {
	a := newAuthority(t)
	k := open(t, certs.Config{Pairs: []certs.Pair{
		a.pair("default", "default.test"),
		a.pair("wild", "*.example.test"),
		a.pair("exact", "www.example.test", "other.test"),
	}})
	for name, want := range map[string]string{
		"":                   "default.test",
		"unknown.test":       "default.test",
		"default.test":       "default.test",
		"a.example.test":     "*.example.test",
		"WWW.Example.test":   "www.example.test",
		"www.example.test":   "www.example.test",
		"other.test":         "www.example.test",
		"example.test":       "default.test",
		"a.b.example.test":   "default.test",
		"xwww.example.test":  "*.example.test",
		"www.example.test.x": "default.test",
	} {
		if got := shown(t, k, name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

func TestTheWholeChainIsShown(t *testing.T) {
	a := newAuthority(t)
	c, key := a.issue("a.test")
	// Both in one file, with remarks between, as some tools write it.
	both := a.write("both.pem", bytes.Join([][]byte{keyPEM(t, key), []byte("the chain\n"), certPEM(c), certPEM(a.cert)}, nil))
	k := open(t, certs.Config{Pairs: []certs.Pair{{Cert: both, Key: both}}})
	_, client, err := shakes(t, k, &tls.Config{ServerName: "a.test", RootCAs: a.pool()})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(client.ConnectionState().PeerCertificates); got != 2 {
		t.Errorf("got %d certificates, want 2", got)
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	a := newAuthority(t)
	k := open(t, certs.Config{Pairs: []certs.Pair{a.pair("a", "a.test")}})
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		_, _, err := shakes(t, k, &tls.Config{
			ServerName: "a.test", RootCAs: a.pool(), MinVersion: version, MaxVersion: version,
		})
		if (err == nil) != ok {
			t.Errorf("%s: got %v, want success %t", tls.VersionName(version), err, ok)
		}
	}
}

func TestClientsShowCertificatesAsTheyMust(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	known := certificateOf(a.issue("client"))
	unknown := certificateOf(stranger.issue("client"))
	ca := a.write("ca.pem", certPEM(a.cert))
	for _, c := range []struct {
		name string
		auth tls.ClientAuthType
		cert *tls.Certificate
		ok   bool
		seen int
	}{
		{"not asked", tls.NoClientCert, known, true, 0},
		{"optional, none", tls.VerifyClientCertIfGiven, nil, true, 0},
		{"optional, known", tls.VerifyClientCertIfGiven, known, true, 1},
		{"optional, unknown", tls.VerifyClientCertIfGiven, unknown, false, 0},
		{"required, none", tls.RequireAndVerifyClientCert, nil, false, 0},
		{"required, known", tls.RequireAndVerifyClientCert, known, true, 1},
		{"required, unknown", tls.RequireAndVerifyClientCert, unknown, false, 0},
	} {
		k := open(t, certs.Config{Pairs: []certs.Pair{a.pair("a", "a.test")}, ClientAuth: c.auth, CA: ca})
		config := &tls.Config{ServerName: "a.test", RootCAs: a.pool()}
		if c.cert != nil {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.cert, nil }
		}
		server, _, err := shakes(t, k, config)
		if (err == nil) != c.ok {
			t.Errorf("%s: got %v, want success %t", c.name, err, c.ok)
			continue
		}
		if got := len(server.ConnectionState().PeerCertificates); c.ok && got != c.seen {
			t.Errorf("%s: the server sees %d certificates, want %d", c.name, got, c.seen)
		}
	}
}

func certificateOf(c *x509.Certificate, key *ecdsa.PrivateKey) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

func TestProtocolsAreAgreedOn(t *testing.T) {
	a := newAuthority(t)
	k := open(t, certs.Config{Pairs: []certs.Pair{a.pair("a", "a.test")}, Protocols: []string{"h2", "http/1.1"}})
	for _, c := range []struct {
		offered []string
		want    string
	}{{nil, ""}, {[]string{"http/1.1"}, "http/1.1"}, {[]string{"http/1.1", "h2"}, "h2"}} {
		_, client, err := shakes(t, k, &tls.Config{ServerName: "a.test", RootCAs: a.pool(), NextProtos: c.offered})
		if err != nil {
			t.Fatal(err)
		}
		if got := client.ConnectionState().NegotiatedProtocol; got != c.want {
			t.Errorf("%q: got %q, want %q", c.offered, got, c.want)
		}
	}
}

func TestWhatIsReadAgainIsShownToNewConnections(t *testing.T) {
	a := newAuthority(t)
	pair := a.pair("a", "old.test")
	k := open(t, certs.Config{Pairs: []certs.Pair{pair}})
	server, client, err := shakes(t, k, &tls.Config{ServerName: "old.test", RootCAs: a.pool()})
	if err != nil {
		t.Fatal(err)
	}
	a.pair("a", "new.test")
	if err := k.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, k, "new.test"); got != "new.test" {
		t.Errorf("got %s, want new.test", got)
	}
	// The connection from before goes on.
	if _, err := server.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func TestSessionsOutliveWhatIsReadAgain(t *testing.T) {
	a := newAuthority(t)
	k := open(t, certs.Config{Pairs: []certs.Pair{a.pair("a", "a.test")}})
	config := &tls.Config{ServerName: "a.test", RootCAs: a.pool(), ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for i := range 2 {
		server, client, err := shakes(t, k, config)
		if err != nil {
			t.Fatal(err)
		}
		if got := client.ConnectionState().DidResume; got != (i > 0) {
			t.Errorf("connection %d: resumed %t", i, got)
		}
		// The ticket comes before what is written.
		if _, err := server.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := k.Reload(); err != nil {
			t.Fatal(err)
		}
	}
}

// journal is a log one may read.
type journal struct {
	mu sync.Mutex

	b bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// until waits for what the keeper does by itself.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting for %s", what)
		}
	}
}

func TestFilesThatChangeAreReadAgain(t *testing.T) {
	a := newAuthority(t)
	var log journal
	k := open(t, certs.Config{
		Pairs: []certs.Pair{a.pair("a", "old.test")}, Interval: time.Millisecond, Logger: log.logger(),
	})
	var group sync.WaitGroup
	defer group.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	group.Go(func() { k.Run(ctx) })

	// A certificate without its key is not used, and somebody hears of it.
	c, key := a.issue("new.test")
	a.write("a.pem", certPEM(c))
	until(t, "the complaint", func() bool { return strings.Contains(log.String(), "does not match") })
	if got := shown(t, k, ""); got != "old.test" {
		t.Errorf("got %s, want old.test", got)
	}
	// Nor is one that is gone.
	if err := os.Remove(filepath.Join(a.dir, "a.key")); err != nil {
		t.Fatal(err)
	}
	until(t, "the next complaint", func() bool { return strings.Contains(log.String(), "no such file") })
	if got := shown(t, k, ""); got != "old.test" {
		t.Errorf("got %s, want old.test", got)
	}
	a.write("a.key", keyPEM(t, key))
	until(t, "the new certificate", func() bool { return shown(t, k, "") == "new.test" })
	until(t, "a word about it", func() bool { return strings.Contains(log.String(), "read again") })
}
