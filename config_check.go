package puff

// What settings of "puff serve" have to do with each other. Each of them alone
// was checked when it was read.

import (
	"fmt"

	"github.com/puffstack/puff/httpserver/accesslog"
)

// Check refuses settings that do not go together.
func (s *ServeConfig) Check() error {
	for _, c := range conflicts {
		if problem := c.problem(s); problem != "" {
			return &ValueError{From: s.Origin(c.setting), Problem: problem}
		}
	}
	return nil
}

// conflicts is never changed. A problem is blamed on the setting's origin.
var conflicts = []struct {
	setting string
	problem func(s *ServeConfig) string
}{
	{"tls-cert", func(s *ServeConfig) string {
		if len(s.TLSCert) > len(s.TLSKey) {
			return fmt.Sprintf("%s has no key: name it with tls-key in the same place", s.TLSCert[len(s.TLSKey)])
		}
		return ""
	}},
	{"tls-key", func(s *ServeConfig) string {
		if len(s.TLSKey) > len(s.TLSCert) {
			return fmt.Sprintf("%s has no certificate: name it with tls-cert in the same place", s.TLSKey[len(s.TLSCert)])
		}
		return ""
	}},
	{"tls-client-auth", func(s *ServeConfig) string {
		switch {
		case s.TLSClientAuth == "off":
		case len(s.TLSCert) == 0:
			return "clients show certificates over TLS only: set tls-cert and tls-key"
		case s.TLSCA == "":
			return "nobody is named who signs the clients: set tls-ca"
		}
		return ""
	}},
	{"proxy-protocol", func(s *ServeConfig) string {
		if s.ProxyProtocol && len(s.ProxyAllowFrom) == 0 {
			return "nobody may speak it: set proxy-allow-from"
		}
		return ""
	}},
	{"max-requests-jitter", func(s *ServeConfig) string {
		if s.MaxRequestsJitter > 0 && s.MaxRequests == 0 {
			return "it adds to max-requests, which is not set"
		}
		return ""
	}},
	{"access-log", func(s *ServeConfig) string {
		if _, err := accesslog.Parse(s.AccessLog); err != nil && s.AccessLog != "off" {
			return err.Error()
		}
		return ""
	}},
	{"limit-queue", func(s *ServeConfig) string {
		if s.LimitQueue > 0 && s.LimitConcurrency == 0 {
			return "nothing waits without limit-concurrency: set that too"
		}
		return ""
	}},
}
