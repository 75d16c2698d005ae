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

// settings is never changed. Its parts are in config_settings_sockets.go and config_settings_work.go.
var settings = slices.Concat(
	settingsOfApplication,
	settingsOfSockets,
	settingsOfTLS,
	settingsOfWebSocket,
	settingsOfProcesses,
	settingsOfLimits,
	settingsOfFiles,
	settingsOfAnswers,
	settingsOfLogs,
)

var settingsOfApplication = []Setting{
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
}
