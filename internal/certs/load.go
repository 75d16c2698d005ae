package certs

// Reading certificates: all of them, or an error that says which file is at fault.

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// set is what was read at one time. It does not change.
type set struct {
	config   *tls.Config
	pairs    []Pair
	certs    []tls.Certificate
	exact    map[string][]*tls.Certificate
	wildcard map[string][]*tls.Certificate // "*.example.org" by "example.org"
}

func loadSet(c *Config) (*set, error) {
	s := &set{
		pairs: c.Pairs, exact: map[string][]*tls.Certificate{}, wildcard: map[string][]*tls.Certificate{},
	}
	// GetCertificate is asked about every client only where there are no Certificates.
	s.config = &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: c.Protocols, ClientAuth: c.ClientAuth, GetCertificate: s.choose,
	}
	for _, p := range c.Pairs {
		cert, err := loadPair(p, c.Password)
		if err != nil {
			return nil, err
		}
		s.certs = append(s.certs, *cert)
	}
	for i := range s.certs {
		s.index(&s.certs[i])
	}
	if c.CA != "" {
		pool, err := loadCA(c.CA)
		if err != nil {
			return nil, err
		}
		s.config.ClientCAs = pool
	}
	return s, nil
}

// index notes the names that a certificate is for.
func (s *set) index(c *tls.Certificate) {
	for _, name := range c.Leaf.DNSNames {
		name = strings.ToLower(name)
		if rest, ok := strings.CutPrefix(name, "*."); ok {
			s.wildcard[rest] = append(s.wildcard[rest], c)
		} else {
			s.exact[name] = append(s.exact[name], c)
		}
	}
}

// choose returns the certificate for a client, and notes it on a connection of a Listener.
func (s *set) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c := s.find(hello)
	if conn, ok := hello.Conn.(*Conn); ok {
		conn.shown.Store(c.Leaf)
	}
	return c, nil
}

func (s *set) find(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	_, parent, _ := strings.Cut(name, ".")
	for _, candidates := range [][]*tls.Certificate{s.exact[name], s.wildcard[parent]} {
		for _, c := range candidates {
			if hello.SupportsCertificate(c) == nil {
				return c
			}
		}
	}
	// For want of a name one that the client can verify will do, such as ECDSA beside RSA.
	if name == "" {
		for i := range s.certs {
			if c := &s.certs[i]; hello.SupportsCertificate(c) == nil {
				return c
			}
		}
	}
	return &s.certs[0]
}

// warn says which certificates clients will refuse for their dates.
func (s *set) warn(log *slog.Logger, now time.Time) {
	for i, c := range s.certs {
		switch {
		case now.After(c.Leaf.NotAfter):
			log.Warn("a certificate is out of date", "file", s.pairs[i].Cert, "since", c.Leaf.NotAfter.Format(time.DateTime))
		case now.Before(c.Leaf.NotBefore):
			log.Warn("a certificate is not valid yet", "file", s.pairs[i].Cert, "until", c.Leaf.NotBefore.Format(time.DateTime))
		}
	}
}

// loadPair reads a certificate and its key, and checks that they belong together.
func loadPair(p Pair, password string) (*tls.Certificate, error) {
	chain, err := loadChain(p.Cert)
	if err != nil {
		return nil, err
	}
	key, err := loadKey(p.Key, password)
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("read key %s: it does not match the certificate %s, of which the first must be the server's own",
			p.Key, p.Cert)
	}
	c := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, x := range chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	return c, nil
}

// loadChain reads a certificate and those that follow it.
func loadChain(name string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	chain, err := parseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", name, err)
	}
	return chain, nil
}

// loadCA reads authorities.
func loadCA(name string) (*x509.CertPool, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	all, err := parseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("read authorities %s: %w", name, err)
	}
	pool := x509.NewCertPool()
	for _, c := range all {
		pool.AddCert(c)
	}
	return pool, nil
}

func parseCertificates(data []byte) (all []*x509.Certificate, err error) {
	blocks := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of it is malformed: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	switch {
	case len(all) > 0:
		return all, nil
	case blocks > 0:
		return nil, errors.New("there is no certificate in it, only something else; is it the key?")
	}
	return nil, notPEM(data)
}

// notPEM says what a file may be that is not what is wanted.
func notPEM(data []byte) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("it is empty")
	case data[0] == 0x30:
		return errors.New(`it is not PEM but DER; "openssl x509 -inform der" or "openssl pkey -inform der" turns it into PEM`)
	}
	return errors.New("it is not PEM")
}
