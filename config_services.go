package puff

// The services of puff.toml: one type per kind of entry, what they are when
// nothing is said, and how flags and variables name their URLs.

import (
	"runtime"
	"slices"
	"strings"
	"time"
)

// The URLs of services that nobody gave one.
const (
	defaultPostgresURL = "postgres://postgres:password@localhost:5432/postgres"
	defaultRedisURL    = "redis://localhost:6379"
)

// Postgres is one entry of [[postgres]], a pool of connections.
type Postgres struct {
	// Enable false leaves the entry out. Default: true.
	Enable bool `toml:"enable"`
	// Name is how Python asks for it. Default: "default".
	Name string `toml:"name" required:"it may be left out, but not be empty"`
	// URL is the server, also as libpq's "key=value" text. Default:
	// postgres://postgres:password@localhost:5432/postgres.
	URL string `toml:"url"`
	// PoolSize is the most connections. Default: 10.
	PoolSize int `toml:"pool_size" min:"1"`
	// ConnectTimeout is how long connecting may take. Default: 5 s.
	ConnectTimeout time.Duration `toml:"connect_timeout"`
	// PoolTimeout is how long to wait for a free connection. Default: 5 s.
	PoolTimeout time.Duration `toml:"pool_timeout"`
	// StatementTimeout is how long a statement may take. Default: 0, no limit.
	StatementTimeout time.Duration `toml:"statement_timeout"`
	// Share has reads that wait while every connection is in use go to the server
	// together, on the next one that is free. Default: true.
	Share bool `toml:"share"`
	// From says who gave the URL.
	From Origin `toml:"-"`
	// Where is the file and line of the entry.
	Where string `toml:"-"`
}

// Redis is one entry of [[redis]], a pool of connections.
type Redis struct {
	// Enable false leaves the entry out. Default: true.
	Enable bool `toml:"enable"`
	// Name is how Python asks for it. Default: "default".
	Name string `toml:"name" required:"it may be left out, but not be empty"`
	// URL is the server. Default: redis://localhost:6379.
	URL string `toml:"url"`
	// PoolSize is the most connections. Default: 10.
	PoolSize int `toml:"pool_size" min:"1"`
	// ConnectTimeout is how long connecting may take. Default: 5 s.
	ConnectTimeout time.Duration `toml:"connect_timeout"`
	// PoolTimeout is how long to wait for a free connection. Default: 5 s.
	PoolTimeout time.Duration `toml:"pool_timeout"`
	// CommandTimeout is how long a command may take that does not block by
	// its nature. Default: 5 s.
	CommandTimeout time.Duration `toml:"command_timeout"`
	// From says who gave the URL.
	From Origin `toml:"-"`
	// Where is the file and line of the entry.
	Where string `toml:"-"`
}

// PubSub is one entry of [[pubsub]]. Its pool publishes; listening has one
// more connection. The keys are those of Redis.
type PubSub Redis

// TaskQueue is one entry of [[task_queue]]. The keys are those of Redis, and
// how many tasks run at a time.
type TaskQueue struct {
	Redis
	// MaxConcurrentTasks is how many tasks this process runs at a time; 0
	// makes it a producer only. Default: 4 for each processor.
	MaxConcurrentTasks int `toml:"max_concurrent_tasks" min:"0"`
}

// HTTPClient is one entry of [[http_client]].
type HTTPClient struct {
	// Enable false leaves the entry out. Default: true.
	Enable bool `toml:"enable"`
	// Name is how Python asks for it. Default: "default".
	Name string `toml:"name" required:"it may be left out, but not be empty"`
	// HTTP2PriorKnowledge speaks HTTP/2 in clear text at once. Default: false.
	HTTP2PriorKnowledge bool `toml:"http2_prior_knowledge"`
	// MaxIdleConnections is the most idle connections per host, 0 for what the
	// client finds right. Default: 0.
	MaxIdleConnections int `toml:"max_idle_connections" min:"0"`
	// UserAgent is the User-Agent field of requests. Default: none, the
	// client's own.
	UserAgent string `toml:"user_agent"`
	// Timeout is how long a whole request may take. Default: 30 s.
	Timeout time.Duration `toml:"timeout"`
	// ConnectTimeout is how long connecting may take. Default: 5 s.
	ConnectTimeout time.Duration `toml:"connect_timeout"`
	// MaxBodySize is the most bytes of an answer that is not read in pieces,
	// after decompression. Default: 128 MiB.
	MaxBodySize Size `toml:"max_body_size"`
	// Proxy is the URL of the proxy of all requests, http, https or socks5.
	// Default: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say.
	Proxy string `toml:"proxy"`
	// TLSCA is the file with certificates of whom to trust. Default: those of
	// the system.
	TLSCA string `toml:"tls_ca"`
	// TLSCert and TLSKey are the files of the client's own certificate.
	// Default: none.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
	// TLSVerify false trusts any server. Default: true.
	TLSVerify bool `toml:"tls_verify"`
	// Where is the file and line of the entry.
	Where string `toml:"-"`
}

