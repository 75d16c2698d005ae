package puff

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := ParseConfig("puff.toml", []byte(text))
	if err != nil {
		t.Fatalf("parse %q: %v", text, err)
	}
	return c
}

func TestConfigErrorsNameFileLineAndKey(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"unknown key", "django = true\n\nredsi = 1\n", `read puff.toml:3: unknown key "redsi" (did you mean "redis"?)`},
		{"unknown key far from all", "xyzzy = 1\n", `read puff.toml:1: unknown key "xyzzy"`},
		{"key of serve at the top", "\nport = 1\n", `read puff.toml:2: unknown key "port" (it belongs under [serve])`},
		{"unknown table", "[corse]\n", `read puff.toml:1: unknown key "corse" (did you mean "cors"?)`},
		{"unknown key of an entry", "[[redis]]\n[[redis]]\nname = 'b'\npol_size = 1\n", `read puff.toml:4: redis: unknown key "pol_size" (did you mean "pool_size"?)`},
		{"unknown key of an inline entry", "redis = [\n  {name = 'a'},\n  # two\n  {size = 1},\n]\n", `read puff.toml:4: redis: unknown key "size"`},
		{"unknown key of serve", "[serve]\nprot = 1\n", `read puff.toml:2: serve: unknown key "prot" (did you mean "port"?)`},
		{"unknown key of cors", "[cors]\nmax_age = 1\n", `read puff.toml:2: cors: unknown key "max_age"`},
		{"text for a switch", "wsgi = 'a'\ndjango = 'yes'\n", `read puff.toml:2: django: want true or false, got "yes"`},
		{"number for text", "wsgi = 1\n", `read puff.toml:1: wsgi: want text, got 1`},
		{"list for text", "asgi = ['a']\n", `read puff.toml:1: asgi: want text, got a list`},
		{"date for text", "asgi = 2020-01-01\n", `read puff.toml:1: asgi: want text, got a date or time`},
		{"table for text", "[wsgi]\n", `read puff.toml:1: wsgi: want text, got a table`},
		{"wrong word", "embedded = 'maybe'\n", `read puff.toml:1: embedded: want "auto", "never" or "always", got "maybe"`},
		{"text for a number", "[[redis]]\npool_size = 'ten'\n", `read puff.toml:2: redis.pool_size: want a whole number from 1 to 2147483647, got "ten"`},
		{"number too small", "[[postgres]]\npool_size = 0\n", `read puff.toml:2: postgres.pool_size: want a whole number from 1 to 2147483647, got 0`},
		{"fraction for a number", "[[task_queue]]\nmax_concurrent_tasks = 1.5\n", `read puff.toml:2: task_queue.max_concurrent_tasks: want a whole number from 0 to 2147483647, got 1.5`},
		{"negative time", "[[redis]]\nconnect_timeout = -1\n", `read puff.toml:2: redis.connect_timeout: want seconds or a duration such as "1m30s", got -1`},
		{"table for a list of tables", "[postgres]\nname = 'a'\n", `read puff.toml:1: postgres: want [[postgres]], got a table`},
		{"text for a table", "[[redis]]\n[x]\n", `read puff.toml:2: unknown key "x"`},
		{"list with a text in it", "redis = ['a']\n", `read puff.toml:1: redis: want a table [redis], got "a"`},
		{"command without a function", "\n[[commands]]\ncommand_name = 'a'\n", `read puff.toml:2: commands: "function" is missing: the dotted path of a function`},
		{"command without a name", "[[commands]]\nfunction = 'a.b'\n", `read puff.toml:1: commands: "command_name" is missing: the name of the command`},
		{"command named like a flag", "[[commands]]\nfunction = 'a.b'\ncommand_name = '-x'\n", `read puff.toml:3: commands.command_name: want one word that does not begin like a flag, got "-x"`},
		{"command of two words", "[[commands]]\nfunction = 'a.b'\ncommand_name = 'a b'\n", `read puff.toml:3: commands.command_name: want one word that does not begin like a flag, got "a b"`},
		{"empty name", "[[redis]]\nname = ''\n", `read puff.toml:1: redis: "name" is missing: it may be left out, but not be empty`},
		{"wrong type of a required key", "[[commands]]\nfunction = 1\ncommand_name = 'a'\n", `read puff.toml:2: commands.function: want text, got 1`},
		{"graphql without a schema", "[[graphql]]\nurl = '/g'\n", `read puff.toml:1: graphql: "schema" is missing: the dotted path of the schema class`},
		{"playground without url", "[[graphql]]\nschema = 'a.B'\nplayground_url = '/p'\n", `read puff.toml:3: graphql.playground_url: the playground needs "url" too: the path that takes its queries`},
		{"serve is no table", "serve = 1\n", `read puff.toml:1: serve: want a table [serve], got 1`},
		{"port out of range", "[serve]\n\nport = 99999\n", `read puff.toml:3: serve.port: want a whole number from 0 to 65535, got "99999"`},
		{"port as text", "[serve]\nport = '80'\n", `read puff.toml:2: serve.port: want a whole number from 0 to 65535, got "80"`},
		{"bad bind", "[serve]\nbind = ['127.0.0.1:1', '8000']\n", `read puff.toml:2: serve.bind: want HOST:PORT such as "127.0.0.1:8000", ":8000" or "[::1]:8000", got "8000"`},
		{"bind of numbers", "[serve]\nbind = [1]\n", `read puff.toml:2: serve.bind: want HOST:PORT, unix:PATH or a list of them, got a list`},
		{"dotted key", "serve.keep_alive = true\n", `read puff.toml:1: serve.keep_alive: want seconds or a duration such as "1m30s", got true`},
		{"bad size", "[serve]\nmax_body_size = '10 apples'\n", `read puff.toml:2: serve.max_body_size: want bytes or a size such as "64KiB" or "10MB", got "10 apples"`},
		{"bad server header", "[serve]\nserver_header = true\n", `read puff.toml:2: serve.server_header: want printable text, or false, got true`},
		{"cors base", "[cors]\nbase_config = 'default'\n", `read puff.toml:2: cors.base_config: want "Default", "Permissive" or "VeryPermissive", got "default"`},
		{"cors origin with a path", "[cors]\nallowed_origins = ['https://a.test/x']\n", `read puff.toml:2: cors.allowed_origins: want http://HOST[:PORT] or https://HOST[:PORT], got "https://a.test/x"`},
		{"cors credentials with star", "[cors]\nallowed_origins = '*'\nallow_credentials = true\n", `read puff.toml:3: cors.allow_credentials: browsers refuse credentials together with "*": list what is allowed, or set base_config = "VeryPermissive"`},
		{"names differ in case", "[[redis]]\nname = 'A'\n[[redis]]\nname = 'a'\n", `read puff.toml:4: redis.name: "A" and "a" are too much alike, both would be PUFF_A_REDIS_URL: rename one`},
		{"names differ in signs", "[[redis]]\nname = 'a-b'\n[[redis]]\nname = 'a_b'\n", `read puff.toml:4: redis.name: "a-b" and "a_b" are too much alike, both would be PUFF_A_B_REDIS_URL: rename one`},
		{"old key with a wrong type", "wsgi_app = 1\n", `read puff.toml:1: wsgi_app: want text, got 1`},
		{"pytest with a wrong type", "\npytest = 1\n", `read puff.toml:2: pytest: want text, got 1`},
		{"first line wins", "asyncio = 1\nabc = 1\n", `read puff.toml:1: asyncio: want true or false, got 1`},
		{"syntax", "django = true\nwsgi = \n", `read puff.toml:2:`},
		{"key twice", "django = true\ndjango = false\n", `read puff.toml:2:1: `},
		{"no UTF-8", "wsgi = '\xff'\n", `read puff.toml:1:`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseConfig("puff.toml", []byte(tt.in))
			if err == nil {
				t.Fatalf("parse %q: got no error, want %q", tt.in, tt.want)
			}
			got := err.Error()
			exact := !strings.HasSuffix(tt.want, ":") && !strings.HasSuffix(tt.want, " ")
			if exact && got != tt.want || !strings.HasPrefix(got, tt.want) {
				t.Errorf("parse %q:\n got %s\nwant %s", tt.in, got, tt.want)
			}
		})
	}
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	c := parse(t, "")
	d := NewConfig()
	d.File = "puff.toml"
	if diff := cmp.Diff(c, d, cmpopts.IgnoreUnexported(Config{}, ServeConfig{}, Origin{})); diff != "" {
		t.Errorf("got - want +\n%s", diff)
	}
	if !d.Greenlets || !d.Dotenv || !d.AddCwdToPath || !d.Psycopg2 || d.Asyncio || d.Django {
		t.Errorf("switches: got %+v", d)
	}
	if len(d.HTTPClient) != 1 || d.HTTPClient[0].Name != "default" || d.HTTPClient[0].Timeout != 30*time.Second {
		t.Errorf("http clients: got %+v, want the default one", d.HTTPClient)
	}
}

