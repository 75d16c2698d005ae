package puff

// The HTTP clients of a process.

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/puffstack/puff/httpclient"
)

// httpNamed returns the client of an entry of [[http_client]].
func (s *services) httpNamed(name string) (*httpclient.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.http[name]; c != nil {
		return c, nil
	}
	config, err := s.configured()
	if err != nil {
		return nil, err
	}
	entry, err := entryNamed(config.HTTPClient, "http_client", name, func(h *HTTPClient) string { return h.Name })
	if err != nil {
		return nil, err
	}
	if s.http == nil {
		s.http = map[string]*httpclient.Client{}
	}
	trust, err := entry.tls()
	if err != nil {
		return nil, fmt.Errorf("use http_client %q: %w", name, err)
	}
	s.http[name] = httpclient.New(httpclient.Config{
		MaxBody: int64(entry.MaxBodySize), Proxy: entry.Proxy, TLS: trust,
		HTTP2PriorKnowledge: entry.HTTP2PriorKnowledge, MaxIdleConnections: entry.MaxIdleConnections,
		UserAgent: entry.UserAgent, Timeout: orNone(entry.Timeout), ConnectTimeout: entry.ConnectTimeout,
	})
	return s.http[name], nil
}

// tls reads the files of the entry; nil is what everybody has.
func (h *HTTPClient) tls() (*tls.Config, error) {
	if h.TLSCA == "" && h.TLSCert == "" && h.TLSKey == "" && h.TLSVerify {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !h.TLSVerify}
	if h.TLSCA != "" {
		pem, err := os.ReadFile(h.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("read tls_ca: %v", err) // as its cause alone Python would not hear of the key
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read tls_ca: %s has no certificate in PEM", h.TLSCA)
		}
	}
	if h.TLSCert != "" || h.TLSKey != "" {
		pair, err := tls.LoadX509KeyPair(h.TLSCert, h.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("read tls_cert and tls_key: %v", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
