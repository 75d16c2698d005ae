package puff

// The one table of what "puff serve" can be told. Flags, environment
// variables, the keys of [serve], the help and the sample file all follow
// from it, so none of them can say something else.

import (
	"math"
	"slices"
	"strings"
)

// Setting is one thing "puff serve" can be told.
type Setting struct {
	// Name is the flag without its dashes: "head-timeout".
	Name string
	// Group is the heading it stands under in the help.
	Group string
	// Arg is what stands for the value in the help; empty for a switch.
	Arg string
	// Help is one sentence.
	Help string
	// Repeat says that the flag may be given several times.
	Repeat bool
	// Positional says that there is no flag, because it is typed without one.
	Positional bool
	// Global says that all commands take the flag, not only serve.
	Global bool

	// of names the setting whose value this one changes, if it is another.
	of    string
	value func(*ServeConfig) value
}

// Settings lists the settings in the order of the help.
func Settings() []Setting { return slices.Clone(settings) }

// Groups lists the headings of the help in their order.
func Groups() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.Group)
	}
	return unique(names)
}

// Unavailable lists the documented names that this version cannot honour:
// puff.toml may hold them, but serve refuses them, and there are no flags.
func Unavailable() []string { return slices.Clone(notYet) }

// Env is the environment variable of the setting: PUFF_HEAD_TIMEOUT.
func (s Setting) Env() string { return "PUFF_" + strings.ToUpper(s.Key()) }

// Key is the key of [serve] in puff.toml: head_timeout.
func (s Setting) Key() string { return strings.ReplaceAll(s.Name, "-", "_") }

// Value shows what c has for the setting.
func (s Setting) Value(c ServeConfig) string { return s.value(&c).String() }

// Default shows the value when nobody gives one.
func (s Setting) Default() string { return s.Value(newServe()) }

// Want says which values are allowed.
func (s Setting) Want() string { return s.value(&ServeConfig{}).Want() }

// holder names the setting that remembers the origin.
func (s Setting) holder() string {
	if s.of != "" {
		return s.of
	}
	return s.Name
}

func settingNamed(name string) (Setting, bool) {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return settings[i], true
}

func text(field func(*ServeConfig) *string) func(*ServeConfig) value {
	return func(c *ServeConfig) value { return textValue{field(c)} }
}

func choice(field func(*ServeConfig) *string, words ...string) func(*ServeConfig) value {
	return func(c *ServeConfig) value { return choiceValue{field(c), words} }
}

const noLimit = math.MaxInt32

