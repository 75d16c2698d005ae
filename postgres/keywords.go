package postgres

// Keywords of libpq that pgconn passes on to the server, which knows none of them: those
// that mean something here, those that ask for what there is not, and those that may be
// left out.

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// notForServer are keywords that say how to connect.
var notForServer = []string{
	"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
	"fallback_application_name", "gssencmode", "sslcompression", "sslcrl", "sslcrldir", "requirepeer",
	"ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname",
	"gsslib", "gssdelegation", "load_balance_hosts", "hostaddr", "replication_", "authtype", "tty",
	"sslkeylogfile",
}

// safety are keywords whose meaning is a promise that is not kept here: to leave them
// out in silence would be worse than to refuse them. Each has the values that promise
// nothing.
var safety = map[string][]string{
	"sslcrl": {""}, "sslcrldir": {""}, "requirepeer": {""}, "gssencmode": {"", "disable", "prefer"},
}

// protocols are the versions of TLS as libpq writes them.
var protocols = map[string]uint16{
	"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

// parse reads a URL, or libpq's text of keywords; pgconn adds what the environment says.
func parse(text string) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	said := config.RuntimeParams
	for word, harmless := range safety {
		if v, ok := said[word]; ok && !slices.Contains(harmless, v) {
			return nil, fmt.Errorf("%s=%s asks for what Puff's driver does not do", word, v)
		}
	}
	if address := said["hostaddr"]; address != "" {
		if filepath.IsAbs(config.Host) && len(config.Fallbacks) == 0 { // no host was given
			return parse(withHost(text, address))
		}
		if err := placed(config, strings.Split(address, ",")); err != nil {
			return nil, err
		}
	}
	return config, limited(config, said["ssl_min_protocol_version"], said["ssl_max_protocol_version"])
}

// withHost adds a host to a text that has none.
func withHost(text, host string) string {
	if !strings.Contains(text, "://") {
		return text + " host=" + host
	}
	sign := "?"
	if strings.Contains(text, "?") {
		sign = "&"
	}
	return text + sign + "host=" + host
}

// placed has hosts be where addresses say, one each; their names are still those that
// certificates must have.
func placed(config *pgconn.Config, addresses []string) error {
	hosts := []*string{&config.Host}
	for _, f := range config.Fallbacks {
		hosts = append(hosts, &f.Host)
	}
	var names []string
	for _, h := range hosts { // each stands there with TLS and without
		if len(names) == 0 || names[len(names)-1] != *h {
			names = append(names, *h)
		}
	}
	if len(names) != len(addresses) {
		return fmt.Errorf("hostaddr has %d addresses for %d hosts", len(addresses), len(names))
	}
	at := 0
	for _, h := range hosts {
		if *h != names[at] {
			at++
		}
		*h = addresses[at]
	}
	return nil
}

// limited sets the versions of TLS that may be spoken.
func limited(config *pgconn.Config, least, most string) error {
	all := []*tls.Config{config.TLSConfig}
	for _, f := range config.Fallbacks {
		all = append(all, f.TLSConfig)
	}
	for word, set := range map[string]func(*tls.Config, uint16){
		least: func(c *tls.Config, v uint16) { c.MinVersion = v },
		most:  func(c *tls.Config, v uint16) { c.MaxVersion = v },
	} {
		if word == "" {
			continue
		}
		version, ok := protocols[word]
		if !ok {
			return fmt.Errorf("%q is no version of TLS: TLSv1.2 and TLSv1.3 are", word)
		}
		for _, c := range all {
			if c != nil {
				set(c, version)
			}
		}
	}
	return nil
}
