package puff

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// environ makes a lookup from NAME=VALUE words.
func environ(words ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, w := range words {
			if v, ok := strings.CutPrefix(w, name+"="); ok {
				return v, true
			}
		}
		return "", false
	}
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	c := parse(t, "[serve]\nport = 1\nhost = 'file'\nbacklog = 9\n")
	s := c.Serve
	if err := s.Set("port", "3", FromFlag("--port")); err != nil {
		t.Fatal(err)
	}
	if err := s.ApplyEnv(environ("PUFF_PORT=2", "PUFF_HOST=env", "PUFF_KEEP_ALIVE=")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, value, origin string }{
		{"port", "3", "--port"},
		{"host", "env", "PUFF_HOST"},
		{"backlog", "9", "puff.toml:4"},
		{"keep-alive", "75s", "default"},
	}
	for _, tt := range tests {
		setting, _ := settingNamed(tt.name)
		if got := setting.Value(s); got != tt.value || s.Origin(tt.name).String() != tt.origin {
			t.Errorf("%s: got %s from %s, want %s from %s", tt.name, got, s.Origin(tt.name), tt.value, tt.origin)
		}
	}
	if c.Serve.Port != 1 || c.Serve.Origin("port").String() != "puff.toml:2" {
		t.Errorf("the configuration it was copied from: got port %d from %s, want 1", c.Serve.Port, c.Serve.Origin("port"))
	}
}

func TestWrongValueNamesWhereItStands(t *testing.T) {
	s := newServe()
	tests := []struct {
		name, text string
		from       Origin
		want       string
	}{
		{"port", "99999", FromFlag("--port"), `read --port: want a whole number from 0 to 65535, got "99999"`},
		{"port", "", FromFlag("--port"), `read --port: want a whole number from 0 to 65535, got ""`},
		{"interface", "rsgi", FromEnv("PUFF_INTERFACE"), `read PUFF_INTERFACE: want "auto", "wsgi", "asgi" or "asgi3", got "rsgi"`},
		{"factory", "maybe", FromEnv("PUFF_FACTORY"), `read PUFF_FACTORY: want true or false, got "maybe"`},
		{"keep-alive", "soon", FromFlag("--keep-alive"), `read --keep-alive: want seconds or a duration such as "1m30s", got "soon"`},
		{"max-body-size", "-1", FromFlag("--max-body-size"), `read --max-body-size: want bytes or a size such as "64KiB" or "10MB", got "-1"`},
		{"backlog", "0", FromFlag("--backlog"), `read --backlog: want a whole number from 1 to 2147483647, got "0"`},
		{"bind", "unix:", FromFlag("--bind"), `read --bind: want a path behind "unix:", such as "unix:/run/app.sock", got "unix:"`},
		{"bind", "unix:/" + strings.Repeat("x", 107), FromFlag("--bind"), `read --bind: the path of a unix socket may have 107 bytes, got 108 in "unix:/` + strings.Repeat("x", 107) + `"`},
		{"uds-mode", "999", FromFlag("--uds-mode"), `read --uds-mode: want permissions in octal such as "660", got "999"`},
		{"workers", "0", FromFlag("--workers"), `read --workers: want "auto" or a whole number from 1 to 1024, got "0"`},
		{"proxy-allow-from", "10.0.0.0/8, x", FromFlag("--proxy-allow-from"), `read --proxy-allow-from: want addresses or networks such as "127.0.0.1" or "10.0.0.0/8", got "x"`},
		{"static", "files", FromFlag("--static"), `read --static: want PREFIX=DIR such as "/static=public", got "files"`},
		{"ws-per-message-deflate", "maybe", FromFlag("--ws-per-message-deflate"), `read --ws-per-message-deflate: want "on" or "off", got "maybe"`},
		{"bind", "a:b", FromFlag("--bind"), `read --bind: want HOST:PORT such as "127.0.0.1:8000", ":8000" or "[::1]:8000", got "a:b"`},
		{"bind", "::1:80", FromFlag("--bind"), `read --bind: want HOST:PORT such as "127.0.0.1:8000", ":8000" or "[::1]:8000", got "::1:80"`},
		{"server-header", "a\r\nb", FromFlag("--server-header"), `read --server-header: want printable text, or false, got "a\r\nb"`},
		{"no-such", "1", FromFlag("--no-such"), `read --no-such: unknown setting "no-such"`},
	}
	for _, tt := range tests {
		err := s.Set(tt.name, tt.text, tt.from)
		var value *ValueError
		if !errors.As(err, &value) || err.Error() != tt.want {
			t.Errorf("set %s to %q:\n got %v\nwant %s", tt.name, tt.text, err, tt.want)
		}
	}
	if diff := s.Origin("port"); !diff.IsDefault() || s.Port != 7777 {
		t.Errorf("after wrong values: got port %d from %s", s.Port, diff)
	}
}