// settings is never changed.
var settings = []Setting{
	{
		Name: "app", Group: "Application", Arg: "APP", Positional: true,
		Help:  "The application, as module:attr or as a dotted path.",
		value: text(func(c *ServeConfig) *string { return &c.App }),
	},
	{
		Name: "interface", Group: "Application", Arg: "auto|wsgi|asgi|asgi3",
		Help:  "What the application speaks.",
		value: choice(func(c *ServeConfig) *string { return &c.Interface }, "auto", "wsgi", "asgi", "asgi3"),
	},
	{
		Name: "lifespan", Group: "Application", Arg: "auto|on|off",
		Help:  "Whether an ASGI application is told of start and end.",
		value: choice(func(c *ServeConfig) *string { return &c.Lifespan }, "auto", "on", "off"),
	},
	{
		Name: "app-dir", Group: "Application", Arg: "DIR",
		Help:  "Import the application from this folder.",
		value: text(func(c *ServeConfig) *string { return &c.AppDir }),
	},
	{
		Name: "python", Group: "Application", Arg: "PATH", Global: true,
		Help:  "The Python to load: an interpreter of version 3.10 or later.",
		value: text(func(c *ServeConfig) *string { return &c.Python }),
	},
	{
		Name: "root-path", Group: "Application", Arg: "PATH",
		Help:  "The path under which a proxy mounts the application.",
		value: text(func(c *ServeConfig) *string { return &c.RootPath }),
	},
	{
		Name: "factory", Group: "Application",
		Help:  "Call APP to get the application.",
		value: func(c *ServeConfig) value { return boolValue{&c.Factory} },
	},

	{
		Name: "host", Group: "Sockets", Arg: "HOST",
		Help:  "Listen on this host.",
		value: text(func(c *ServeConfig) *string { return &c.Host }),
	},
	{
		Name: "port", Group: "Sockets", Arg: "PORT",
		Help:  "Listen on this port; 0 takes any free one.",
		value: func(c *ServeConfig) value { return intValue{&c.Port, 0, 65535} },
	},
	{
		Name: "bind", Group: "Sockets", Arg: "HOST:PORT", Repeat: true,
		Help:  "Listen on this address; may be given several times.",
		value: func(c *ServeConfig) value { return bindValue{&c.Bind} },
	},
	{
		Name: "backlog", Group: "Sockets", Arg: "N",
		Help:  "How many connections may wait to be accepted.",
		value: func(c *ServeConfig) value { return intValue{&c.Backlog, 1, noLimit} },
	},
	{
		Name: "reuse-port", Group: "Sockets",
		Help:  "Let several processes listen on the same address.",
		value: func(c *ServeConfig) value { return boolValue{&c.ReusePort} },
	},

	{
		Name: "blocking-threads", Group: "Processes", Arg: "N",
		Help:  "Threads for blocking Python functions.",
		value: func(c *ServeConfig) value { return intValue{&c.BlockingThreads, 1, noLimit} },
	},
	{
		Name: "graceful-timeout", Group: "Processes", Arg: "TIME",
		Help:  "How long requests may take to end after SIGTERM or Ctrl-C.",
		value: func(c *ServeConfig) value { return durationValue{&c.GracefulTimeout} },
	},

	{
		Name: "head-timeout", Group: "Limits", Arg: "TIME",
		Help:  "How long a request's head may take.",
		value: func(c *ServeConfig) value { return durationValue{&c.HeadTimeout} },
	},
	{
		Name: "body-timeout", Group: "Limits", Arg: "TIME",
		Help:  "How long a request's body may pause.",
		value: func(c *ServeConfig) value { return durationValue{&c.BodyTimeout} },
	},
	{
		Name: "write-timeout", Group: "Limits", Arg: "TIME",
		Help:  "How long a client may take to accept a piece of an answer.",
		value: func(c *ServeConfig) value { return durationValue{&c.WriteTimeout} },
	},
	{
		Name: "keep-alive", Group: "Limits", Arg: "TIME",
		Help:  "How long an idle connection stays open.",
		value: func(c *ServeConfig) value { return durationValue{&c.KeepAlive} },
	},
	{
		Name: "max-body-size", Group: "Limits", Arg: "SIZE",
		Help:  "The most bytes of a request's body.",
		value: func(c *ServeConfig) value { return sizeValue{&c.MaxBodySize} },
	},
	{
		Name: "max-head-size", Group: "Limits", Arg: "SIZE",
		Help:  "The most bytes of a request's head.",
		value: func(c *ServeConfig) value { return sizeValue{&c.MaxHeadSize} },
	},
	{
		Name: "max-headers", Group: "Limits", Arg: "N",
		Help:  "The most fields of a request's head.",
		value: func(c *ServeConfig) value { return intValue{&c.MaxHeaders, 0, noLimit} },
	},
	{
		Name: "max-request-line", Group: "Limits", Arg: "SIZE",
		Help:  "The most bytes of a request line.",
		value: func(c *ServeConfig) value { return sizeValue{&c.MaxRequestLine} },
	},
	{
		Name: "limit-connections", Group: "Limits", Arg: "N",
		Help:  "The most connections open at a time.",
		value: func(c *ServeConfig) value { return intValue{&c.LimitConnections, 0, noLimit} },
	},
	{
		Name: "max-requests-per-connection", Group: "Limits", Arg: "N",
		Help:  "The most requests on one connection.",
		value: func(c *ServeConfig) value { return intValue{&c.MaxRequestsPerConnection, 0, noLimit} },
	},

	{
		Name: "server-header", Group: "Answers", Arg: "NAME",
		Help:  "The Server field of answers.",
		value: func(c *ServeConfig) value { return nameValue{&c.ServerHeader} },
	},
	{
		Name: "no-server-header", Group: "Answers", of: "server-header",
		Help:  "Leave the Server field out.",
		value: func(c *ServeConfig) value { return offValue{&c.ServerHeader} },
	},
	{
		Name: "no-date-header", Group: "Answers",
		Help:  "Leave the Date field out.",
		value: func(c *ServeConfig) value { return boolValue{&c.NoDateHeader} },
	},

	{
		Name: "log-level", Group: "Logs", Arg: "debug|info|warning|error",
		Help:  "The least important messages that are logged.",
		value: choice(func(c *ServeConfig) *string { return &c.LogLevel }, "debug", "info", "warning", "error"),
	},
}

// notYet is never changed.
var notYet = []string{
	"access-log", "access-log-file", "forwarded-allow-ips", "http",
	"limit-concurrency", "limit-queue", "log-format", "max-age",
	"max-requests", "max-requests-jitter", "max-rss", "metrics", "no-ws",
	"pid-file", "proxy-allow-from", "proxy-protocol", "request-timeout",
	"static", "tls-ca", "tls-cert", "tls-client-auth", "tls-key",
	"tls-key-password", "uds-mode", "worker-timeout", "workers", "ws",
	"ws-max-queue", "ws-max-size", "ws-per-message-deflate",
	"ws-ping-interval", "ws-ping-timeout",
}
