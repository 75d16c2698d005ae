package redis_test

// Redis over TLS, on sockets, for users of its own.

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/redis"
)

func TestTLSTrustsWhomTheURLNames(t *testing.T) {
	testkit.NoLeaks(t)
	ours, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	cert, key := ours.Issue(t, "localhost", "127.0.0.1")
	wrong, wrongKey := other.Issue(t, "localhost")
	port := testkit.FreePort(t)
	testkit.Redis(t, "--bind", "127.0.0.1", "--tls-port", port, "--tls-cert-file", cert,
		"--tls-key-file", key, "--tls-ca-cert-file", ours.File)
	mine := "&ssl_certfile=" + cert + "&ssl_keyfile=" + key
	for _, test := range []struct {
		name, url string
		want      []string // in the error; none: it works
	}{
		{"with a certificate of ours", "rediss://localhost:" + port + "/2?ssl_ca_certs=" + ours.File + mine, nil},
		{"by address", "rediss://127.0.0.1:" + port + "?ssl_ca_certs=" + ours.File + mine, nil},
		{"unchecked", "rediss://127.0.0.1:" + port + "?ssl_cert_reqs=none" + mine, nil},
		{"a CA that did not issue it", "rediss://localhost:" + port + "?ssl_ca_certs=" + other.File + mine,
			[]string{"unknown authority", "authority of a test", "ssl_ca_certs"}},
		{"the system's CAs", "rediss://localhost:" + port + "?" + mine[1:], []string{"unknown authority"}},
		{"another name", "rediss://ip6-localhost.localhost:" + port + "?ssl_ca_certs=" + ours.File + mine,
			[]string{"ip6-localhost.localhost"}},
		{"no certificate", "rediss://localhost:" + port + "?ssl_ca_certs=" + ours.File, []string{"down since"}},
		{"another's certificate", "rediss://localhost:" + port + "?ssl_ca_certs=" + ours.File +
			"&ssl_certfile=" + wrong + "&ssl_keyfile=" + wrongKey, []string{"down since"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := redis.New(redis.Config{URL: test.url})
			defer c.Close()
			_, err := c.Do(testkit.Context(t), words("PING"))
			if test.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				l, err := c.Listen(testkit.Context(t))
				if err != nil {
					t.Fatalf("listen: %v", err)
				}
				l.Close()
				return
			}
			var e *redis.Error
			if !errors.As(err, &e) || e.Kind != redis.Down {
				t.Fatalf("got %v, want Down", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestAClusterMayHaveTLS(t *testing.T) {
	testkit.NoLeaks(t)
	ours := testkit.NewAuthority(t)
	// The client begins with a name, and learns of addresses.
	cert, key := ours.Issue(t, "127.0.0.1", "localhost")
	nodes := testkit.RedisClusterTLS(t, cert, key, ours.File)
	c := client(t, "rediss+cluster://localhost:"+strings.TrimPrefix(nodes[1].Address, "127.0.0.1:")+
		"?ssl_ca_certs="+ours.File+"&ssl_certfile="+cert+"&ssl_keyfile="+key)
	for _, k := range []string{"k1", "k2", "k3"} {
		if r := do(t, c, "SET "+k+" 1"); r.Err() != nil {
			t.Error(r.Err())
		}
	}
	l, err := c.Listen(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestAPlainServerIsSaidToSayNothingToTLS(t *testing.T) {
	testkit.NoLeaks(t)
	s := testkit.RedisTCP(t)
	c := redis.New(redis.Config{URL: "rediss://" + s.Address, ConnectTimeout: 100 * time.Millisecond})
	defer c.Close()
	_, err := c.Do(testkit.Context(t), words("PING"))
	if err == nil || !strings.Contains(err.Error(), "says nothing") {
		t.Errorf("got %v", err)
	}
}

func TestAUserDoesWhatItMay(t *testing.T) {
	testkit.NoLeaks(t)
	s := testkit.RedisTCP(t)
	s.Say(t, "ACL", "SETUSER", "app", "on", ">p@ss/word", "~app:*", "&app:*", "+get", "+set", "+subscribe", "+ping", "+select")
	s.Say(t, "CONFIG", "SET", "requirepass", "other")
	for name, url := range map[string]string{
		"over TCP":    "redis://app:p%40ss%2Fword@" + s.Address + "/5",
		"on a socket": "unix://app:p%40ss%2Fword@" + s.Socket + "?db=5",
	} {
		t.Run(name, func(t *testing.T) {
			c := redis.New(redis.Config{URL: url})
			defer c.Close()
			if r := do(t, c, "SET app:k v"); r.Err() != nil {
				t.Error(r.Err())
			}
			var e *redis.Replied
			if r := do(t, c, "GET other"); !errors.As(r.Err(), &e) || e.Code != "NOPERM" {
				t.Errorf("a key that it may not read: got %v", r.Err())
			}
			l, err := c.Listen(testkit.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
		})
	}
	if got := s.Say(t, "AUTH", "other"); got != "+OK" {
		t.Fatal(got)
	}
	for name, login := range map[string]string{"none": "", "wrong": "app:no@", "of nobody": "who:no@"} {
		c := client(t, "redis://"+login+s.Address)
		r, err := c.Do(testkit.Context(t), words("GET app:k"))
		if err == nil {
			err = r.Err()
		}
		if err == nil || !strings.Contains(err.Error(), "NOAUTH") && !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("password %s: got %v", name, err)
		} else if strings.Contains(err.Error(), "no@") {
			t.Errorf("password %s: %q shows it", name, err)
		}
	}
}

func TestDatabasesAreApart(t *testing.T) {
	testkit.NoLeaks(t)
	s := testkit.Redis(t)
	one, two := client(t, s.URL+"?db=1"), client(t, s.URL+"?db=2")
	do(t, one, "SET k 1")
	if r := do(t, two, "GET k"); !r.IsNil() {
		t.Errorf("got %q", r.Text())
	}
	_, err := client(t, s.URL+"?db=99").Do(testkit.Context(t), words("GET k"))
	if err == nil || !strings.Contains(err.Error(), "DB index") {
		t.Errorf("a database that is not there: got %v", err)
	}
}