func TestByteOrderMarkAndWindowsLinesAreRead(t *testing.T) {
	c := parse(t, "\xef\xbb\xbfdjango = true\r\nwsgi = 'a.b'\r\n")
	if !c.Django || c.WSGI != "a.b" || c.Where("wsgi") != "puff.toml:2" {
		t.Errorf("got django %v, wsgi %q at %q", c.Django, c.WSGI, c.Where("wsgi"))
	}
}

func TestEveryServiceIsRead(t *testing.T) {
	c := parse(t, `
[[postgres]]
name = "main"
url = "host=db"
pool_size = 3
connect_timeout = 1.5
pool_timeout = "2s"
statement_timeout = "1m30s"
[[redis]]
command_timeout = 0
[[pubsub]]
name = "events"
[[task_queue]]
max_concurrent_tasks = 0
[[http_client]]
name = "slow"
http2_prior_knowledge = true
max_idle_connections = 4
user_agent = "me"
timeout = 90
max_body_size = "64MiB"
proxy = "http://proxy:3128"
tls_ca = "ca.pem"
tls_cert = "own.pem"
tls_key = "own.key"
tls_verify = false
[[graphql]]
schema = "a.Schema"
url = "/g"
subscription_url = "/s"
playground_url = "/p"
database = "main"
[[static]]
url = "/static"
dir = "files"
cache_age = "1h"
index = true
follow_symlinks = true
`)
	redis := newRedis()
	redis.Where = "puff.toml:9"
	redis.CommandTimeout = 0
	pubsub := newRedis()
	pubsub.Name, pubsub.Where = "events", "puff.toml:11"
	queue := newRedis()
	queue.Where = "puff.toml:13"
	var client HTTPClient
	client.setDefaults()
	want := &Config{
		Postgres: []Postgres{{
			Enable: true, Name: "main", URL: "host=db", PoolSize: 3, ConnectTimeout: 1500 * time.Millisecond,
			PoolTimeout: 2 * time.Second, StatementTimeout: 90 * time.Second, Share: true,
			From: FromFile("puff.toml:4"), Where: "puff.toml:2",
		}},
		Redis:     []Redis{redis},
		PubSub:    []PubSub{PubSub(pubsub)},
		TaskQueue: []TaskQueue{{Redis: queue}},
		HTTPClient: []HTTPClient{{
			Enable: true, Name: "slow", HTTP2PriorKnowledge: true, MaxIdleConnections: 4, UserAgent: "me",
			Timeout: 90 * time.Second, ConnectTimeout: 5 * time.Second, MaxBodySize: 64 << 20,
			Proxy: "http://proxy:3128", TLSCA: "ca.pem", TLSCert: "own.pem", TLSKey: "own.key", Where: "puff.toml:15",
		}, client},
		GraphQL: []GraphQL{{
			Enable: true, Name: "default", Schema: "a.Schema", URL: "/g", SubscriptionURL: "/s",
			PlaygroundURL: "/p", Database: "main", Where: "puff.toml:27",
		}},
		Static: []Static{{
			URL: "/static", Dir: "files", CacheAge: time.Hour, Index: "index.html", FollowSymlinks: true,
			Where: "puff.toml:33",
		}},
	}
	got := &Config{
		Postgres: c.Postgres, Redis: c.Redis, PubSub: c.PubSub, TaskQueue: c.TaskQueue,
		HTTPClient: c.HTTPClient, GraphQL: c.GraphQL, Static: c.Static,
	}
	if diff := cmp.Diff(got, want, cmp.AllowUnexported(Config{}, ServeConfig{}, Origin{})); diff != "" {
		t.Errorf("got - want +\n%s", diff)
	}
}

