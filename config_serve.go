package puff

// How "puff serve" listens and what it allows: ServeConfig. The table of its
// settings, from which flags, variables and keys follow, is config_settings.go.

import (
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ServeConfig says what "puff serve" serves and how. NewConfig fills in the
// defaults; a limit or a timeout that is 0 does not exist.
type ServeConfig struct {
	// App is the application, as module:attr or as a dotted path. Default:
	// wsgi or asgi of puff.toml, see Config.ChooseApplication.
	App string
	// Interface is "auto", "wsgi", "asgi" or "asgi3". Default: "auto".
	Interface string
	// Lifespan is "auto", "on" or "off". Default: "auto".
	Lifespan string
	// AppDir is put in front of sys.path. Default: none.
	AppDir string
	// Python is the interpreter to load. Default: none, Puff looks for one.
	Python string
	// RootPath is the path under which a proxy mounts the application.
	// Default: none.
	RootPath string
	// Factory says that App is called to get the application. Default: false.
	Factory bool

	// Host is the host to listen on. Default: "127.0.0.1".
	Host string
	// Port is the port to listen on, 0 for any free one. Default: 7777.
	Port int
	// Bind lists addresses to listen on, HOST:PORT or unix:PATH; Addresses puts
	// them together with Host and Port. Default: none.
	Bind []string
	// UDSMode is the permissions of unix sockets. Default: 0600.
	UDSMode fs.FileMode
	// Backlog is the length of the queue of connections that the kernel holds
	// until they are accepted. Default: 2048.
	Backlog int
	// ReusePort lets several processes listen on one address. Default: false.
	ReusePort bool
	// ProxyProtocol says that every connection begins with the PROXY protocol.
	// Default: false.
	ProxyProtocol bool
	// ProxyAllowFrom is who may speak it. Default: nobody.
	ProxyAllowFrom []netip.Prefix
	// ForwardedAllowIPs is whose Forwarded and X-Forwarded-For, -Proto and
	// -Host are believed. Default: nobody's.
	ForwardedAllowIPs []netip.Prefix

	// TLSCert and TLSKey are files in PEM, in pairs: the first pair is the
	// default, the server's name picks another. Default: none, clear text.
	TLSCert, TLSKey []string
	// TLSKeyPassword is what the keys are encrypted with. Default: none.
	TLSKeyPassword string
	// TLSCA holds the authorities that sign clients. Default: none.
	TLSCA string
	// TLSClientAuth is "off", "optional" or "required". Default: "off".
	TLSClientAuth string
	// HTTP is the version that is spoken: "auto", "1" or "2". Default: "auto".
	HTTP string

	// WS accepts WebSockets. Default: true.
	WS bool
	// WSMaxSize is the most bytes of a message. Default: 16 MiB.
	WSMaxSize int64
	// WSMaxQueue is how many messages wait for the application before the
	// client is no longer read. Default: 32.
	WSMaxQueue int
	// WSPingInterval is how often a silent client is pinged. Default: 20 s.
	WSPingInterval time.Duration
	// WSPingTimeout is how long it may take to answer. Default: 20 s.
	WSPingTimeout time.Duration
	// WSPerMessageDeflate allows compression of messages. Default: true.
	WSPerMessageDeflate bool

	// Workers is the number of processes, 0 for one per processor. Default: 1.
	Workers int
	// WorkerTimeout is how long a lane may be silent before its worker is
	// replaced. Default: 30 s.
	WorkerTimeout time.Duration
	// MaxRequests replaces a worker that has answered as many, and by chance
	// up to MaxRequestsJitter more. Default: 0, no limit.
	MaxRequests, MaxRequestsJitter int
	// MaxAge replaces a worker of that age. Default: 0, no limit.
	MaxAge time.Duration
	// MaxRSS replaces a worker that holds more memory, in megabytes. Default:
	// 0, no limit.
	MaxRSS int
	// PIDFile holds the number of the parent process. Default: none.
	PIDFile string
	// BlockingThreads is the number of threads for blocking Python functions.
	// Default: 40.
	BlockingThreads int
	// GracefulTimeout is how long requests may take to end after a signal.
	// Default: 30 s.
	GracefulTimeout time.Duration

	// RequestTimeout is how long an answer may take. Default: 0, no limit.
	RequestTimeout time.Duration
	// LimitConcurrency is the most requests a worker handles at a time.
	// Default: 0, no limit.
	LimitConcurrency int
	// LimitQueue is the most requests that wait beyond those. Default: 0, none.
	LimitQueue int
	// HeadTimeout is how long a request's head may take. Default: 15 s.
	HeadTimeout time.Duration
	// BodyTimeout is how long a body may pause. Default: 30 s.
	BodyTimeout time.Duration
	// WriteTimeout is how long a client may take to accept a piece of an
	// answer. Default: 30 s.
	WriteTimeout time.Duration
	// KeepAlive is how long an idle connection stays open. Default: 75 s.
	KeepAlive time.Duration
	// MaxBodySize is the most bytes of a request's body. Default: 0, no limit.
	MaxBodySize int64
	// MaxHeadSize is the most bytes of a request's head. Default: 64 KiB.
	MaxHeadSize int64
	// MaxHeaders is the most fields of a head. Default: 256.
	MaxHeaders int
	// MaxRequestLine is the most bytes of a request line. Default: 16 KiB.
	MaxRequestLine int64
	// LimitConnections is the most connections open at a time. Default: 0, no
	// limit.
	LimitConnections int
	// MaxRequestsPerConnection is the most requests on one connection.
	// Default: 0, no limit.
	MaxRequestsPerConnection int

	// Static lists folders of files, before those of puff.toml. Default: none.
	Static []Static

	// ServerHeader is the Server field of answers, "" for none. Default:
	// "puff".
	ServerHeader string
	// NoDateHeader leaves the Date field out. Default: false.
	NoDateHeader bool
	// LogLevel is "debug", "info", "warning" or "error". Default: "info".
	LogLevel string
	// LogFormat is "text" or "json". Default: "text".
	LogFormat string
	// AccessLog is "off", "common", "combined", "json" or a format with atoms
	// such as %(h)s. Default: "off".
	AccessLog string
	// AccessLogFile is where to. Default: standard output.
	AccessLogFile string
	// Metrics is the address of metrics, health and the status page. Default:
	// none.
	Metrics string
	// HealthServices has health fail while a service in use is down. Default: false, it
	// says so and no more.
	HealthServices bool

	origins map[string]Origin
}

func newServe() ServeConfig {
	return ServeConfig{
		Interface:           "auto",
		Lifespan:            "auto",
		Host:                "127.0.0.1",
		Port:                7777,
		Backlog:             2048,
		UDSMode:             0o600,
		TLSClientAuth:       "off",
		HTTP:                "auto",
		WS:                  true,
		WSMaxSize:           16 << 20,
		WSMaxQueue:          32,
		WSPingInterval:      20 * time.Second,
		WSPingTimeout:       20 * time.Second,
		WSPerMessageDeflate: true,
		Workers:             1,
		WorkerTimeout:       30 * time.Second,
		BlockingThreads:     40,
		GracefulTimeout:     30 * time.Second,
		HeadTimeout:         15 * time.Second,
		BodyTimeout:         30 * time.Second,
		WriteTimeout:        30 * time.Second,
		KeepAlive:           75 * time.Second,
		MaxHeadSize:         64 << 10,
		MaxHeaders:          256,
		MaxRequestLine:      16 << 10,
		ServerHeader:        "puff",
		LogLevel:            "info",
		LogFormat:           "text",
		AccessLog:           "off",
	}
}

// Origin says where the value of a setting came from; name is the flag's name
// without dashes, as in "head-timeout".
func (s *ServeConfig) Origin(name string) Origin {
	setting, _ := settingNamed(name)
	return s.origins[setting.holder()]
}

// Set gives a setting a value read from text, unless a stronger origin has
// given it one. A flag that may be repeated adds to what the flag said before.
func (s *ServeConfig) Set(name, text string, from Origin) error {
	setting, ok := settingNamed(name)
	if !ok {
		return &ValueError{From: from, Problem: "unknown setting " + strconv.Quote(name)}
	}
	old := s.origins[setting.holder()]
	if from.Weaker(old) {
		return nil
	}
	v := setting.value(s)
	set := v.Set
	if l, isList := v.(adder); isList && from.rank == rankFlag && old.rank == rankFlag {
		set = l.Add
	}
	if err := set(text); err != nil {
		return &ValueError{From: from, Problem: err.Error()}
	}
	s.remember(setting.holder(), from)
	return nil
}

// remember makes a new map, because ServeConfig is handed on by value and two
// copies must not share what they remember.
func (s *ServeConfig) remember(name string, from Origin) {
	s.origins = maps.Clone(s.origins)
	if s.origins == nil {
		s.origins = map[string]Origin{}
	}
	s.origins[name] = from
}

// ApplyEnv gives the settings the values of their environment variables.
// An empty variable counts as not set.
func (s *ServeConfig) ApplyEnv(lookup func(string) (string, bool)) error {
	for _, setting := range settings {
		text, ok := lookup(setting.Env())
		if !ok || text == "" {
			continue
		}
		if err := s.Set(setting.Name, text, FromEnv(setting.Env())); err != nil {
			return err
		}
	}
	return nil
}

// Addresses lists what to listen on, as HOST:PORT or unix:PATH. Bind and Host with Port
// add up when they come from the same place; otherwise the stronger origin
// alone counts, so that "--port 9000" replaces a bind of puff.toml.
func (s *ServeConfig) Addresses() []string {
	bind, hostport := s.Origin("bind"), s.Origin("host")
	if hostport.Weaker(s.Origin("port")) {
		hostport = s.Origin("port")
	}
	var list []string
	if len(s.Bind) > 0 && !bind.Weaker(hostport) {
		list = append(list, s.Bind...)
	}
	if len(list) == 0 || hostport.rank == bind.rank && !hostport.IsDefault() {
		host := strings.Trim(s.Host, "[]")
		list = append(list, net.JoinHostPort(host, strconv.Itoa(s.Port)))
	}
	return unique(list)
}

// unique drops what was there before, keeping the order.
func unique(list []string) []string {
	var out []string
	for _, x := range list {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
