package redis_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/puffstack/puff/redis"
)

func TestURLsSayWhereRedisIs(t *testing.T) {
	for _, test := range []struct {
		in   string
		want redis.Server
	}{
		{"redis://", redis.Server{Addresses: []string{"localhost:6379"}}},
		{"redis://h", redis.Server{Addresses: []string{"h:6379"}}},
		{"redis://h:1/2", redis.Server{Addresses: []string{"h:1"}, DB: 2}},
		{"redis://[::1]:1", redis.Server{Addresses: []string{"[::1]:1"}}},
		{"redis://u:p%40@h/?db=3", redis.Server{Addresses: []string{"h:6379"}, User: "u", Password: "p@", DB: 3}},
		{"redis://:p@h", redis.Server{Addresses: []string{"h:6379"}, Password: "p"}},
		{"unix:///run/s?db=4", redis.Server{Unix: "/run/s", DB: 4}},
		{"redis+unix:///run/s", redis.Server{Unix: "/run/s"}},
		{"redis+sentinel://a,b:2/main/5?sentinel_password=x", redis.Server{
			Addresses: []string{"a:26379", "b:2"}, Master: "main", DB: 5, SentinelPassword: "x"}},
		{"redis+cluster://a:1,b:2", redis.Server{Addresses: []string{"a:1", "b:2"}, Cluster: true}},
	} {
		got, err := redis.ParseURL(test.in)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		if diff := cmp.Diff(&test.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", test.in, diff)
		}
	}
	if s, err := redis.ParseURL("rediss://h?ssl_cert_reqs=none"); err != nil || s.TLS == nil || !s.TLS.InsecureSkipVerify {
		t.Errorf("rediss: got %+v, %v", s, err)
	}
}

func TestAWrongURLIsAnErrorThatDoesNotShowThePassword(t *testing.T) {
	for _, in := range []string{
		"", "http://u:secret@h", "u:secret@h:1", "redis://u:secret@h/x", "redis://u:secret@h/1/2",
		"redis+sentinel://u:secret@h", "unix://", "redis://u:secret@h/%zz", "redis://u:secret@h?db=-1",
		"rediss://u:secret@h?ssl_ca_certs=/none", "redis+cluster://u:secret@h/1",
	} {
		_, err := redis.ParseURL(in)
		if err == nil {
			t.Errorf("%q: got no error", in)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q shows the password", in, err)
		}
	}
}

func TestRedactTakesThePasswordsOut(t *testing.T) {
	for in, want := range map[string]string{
		"redis://u:p@h/1": "redis://u:xxxxx@h/1",
		"redis://:p@h":    "redis://:xxxxx@h",
		"redis://h":       "redis://h",
		"redis+sentinel://h/m?sentinel_password=p&db=1": "redis+sentinel://h/m?sentinel_password=xxxxx&db=1",
	} {
		if got := redis.Redact(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
