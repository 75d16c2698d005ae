package postgres

import (
	"strings"
	"testing"
)

func TestKeywordsOfLibpqMeanWhatTheySayOrAreRefused(t *testing.T) {
	t.Setenv("PGHOST", "")
	for _, test := range []struct{ in, hosts, names string }{
		{"hostaddr=10.0.0.1 sslmode=verify-full", "10.0.0.1", "10.0.0.1"},
		{"postgres://u@/db?hostaddr=10.0.0.1&sslmode=verify-full", "10.0.0.1", "10.0.0.1"},
		{"host=a hostaddr=10.0.0.1 sslmode=verify-full", "10.0.0.1", "a"},
		{"host=a,b hostaddr=10.0.0.1,10.0.0.2 sslmode=verify-full", "10.0.0.1 10.0.0.2", "a b"},
		{"host=a,b hostaddr=10.0.0.1,10.0.0.2", "10.0.0.1 10.0.0.1 10.0.0.2 10.0.0.2", "a - b -"},
	} {
		c, err := parse(test.in)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		hosts, names := []string{c.Host}, []string{"-"}
		if c.TLSConfig != nil {
			names[0] = c.TLSConfig.ServerName
		}
		for _, f := range c.Fallbacks {
			hosts = append(hosts, f.Host)
			name := "-"
			if f.TLSConfig != nil {
				name = f.TLSConfig.ServerName
			}
			names = append(names, name)
		}
		if got := strings.Join(hosts, " "); got != test.hosts {
			t.Errorf("%s: got hosts %s, want %s", test.in, got, test.hosts)
		}
		if got := strings.Join(names, " "); got != test.names {
			t.Errorf("%s: got names %s, want %s", test.in, got, test.names)
		}
	}
	for in, want := range map[string]string{
		"host=a,b hostaddr=10.0.0.1":              "1 addresses for 2 hosts",
		"host=a sslcrl=/x":                        "sslcrl",
		"host=a requirepeer=root":                 "requirepeer",
		"host=a gssencmode=require":               "gssencmode",
		"host=a ssl_min_protocol_version=TLSv9":   "TLSv9",
		"postgres://a/?ssl_max_protocol_version=": "",
	} {
		_, err := parse(in)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}