func TestEverySettingReadsItsOwnDefault(t *testing.T) {
	for _, setting := range Settings() {
		if d := setting.Default(); d != "" {
			s := newServe()
			if err := s.Set(setting.Name, d, FromEnv(setting.Env())); err != nil {
				t.Errorf("%s: %v", setting.Name, err)
			}
			if got := setting.Value(s); got != d {
				t.Errorf("%s: got %q, want %q", setting.Name, got, d)
			}
		}
		if setting.Help == "" || !strings.HasSuffix(setting.Help, ".") || setting.Group == "" || setting.Want() == "" {
			t.Errorf("%s: help %q, group %q, want %q", setting.Name, setting.Help, setting.Group, setting.Want())
		}
	}
}

func TestSettingNamesItsVariableAndKey(t *testing.T) {
	setting, _ := settingNamed("max-requests-per-connection")
	if setting.Env() != "PUFF_MAX_REQUESTS_PER_CONNECTION" || setting.Key() != "max_requests_per_connection" {
		t.Errorf("got %s and %s", setting.Env(), setting.Key())
	}
}

func TestServeReadsEveryKindOfValue(t *testing.T) {
	c := parse(t, `
[serve]
app = "a:b"
interface = "ASGI"
factory = true
port = 0
bind = ["[::1]:1", "localhost:2"]
head_timeout = 1.5
body_timeout = "1m30s"
keep_alive = 0
max_body_size = "10MB"
max_head_size = 4096
server_header = false
log_level = "warning"
`)
	s := c.Serve
	if s.App != "a:b" || s.Interface != "asgi" || !s.Factory || s.Port != 0 || s.LogLevel != "warning" || s.ServerHeader != "" {
		t.Errorf("got %+v", s)
	}
	if !slices.Equal(s.Bind, []string{"[::1]:1", "localhost:2"}) {
		t.Errorf("bind: got %q", s.Bind)
	}
	if s.HeadTimeout != 1500*time.Millisecond || s.BodyTimeout != 90*time.Second || s.KeepAlive != 0 {
		t.Errorf("times: got %v, %v, %v", s.HeadTimeout, s.BodyTimeout, s.KeepAlive)
	}
	if s.MaxBodySize != 10_000_000 || s.MaxHeadSize != 4096 {
		t.Errorf("sizes: got %d, %d", s.MaxBodySize, s.MaxHeadSize)
	}
}

func TestRepeatedFlagAddsAndReplacesWeakerOrigins(t *testing.T) {
	c := parse(t, "[serve]\nbind = ':1'\n")
	s := &c.Serve
	for _, b := range []string{":2", ":3,:4"} {
		if err := s.Set("bind", b, FromFlag("--bind")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ApplyEnv(environ("PUFF_BIND=:5")); err != nil {
		t.Fatal(err)
	}
	if want := []string{":2", ":3", ":4"}; !slices.Equal(s.Bind, want) {
		t.Errorf("got %q, want %q", s.Bind, want)
	}
}

func TestServerHeaderAndItsSwitchShareOneOrigin(t *testing.T) {
	tests := []struct {
		name string
		set  func(*ServeConfig) error
		want string
	}{
		{"default", func(*ServeConfig) error { return nil }, "puff"},
		{"switched off by flag", func(s *ServeConfig) error { return s.Set("no-server-header", "true", FromFlag("--no-server-header")) }, ""},
		{"flag against the variable of the switch", func(s *ServeConfig) error {
			return errors.Join(s.Set("server-header", "me", FromFlag("--server-header")), s.ApplyEnv(environ("PUFF_NO_SERVER_HEADER=1")))
		}, "me"},
		{"switch set to false", func(s *ServeConfig) error { return s.ApplyEnv(environ("PUFF_NO_SERVER_HEADER=false")) }, "puff"},
	}
	for _, tt := range tests {
		s := newServe()
		if err := tt.set(&s); err != nil {
			t.Fatal(err)
		}
		if s.ServerHeader != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, s.ServerHeader, tt.want)
		}
	}
}

