package asgi

// The extension "tls" of a scope: what client and server have shown each other.

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
)

// extension returns the encoded dict, which the requests of a connection share.
func extension(t *httpserver.TLS) []byte {
	b, _ := t.Memo(func(t *httpserver.TLS) any {
		b, err := py.Append(nil, describe(t))
		if err != nil {
			return []byte{byte(py.TagNone)} // of texts and numbers, none fails
		}
		return b
	}).([]byte)
	return b
}

// describe follows the TLS extension of ASGI, version 0.2. A client whose certificate is not
// good gets no connection, so that there is never an error to tell.
func describe(t *httpserver.TLS) py.Dict {
	var server, name any
	if t.Certificate != nil {
		server = toPEM(t.Certificate)
	}
	chain := []any{}
	for _, c := range t.PeerCertificates {
		chain = append(chain, toPEM(c))
	}
	if len(t.PeerCertificates) > 0 {
		name = subject(t.PeerCertificates[0])
	}
	return py.Dict{
		{"server_cert", server},
		{"client_cert_chain", chain},
		{"client_cert_name", name},
		{"client_cert_error", nil},
		{"tls_version", int(t.Version)},
		{"cipher_suite", int(t.CipherSuite)},
	}
}

func toPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// subject returns whom a certificate is for, as RFC 4514 writes it: in the order of the
// certificate itself, the last first.
func subject(c *x509.Certificate) string {
	var names pkix.RDNSequence
	if _, err := asn1.Unmarshal(c.RawSubject, &names); err != nil {
		return c.Subject.String()
	}
	return names.String()
}