func TestLaterEntryOfANameWinsEvenToSwitchItOff(t *testing.T) {
	c := parse(t, `
[[redis]]
name = "a"
pool_size = 1
[[redis]]
name = "b"
[[redis]]
name = "a"
pool_size = 2
[[pubsub]]
[[pubsub]]
enable = false
[[commands]]
command_name = "x"
function = "one"
[[commands]]
command_name = "x"
function = "two"
`)
	var got []string
	for _, r := range c.Redis {
		got = append(got, r.Name, string(rune('0'+r.PoolSize%10)))
	}
	if want := []string{"b", "0", "a", "2"}; !slices.Equal(got, want) {
		t.Errorf("redis: got %q, want %q", got, want)
	}
	if len(c.PubSub) != 0 {
		t.Errorf("pubsub: got %+v, want none", c.PubSub)
	}
	if k, ok := c.Command("x"); !ok || k.Function != "two" || k.Where != "puff.toml:16" || len(c.Commands) != 1 {
		t.Errorf("command x: got %+v", c.Commands)
	}
}

func TestCommandsMayHoldKeysOfTheirOwn(t *testing.T) {
	c := parse(t, "[[commands]]\ncommand_name = 'x'\nfunction = 'a.b'\nhelp = 'mine'\nretries = 3\n")
	if len(c.Commands) != 1 || c.Commands[0] != (Command{"a.b", "x", "puff.toml:1"}) {
		t.Errorf("got %+v", c.Commands)
	}
}

