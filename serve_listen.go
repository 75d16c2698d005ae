package puff

// What stands between a worker's sockets and the HTTP engine: the PROXY protocol, TLS, and
// whom to believe about clients.

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/forwarded"
	"github.com/puffstack/puff/internal/certs"
	"github.com/puffstack/puff/internal/proxied"
)

// clientAuth says what --tls-client-auth means.
var clientAuth = map[string]tls.ClientAuthType{
	"off": tls.NoClientCert, "optional": tls.VerifyClientCertIfGiven, "required": tls.RequireAndVerifyClientCert,
}

// alpn lists what --http has a server offer to clients of TLS, the best first.
var alpn = map[string][]string{"auto": {"http/1.1"}, "1": {"http/1.1"}, "2": {"http/1.1"}}

// openCertificates reads the certificates; nil: there is no TLS.
func openCertificates(s *ServeConfig, log *slog.Logger) (*certs.Keeper, error) {
	if len(s.TLSCert) == 0 {
		return nil, nil
	}
	c := certs.Config{
		Password: s.TLSKeyPassword, CA: s.TLSCA, ClientAuth: clientAuth[s.TLSClientAuth], Protocols: alpn[s.HTTP], Logger: log,
	}
	for i := range s.TLSCert {
		c.Pairs = append(c.Pairs, certs.Pair{Cert: s.TLSCert[i], Key: s.TLSKey[i]})
	}
	return certs.Open(c)
}

// front puts in front of the engine what the configuration asks for, and looks after the
// certificates until ctx ends. The header of the PROXY protocol comes before TLS.
func (w *worker) front(ctx context.Context, all []net.Listener) []net.Listener {
	if w.certs != nil {
		go w.certs.Run(ctx) // ends with the process
	}
	for i := range all {
		if w.config.ProxyProtocol {
			all[i] = proxied.Listen(all[i], proxied.Config{From: w.config.ProxyAllowFrom, Logger: w.log})
		}
		if w.certs != nil {
			all[i] = w.certs.Listen(all[i])
		}
	}
	return all
}

// filters lists what sees a request before the application does. The first asks who the
// peer is, the second may replace that by its client, of which those that watch tell.
func (w *worker) filters() []httpserver.Filter {
	all := []httpserver.Filter{w.observer.names()}
	if from := w.config.ForwardedAllowIPs; len(from) > 0 {
		all = append(all, forwarded.New(from))
	}
	return append(all, w.observer.filters()...)
}