// GraphQL is one entry of [[graphql]].
type GraphQL struct {
	// Enable false leaves the entry out. Default: true.
	Enable bool `toml:"enable"`
	// Name is how Python asks for it. Default: "default".
	Name string `toml:"name" required:"it may be left out, but not be empty"`
	// Schema is the dotted path of the schema class.
	Schema string `toml:"schema" required:"the dotted path of the schema class"`
	// URL is the path that takes queries. Default: none.
	URL string `toml:"url"`
	// SubscriptionURL is the path that takes WebSockets. Default: none.
	SubscriptionURL string `toml:"subscription_url,subscriptions_url"`
	// PlaygroundURL is the path of the playground page. Default: none.
	PlaygroundURL string `toml:"playground_url"`
	// Database is the name of the [[postgres]] entry for SQL results. Default:
	// none.
	Database string `toml:"database"`
	// Where is the file and line of the entry.
	Where string `toml:"-"`
}

// Static is one entry of [[static]]: files that Puff serves itself.
type Static struct {
	// URL is the path in front of the files' names.
	URL string `toml:"url" required:"the path under which the files appear"`
	// Dir is their folder.
	Dir string `toml:"dir" required:"the folder of the files"`
	// CacheAge is how long clients may keep a file. Default: 0, not said.
	CacheAge time.Duration `toml:"cache_age"`
	// Index is the file served for a folder; true in the file means
	// index.html. Default: none.
	Index IndexFile `toml:"index"`
	// FollowSymlinks serves files outside of Dir that a link leads to.
	// Default: false.
	FollowSymlinks bool `toml:"follow_symlinks"`
	// Where is the file and line of the entry.
	Where string `toml:"-"`
}

// IndexFile is the name of a folder's own page, "" for none.
type IndexFile string

func newRedis() Redis {
	return Redis{
		Enable: true, Name: "default", URL: defaultRedisURL, PoolSize: 10,
		ConnectTimeout: 5 * time.Second, PoolTimeout: 5 * time.Second, CommandTimeout: 5 * time.Second,
	}
}

func (p *Postgres) setDefaults() {
	*p = Postgres{
		Enable: true, Name: "default", URL: defaultPostgresURL, PoolSize: 10,
		ConnectTimeout: 5 * time.Second, PoolTimeout: 5 * time.Second, Share: true,
	}
}

func (r *Redis) setDefaults()  { *r = newRedis() }
func (p *PubSub) setDefaults() { *p = PubSub(newRedis()) }

func (q *TaskQueue) setDefaults() {
	*q = TaskQueue{Redis: newRedis(), MaxConcurrentTasks: 4 * runtime.NumCPU()}
}

func (h *HTTPClient) setDefaults() {
	*h = HTTPClient{
		Enable: true, Name: "default", Timeout: 30 * time.Second, ConnectTimeout: 5 * time.Second,
		MaxBodySize: 128 << 20, TLSVerify: true,
	}
}

func (g *GraphQL) setDefaults() { *g = GraphQL{Enable: true, Name: "default"} }

// settle makes names unique, drops what is not enabled and adds the HTTP
// client that always exists.
func (c *Config) settle() {
	always := func(Command) bool { return true }
	c.Commands = settled(c.Commands, func(k Command) string { return k.Name }, always)
	c.Postgres = settled(c.Postgres, func(p Postgres) string { return p.Name }, func(p Postgres) bool { return p.Enable })
	c.Redis = settled(c.Redis, func(r Redis) string { return r.Name }, func(r Redis) bool { return r.Enable })
	c.PubSub = settled(c.PubSub, func(p PubSub) string { return p.Name }, func(p PubSub) bool { return p.Enable })
	c.TaskQueue = settled(c.TaskQueue, func(q TaskQueue) string { return q.Name }, func(q TaskQueue) bool { return q.Enable })
	c.HTTPClient = settled(c.HTTPClient, func(h HTTPClient) string { return h.Name }, func(h HTTPClient) bool { return h.Enable })
	c.GraphQL = settled(c.GraphQL, func(g GraphQL) string { return g.Name }, func(g GraphQL) bool { return g.Enable })
	if !slices.ContainsFunc(c.HTTPClient, func(h HTTPClient) bool { return h.Name == "default" }) {
		var h HTTPClient
		h.setDefaults()
		c.HTTPClient = append(c.HTTPClient, h)
	}
}