func TestOldSpellingsAreUnderstood(t *testing.T) {
	c := parse(t, `
wsgi_app = "old.wsgi"
asgi_app = "old.asgi"
asgi = "new.asgi"
pytest = true
postgres = true
redis = true
pubsub = false
task_queue = true
graphql_schema = "a.Schema"
graphql_url = "/g"
graphql_subscription_url = "/s"
graphql_playground_url = "/p"
`)
	if c.WSGI != "old.wsgi" || c.ASGI != "new.asgi" || c.PytestPath != "./" {
		t.Errorf("got wsgi %q, asgi %q, pytest_path %q", c.WSGI, c.ASGI, c.PytestPath)
	}
	if len(c.Postgres) != 1 || len(c.Redis) != 1 || len(c.PubSub) != 0 || len(c.TaskQueue) != 1 {
		t.Errorf("services: got %v %v %v %v", c.Postgres, c.Redis, c.PubSub, c.TaskQueue)
	}
	want := []GraphQL{{
		Enable: true, Name: "default", Schema: "a.Schema", URL: "/g", SubscriptionURL: "/s",
		PlaygroundURL: "/p", Database: "default", Where: "puff.toml:10",
	}}
	if diff := cmp.Diff(c.GraphQL, want); diff != "" {
		t.Errorf("graphql: got - want +\n%s", diff)
	}
}

func TestOldestGraphQLSpellingNamesTheSchema(t *testing.T) {
	c := parse(t, "graphql = 'a.Schema'\ngraphql_url = '/g'\n")
	if len(c.GraphQL) != 1 || c.GraphQL[0].Schema != "a.Schema" || c.GraphQL[0].URL != "/g" || c.GraphQL[0].Database != "" {
		t.Errorf("got %+v", c.GraphQL)
	}
	if _, err := ParseConfig("puff.toml", []byte("\ngraphql = true\n")); err == nil || !strings.Contains(err.Error(), `puff.toml:2: graphql: "schema" is missing`) {
		t.Errorf("graphql = true alone: got %v", err)
	}
	if c := parse(t, "graphql = false\npytest = false\n"); len(c.GraphQL) != 0 || c.PytestPath != "" {
		t.Errorf("switched off: got %+v and %q", c.GraphQL, c.PytestPath)
	}
}

func TestSubscriptionsURLIsAnAlias(t *testing.T) {
	c := parse(t, "[[graphql]]\nschema = 'a.B'\nsubscriptions_url = '/s'\n")
	if got := c.GraphQL[0].SubscriptionURL; got != "/s" {
		t.Errorf("got %q, want /s", got)
	}
}

func TestCORSStartsFromItsBase(t *testing.T) {
	all, mirror := AllowList{Any: true}, AllowList{Mirror: true}
	tests := []struct {
		name, in string
		want     CORS
	}{
		{"nothing said", "[cors]\n", CORS{MaxAge: -1}},
		{"permissive", "[cors]\nbase_config = 'Permissive'\n", CORS{
			MaxAge: -1, AllowedOrigins: all, AllowedHeaders: all, AllowedMethods: all, ExposedHeaders: all,
		}},
		{"very permissive and changed", "[cors]\nbase_config = 'VeryPermissive'\nallowed_methods = ['GET']\n", CORS{
			MaxAge: -1, AllowCredentials: true, AllowedOrigins: mirror, AllowedHeaders: mirror,
			AllowedMethods: AllowList{Words: []string{"GET"}},
		}},
		{"own", "[cors]\nmax_age_secs = 60\nallowed_origins = ['http://a.test:80/', 'https://b.test']\nallowed_headers = ['x', '*']\n", CORS{
			MaxAge: time.Minute, AllowedOrigins: AllowList{Words: []string{"http://a.test:80", "https://b.test"}}, AllowedHeaders: all,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(*parse(t, tt.in).CORS, tt.want); diff != "" {
				t.Errorf("got - want +\n%s", diff)
			}
		})
	}
	if c := parse(t, ""); c.CORS != nil {
		t.Errorf("without the table: got %+v, want nil", c.CORS)
	}
}