func TestAddressesFollowTheStrongestOrigin(t *testing.T) {
	type given struct {
		name, text string
		from       Origin
	}
	file, env, flag := FromFile("puff.toml:1"), FromEnv("E"), FromFlag("-f")
	tests := []struct {
		name  string
		given []given
		want  string
	}{
		{"nothing", nil, "127.0.0.1:7777"},
		{"host and port", []given{{"host", "::", flag}, {"port", "1", env}}, "[::]:1"},
		{"host in brackets", []given{{"host", "[::1]", flag}}, "[::1]:7777"},
		{"bind alone", []given{{"bind", ":1,:2", file}}, ":1 :2"},
		{"bind and port from one place", []given{{"bind", ":1", flag}, {"port", "2", flag}}, ":1 127.0.0.1:2"},
		{"port over bind of the file", []given{{"bind", ":1", file}, {"port", "2", flag}}, "127.0.0.1:2"},
		{"port over bind, host of the file", []given{{"bind", ":1", file}, {"host", "h", file}, {"port", "2", env}}, "h:2"},
		{"bind over port of the environment", []given{{"bind", ":1", flag}, {"port", "2", env}}, ":1"},
		{"the same twice", []given{{"bind", "127.0.0.1:7777,127.0.0.1:7777", file}, {"host", "127.0.0.1", file}}, "127.0.0.1:7777"},
	}
	for _, tt := range tests {
		s := newServe()
		for _, g := range tt.given {
			if err := s.Set(g.name, g.text, g.from); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(s.Addresses(), " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if s := (ServeConfig{Bind: []string{":1"}}); !slices.Equal(s.Addresses(), []string{":1"}) {
		t.Errorf("bind set by a program: got %q", s.Addresses())
	}
}

func TestSettingsThatDoNotGoTogetherAreRefused(t *testing.T) {
	tests := []struct{ file, want string }{
		{"port = 1", errorText(nil)},
		{"tls_cert = ['a', 'b']\ntls_key = 'c'", "read puff.toml:2: b has no key: name it with tls-key in the same place"},
		{"tls_key = 'c'", "read puff.toml:2: c has no certificate: name it with tls-cert in the same place"},
		{"tls_client_auth = 'required'", "read puff.toml:2: clients show certificates over TLS only: set tls-cert and tls-key"},
		{"tls_cert = 'a'\ntls_key = 'b'\ntls_client_auth = 'optional'", "read puff.toml:4: nobody is named who signs the clients: set tls-ca"},
		{"proxy_protocol = true", "read puff.toml:2: nobody may speak it: set proxy-allow-from"},
		{"max_requests_jitter = 5", "read puff.toml:2: it adds to max-requests, which is not set"},
		{"limit_queue = 5", "read puff.toml:2: nothing waits without limit-concurrency: set that too"},
	}
	for _, tt := range tests {
		s := parse(t, "[serve]\n"+tt.file+"\n").Serve
		if got := errorText(s.Check()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.file, got, tt.want)
		}
	}
}

func TestRepeatedFlagsAddUp(t *testing.T) {
	s := newServe()
	for _, text := range []string{"/a=x", "/b=y"} {
		if err := s.Set("static", text, FromFlag("--static")); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Static) != 2 || s.Static[1].Dir != "y" {
		t.Errorf("got %v", s.Static)
	}
}

func TestApplicationIsChosenFromArgumentThenWSGIThenASGI(t *testing.T) {
	const both = "wsgi = 'w'\nasgi = 'a'\n"
	tests := []struct{ name, file, app, speaks, wantApp, wantSpeaks, wantFrom string }{
		{"argument", both, "x:y", "auto", "x:y", "auto", "APP"},
		{"both", both, "", "auto", "w", "wsgi", "puff.toml:1"},
		{"asgi asked for", both, "", "asgi3", "a", "asgi3", "puff.toml:2"},
		{"asgi alone", "asgi = 'a'\n", "", "auto", "a", "asgi", "puff.toml:1"},
		{"wsgi alone but asgi asked for", "wsgi = 'w'\n", "", "asgi", "w", "asgi", "puff.toml:1"},
		{"old spelling", "\nwsgi_app = 'w'\n", "", "auto", "w", "wsgi", "puff.toml:2"},
		{"key of serve", "wsgi = 'w'\nserve.app = 's'\n", "", "auto", "s", "auto", "puff.toml:2"},
		{"graphql alone", "[[graphql]]\nschema = 'a.B'\nurl = '/g'\n", "", "auto", "", "auto", "default"},
	}
	for _, tt := range tests {
		c := parse(t, tt.file)
		s := c.Serve
		s.Interface = tt.speaks
		if tt.app != "" {
			if err := s.Set("app", tt.app, FromFlag("APP")); err != nil {
				t.Fatal(err)
			}
		}
		ok := c.ChooseApplication(&s)
		if !ok || s.App != tt.wantApp || s.Interface != tt.wantSpeaks || s.Origin("app").String() != tt.wantFrom {
			t.Errorf("%s: got %q speaking %s from %s, %v; want %q speaking %s from %s",
				tt.name, s.App, s.Interface, s.Origin("app"), ok, tt.wantApp, tt.wantSpeaks, tt.wantFrom)
		}
	}
	for _, file := range []string{"", "[[graphql]]\nschema = 'a.B'\n"} {
		c := parse(t, file)
		if c.ChooseApplication(&c.Serve) {
			t.Errorf("%q: got something to serve", file)
		}
	}
}

func TestServiceURLFollowsPrecedence(t *testing.T) {
	c := parse(t, "[[postgres]]\nname = 'Main'\nurl = 'file'\n[[task_queue]]\n[[redis]]\nname = 'r'\n")
	var got []string
	env := environ("PUFF_MAIN_POSTGRES_URL=env", "PUFF_DEFAULT_TASK_QUEUE_URL=queue", "PUFF_R_REDIS_URL=")
	if err := c.ApplyEnv(env); err != nil {
		t.Fatal(err)
	}
	urls := c.ServiceURLs()
	urls[0].Set("flag", FromFlag("--main-postgres-url"))
	urls[0].Set("late", FromEnv("LATE"))
	for _, u := range urls {
		got = append(got, u.Flag()+" "+u.Env()+" "+u.URL())
	}
	want := []string{
		"main-postgres-url PUFF_MAIN_POSTGRES_URL flag",
		"r-redis-url PUFF_R_REDIS_URL redis://localhost:6379",
		"default-task-queue-url PUFF_DEFAULT_TASK_QUEUE_URL queue",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if c.Postgres[0].URL != "flag" || c.Postgres[0].From.String() != "--main-postgres-url" || !c.Redis[0].From.IsDefault() {
		t.Errorf("got %q from %s, redis from %s", c.Postgres[0].URL, c.Postgres[0].From, c.Redis[0].From)
	}
}

func TestServicesNamedDefaultNeedNoEntryToBeGivenAURL(t *testing.T) {
	c := parse(t, "[[postgres]]\nname = 'main'\n")
	if err := c.ApplyEnv(environ("PUFF_DEFAULT_REDIS_URL=env", "PUFF_DEFAULT_PUBSUB_URL=env")); err != nil {
		t.Fatal(err)
	}
	var flags []string
	for _, u := range c.FlagURLs() {
		flags = append(flags, u.Flag())
	}
	want := []string{"main-postgres-url", "default-redis-url", "default-pubsub-url", "default-postgres-url"}
	if !slices.Equal(flags, want) {
		t.Errorf("got flags %q\nwant %q", flags, want)
	}
	// The first adds an entry, and the second is of the one that was there before.
	c.SetURL("postgres", "default", "flag", FromFlag("--default-postgres-url"))
	c.SetURL("postgres", "main", "flag", FromFlag("--main-postgres-url"))
	c.SetURL("redis", "default", "late", FromFile("late"))
	var got []string
	for _, u := range c.ServiceURLs() {
		got = append(got, u.Flag()+" "+u.URL())
	}
	want = []string{"main-postgres-url flag", "default-postgres-url flag", "default-redis-url env", "default-pubsub-url env"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if p := c.Postgres[1]; !p.Enable || p.PoolSize != 10 {
		t.Errorf("got %+v, want an entry with its defaults", p)
	}
}

func TestPythonIsOneSettingForAllCommands(t *testing.T) {
	tests := []struct{ name, file, env, want string }{
		{"top of the file", "python = 'a'\n", "", "a"},
		{"serve over the top", "python = 'a'\n[serve]\npython = 'b'\n", "", "b"},
		{"environment over the file", "python = 'a'\n", "PUFF_PYTHON=c", "c"},
		{"nobody", "", "", ""},
	}
	for _, tt := range tests {
		c := parse(t, tt.file)
		if err := c.ApplyEnv(environ(tt.env)); err != nil {
			t.Fatal(err)
		}
		if c.Python != tt.want || c.Serve.Python != tt.want {
			t.Errorf("%s: got %q and %q, want %q", tt.name, c.Python, c.Serve.Python, tt.want)
		}
	}
}

func TestPsycopg2IsSwitchedByVariable(t *testing.T) {
	c := NewConfig()
	if err := c.ApplyEnv(environ("PUFF_PSYCOPG2=0")); err != nil || c.Psycopg2 {
		t.Errorf("got %v, %v", c.Psycopg2, err)
	}
	if got, want := errorText(c.ApplyEnv(environ("PUFF_PSYCOPG2=x"))), `read PUFF_PSYCOPG2: want true or false, got "x"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
