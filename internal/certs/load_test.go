package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/youmark/pkcs8"

	"github.com/puffstack/puff/internal/certs"
)

func block(t *testing.T, kind string, der []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func encrypted(t *testing.T, key *ecdsa.PrivateKey, password string) []byte {
	t.Helper()
	der, err := pkcs8.MarshalPrivateKey(key, []byte(password), nil)
	return block(t, "ENCRYPTED PRIVATE KEY", der, err)
}

// encryptedAsOf1993 is what openssl writes with -traditional.
func encryptedAsOf1993(t *testing.T, key *ecdsa.PrivateKey, password string) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 That such keys can be read is what the test is about.
	b, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte(password), x509.PEMCipherAES128)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(b)
}

func TestKeysOfEachKindAreRead(t *testing.T) {
	a := newAuthority(t)
	c, key := a.issue("a.test")
	a.write("a.pem", certPEM(c))
	sec1, err := x509.MarshalECPrivateKey(key)
	for name, data := range map[string][]byte{
		"PKCS #8":                         keyPEM(t, key),
		"SEC 1":                           block(t, "EC PRIVATE KEY", sec1, err),
		"PKCS #8, with a password":        encrypted(t, key, "secret"),
		"SEC 1, with a password":          encryptedAsOf1993(t, key, "secret"),
		"parameters of a curve before it": append(block(t, "EC PARAMETERS", []byte{6, 1, 0}, nil), keyPEM(t, key)...),
	} {
		pair := certs.Pair{Cert: filepath.Join(a.dir, "a.pem"), Key: a.write("a.key", data)}
		k, err := certs.Open(certs.Config{Pairs: []certs.Pair{pair}, Password: "secret"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := shown(t, k, "a.test"); got != "a.test" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestKeysOfEachAlgorithmAreRead(t *testing.T) {
	a := newAuthority(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edDER, edErr := x509.MarshalPKCS8PrivateKey(edKey)
	for _, c := range []struct {
		name   string
		public any
		key    []byte
	}{
		{"RSA", rsaKey.Public(), block(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)},
		{"Ed25519", edKey.Public(), block(t, "PRIVATE KEY", edDER, edErr)},
	} {
		cert := a.sign(&x509.Certificate{DNSNames: []string{"a.test"}}, c.public)
		pair := certs.Pair{Cert: a.write("a.pem", certPEM(cert)), Key: a.write("a.key", c.key)}
		k := open(t, certs.Config{Pairs: []certs.Pair{pair}})
		if _, _, err := shakes(t, k, &tls.Config{ServerName: "a.test", RootCAs: a.pool()}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTheCertificateThatTheClientCanVerifyIsChosen(t *testing.T) {
	a := newAuthority(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert := a.sign(&x509.Certificate{DNSNames: []string{"a.test"}}, key.Public())
	old := certs.Pair{
		Cert: a.write("rsa.pem", certPEM(cert)),
		Key:  a.write("rsa.key", block(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil)),
	}
	k := open(t, certs.Config{Pairs: []certs.Pair{a.pair("a", "a.test"), old}})
	for _, name := range []string{"a.test", ""} {
		_, client, err := shakes(t, k, &tls.Config{
			ServerName: name, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := client.ConnectionState().PeerCertificates[0].PublicKey.(*rsa.PublicKey); !ok {
			t.Errorf("%q: the client was shown what it cannot verify", name)
		}
	}
}

func TestFilesThatCannotBeUsedAreNamedWithTheCause(t *testing.T) {
	a := newAuthority(t)
	c, key := a.issue("a.test")
	_, otherKey := a.issue("other.test")
	whole, good := certPEM(c), keyPEM(t, key)
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw[:20]})
	brokenKey := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})
	for _, tt := range []struct {
		name      string
		cert, key []byte // nil: there is no such file
		password  string
		at, want  string
	}{
		{"no certificate", nil, good, "", "a.pem", "no such file"},
		{"no key", whole, nil, "", "a.key", "no such file"},
		{"empty", []byte("\n"), good, "", "a.pem", "it is empty"},
		{"DER", c.Raw, good, "", "a.pem", "it is not PEM but DER"},
		{"text", []byte("hello"), good, "", "a.pem", "it is not PEM"},
		{"a key for a certificate", good, good, "", "a.pem", "is it the key?"},
		{"a certificate for a key", whole, whole, "", "a.key", "is it the certificate?"},
		{"half a certificate", broken, good, "", "a.pem", "certificate 1 of it is malformed"},
		{"a broken key", whole, brokenKey, "", "a.key", "the key is malformed"},
		{"another's key", whole, keyPEM(t, otherKey), "", "a.key", "it does not match the certificate"},
		{"the authority first", append(certPEM(a.cert), whole...), good, "", "a.key", "it does not match the certificate"},
		{"no password", whole, encrypted(t, key, "secret"), "", "a.key", "it is encrypted: set tls-key-password"},
		{"a wrong password", whole, encrypted(t, key, "secret"), "guess", "a.key", "the password of tls-key-password is not"},
		{"no old password", whole, encryptedAsOf1993(t, key, "secret"), "", "a.key", "it is encrypted: set tls-key-password"},
		{"a wrong old password", whole, encryptedAsOf1993(t, key, "secret"), "guess", "a.key", "the password of tls-key-password is not"},
	} {
		a.dir = t.TempDir()
		pair := certs.Pair{Cert: filepath.Join(a.dir, "a.pem"), Key: filepath.Join(a.dir, "a.key")}
		for name, data := range map[string][]byte{"a.pem": tt.cert, "a.key": tt.key} {
			if data != nil {
				a.write(name, data)
			}
		}
		_, err := certs.Open(certs.Config{Pairs: []certs.Pair{pair}, Password: tt.password})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(a.dir, tt.at)) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q about %s", tt.name, err, tt.want, tt.at)
		}
	}
}

func TestAuthoritiesThatCannotBeReadAreNamed(t *testing.T) {
	a := newAuthority(t)
	pair := a.pair("a", "a.test")
	for name, want := range map[string]string{
		filepath.Join(a.dir, "none"): "no such file",
		pair.Key:                     "there is no certificate in it",
	} {
		_, err := certs.Open(certs.Config{Pairs: []certs.Pair{pair}, CA: name})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q about %s", err, want, name)
		}
	}
}

func TestDatesThatClientsRefuseAreWarnedOf(t *testing.T) {
	a := newAuthority(t)
	now := time.Now()
	for _, c := range []struct {
		from, to time.Time
		want     string
	}{
		{now.Add(-2 * time.Hour), now.Add(-time.Hour), "out of date"},
		{now.Add(time.Hour), now.Add(2 * time.Hour), "not valid yet"},
	} {
		key := newKey(t)
		cert := a.sign(&x509.Certificate{DNSNames: []string{"a.test"}, NotBefore: c.from, NotAfter: c.to}, key.Public())
		pair := certs.Pair{Cert: a.write("a.pem", certPEM(cert)), Key: a.write("a.key", keyPEM(t, key))}
		var log journal
		open(t, certs.Config{Pairs: []certs.Pair{pair}, Logger: log.logger()})
		if !strings.Contains(log.String(), c.want) || !strings.Contains(log.String(), "a.pem") {
			t.Errorf("got %q, want %q", log.String(), c.want)
		}
	}
	var log journal
	open(t, certs.Config{Pairs: []certs.Pair{a.pair("a", "a.test")}, Logger: log.logger()})
	if !bytes.Equal([]byte(log.String()), nil) {
		t.Errorf("got %q about a good one", log.String())
	}
}