// settled keeps the last entry of each name, if it is enabled.
func settled[T any](list []T, name func(T) string, enabled func(T) bool) []T {
	var out []T
	for i, x := range list {
		later := slices.ContainsFunc(list[i+1:], func(y T) bool { return name(y) == name(x) })
		if !later && enabled(x) {
			out = append(out, x)
		}
	}
	return out
}

// ServiceURL is the URL of one configured service, which a flag and an
// environment variable of its own can set.
type ServiceURL struct {
	// Kind is "postgres", "redis", "pubsub" or "task-queue".
	Kind string
	// Name is the entry's name.
	Name string

	url  *string
	from *Origin
}

// ServiceURLs lists the URLs of the configured services, in the order of
// their kinds and of the file.
func (c *Config) ServiceURLs() []ServiceURL {
	var list []ServiceURL
	for i := range c.Postgres {
		p := &c.Postgres[i]
		list = append(list, ServiceURL{"postgres", p.Name, &p.URL, &p.From})
	}
	for i := range c.Redis {
		r := &c.Redis[i]
		list = append(list, ServiceURL{"redis", r.Name, &r.URL, &r.From})
	}
	for i := range c.PubSub {
		p := &c.PubSub[i]
		list = append(list, ServiceURL{"pubsub", p.Name, &p.URL, &p.From})
	}
	for i := range c.TaskQueue {
		q := &c.TaskQueue[i]
		list = append(list, ServiceURL{"task-queue", q.Name, &q.URL, &q.From})
	}
	return list
}

// defaultURLs are where the services are that need no entry, by kind.
var defaultURLs = [...]struct{ kind, url string }{
	{"postgres", defaultPostgresURL}, {"redis", defaultRedisURL}, {"pubsub", defaultRedisURL},
}

// FlagURLs lists the URLs that flags set, by SetURL: those of the configured services, and
// of the services named default, which need no entry.
func (c *Config) FlagURLs() []ServiceURL {
	list := c.ServiceURLs()
	for _, d := range defaultURLs {
		if !slices.ContainsFunc(list, func(u ServiceURL) bool { return u.is(d.kind, "default") }) {
			list = append(list, ServiceURL{d.kind, "default", &d.url, &Origin{}})
		}
	}
	return list
}

// SetURL gives a service of FlagURLs its URL, unless a stronger origin has, and an entry if
// it has none.
func (c *Config) SetURL(kind, name, url string, from Origin) {
	same := func(u ServiceURL) bool { return u.is(kind, name) }
	if !slices.ContainsFunc(c.ServiceURLs(), same) {
		switch kind {
		case "postgres":
			var p Postgres
			p.setDefaults()
			c.Postgres = append(c.Postgres, p)
		case "redis":
			c.Redis = append(c.Redis, newRedis())
		case "pubsub":
			c.PubSub = append(c.PubSub, PubSub(newRedis()))
		}
	}
	urls := c.ServiceURLs()
	urls[slices.IndexFunc(urls, same)].Set(url, from)
}

func (u ServiceURL) is(kind, name string) bool { return u.Kind == kind && u.Name == name }

// Flag is the flag without its dashes: "default-task-queue-url".
func (u ServiceURL) Flag() string { return strings.ToLower(u.Name) + "-" + u.Kind + "-url" }

// Env is the environment variable: PUFF_DEFAULT_TASK_QUEUE_URL.
func (u ServiceURL) Env() string {
	return "PUFF_" + strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(strings.ToUpper(u.Name+"_"+u.Kind)) + "_URL"
}

// libpqPlaces are the variables by which libpq is told where PostgreSQL is, and the
// keywords of the same meaning. The rest of its variables count with them.
var libpqPlaces = [][2]string{{"PGSERVICE", "service"}, {"PGHOSTADDR", "hostaddr"}, {"PGHOST", "host"}}

// ask takes the URL from the environment if that has it. Where nobody gave one for
// PostgreSQL, libpq's variables are it.
func (u ServiceURL) ask(lookup func(string) (string, bool)) {
	if text, ok := lookup(u.Env()); ok && text != "" {
		u.Set(text, FromEnv(u.Env()))
	}
	if u.Kind != "postgres" || !u.from.IsDefault() {
		return
	}
	for _, place := range libpqPlaces {
		if text, ok := lookup(place[0]); ok && text != "" {
			u.Set(place[1]+"='"+strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text)+"'", FromEnv(place[0]))
			return
		}
	}
}

// URL is the URL as it stands.
func (u ServiceURL) URL() string { return *u.url }

// Set changes the URL, unless a stronger origin has given it.
func (u ServiceURL) Set(url string, from Origin) {
	if !from.Weaker(*u.from) {
		*u.url, *u.from = url, from
	}
}
