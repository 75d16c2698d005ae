package puff

// What a project says about itself in puff.toml. LoadConfig finds and reads
// the file; config_decode.go knows TOML, config_legacy.go the old spellings,
// config_settings.go the keys of [serve].

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Config is a project's puff.toml. NewConfig fills in the defaults.
type Config struct {
	// File is the file it was read from, "" when there was none.
	File string `toml:"-"`
	// DotenvFile is the env file that was loaded, "" when there was none.
	DotenvFile string `toml:"-"`

	// Django registers the command "puff django". Default: false.
	Django bool `toml:"django"`
	// Greenlets lets synchronous Python run in greenlets. Default: true.
	Greenlets bool `toml:"greenlets"`
	// Asyncio starts the event loop at once instead of at its first use.
	// Default: false.
	Asyncio bool `toml:"asyncio"`
	// Dotenv loads an env file before anything else. Default: true.
	Dotenv bool `toml:"dotenv"`
	// DotenvPath is that file. Default: the nearest .env upwards.
	DotenvPath string `toml:"dotenv_path"`
	// AddCwdToPath puts the current folder in front of sys.path. Default:
	// true.
	AddCwdToPath bool `toml:"add_cwd_to_path"`
	// CompressionMiddleware compresses answers as the client allows. Default:
	// false.
	CompressionMiddleware bool `toml:"compression_middleware"`
	// PytestPath is the folder of the tests and registers "puff pytest".
	// Default: none.
	PytestPath string `toml:"pytest_path"`
	// WSGI is the dotted path of the WSGI application. Default: none.
	WSGI string `toml:"wsgi"`
	// ASGI is the dotted path of the ASGI application. Default: none.
	ASGI string `toml:"asgi"`
	// Embedded says when Puff starts services of its own: "auto", "never" or
	// "always". Default: "auto".
	Embedded string `toml:"embedded" oneof:"auto never always"`
	// Python is the interpreter to load. Default: none, Puff looks for one.
	Python string `toml:"python"`
	// Psycopg2 puts Puff's driver in the place of psycopg2. Default: true.
	Psycopg2 bool `toml:"psycopg2"`

	// CORS is nil when the file has no [cors].
	CORS *CORS `toml:"-"`
	// Commands are the commands of the project. Names are unique.
	Commands []Command `toml:"commands" loose:"true"`
	// Postgres and the other services hold what is enabled. Names are unique.
	Postgres  []Postgres  `toml:"postgres"`
	Redis     []Redis     `toml:"redis"`
	PubSub    []PubSub    `toml:"pubsub"`
	TaskQueue []TaskQueue `toml:"task_queue"`
	// HTTPClient always holds a client named "default".
	HTTPClient []HTTPClient `toml:"http_client"`
	GraphQL    []GraphQL    `toml:"graphql"`
	Static     []Static     `toml:"static"`

	// Serve is what "puff serve" starts from.
	Serve ServeConfig `toml:"-"`

	lines map[string]int
}

// DefaultConfigFile is read when nobody names another file.
const DefaultConfigFile = "puff.toml"

// configVariables name the file. The second is how older documents spell it.
var configVariables = []string{"PUFF_CONFIG", "PUFF_CONFG"}

// NewConfig returns the configuration of a project without puff.toml.
func NewConfig() *Config {
	c := &Config{
		Greenlets:    true,
		Dotenv:       true,
		AddCwdToPath: true,
		Embedded:     "auto",
		Psycopg2:     true,
		Serve:        newServe(),
	}
	c.settle()
	return c
}

// LoadConfig reads file. When file is "" it reads what PUFF_CONFIG names,
// else puff.toml of the current folder if there is one.
func LoadConfig(file string) (*Config, error) {
	var by string
	for _, name := range configVariables {
		if file == "" {
			file, by = os.Getenv(name), " (named by "+name+")"
		}
	}
	if file == "" {
		c, err := ReadConfig(DefaultConfigFile)
		if errors.Is(err, fs.ErrNotExist) {
			return NewConfig(), nil
		}
		return c, err
	}
	c, err := ReadConfig(file)
	if errors.Is(err, fs.ErrNotExist) && by != "" {
		return nil, fmt.Errorf("%w%s", err, by)
	}
	return c, err
}

// ReadConfig reads one file.
func ReadConfig(file string) (*Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathError.Err
		}
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return ParseConfig(file, data)
}

// ParseConfig reads what stands in a file; errors call it by the given name.
func ParseConfig(file string, data []byte) (*Config, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	raw, lines, err := parseTOML(file, data)
	if err != nil {
		return nil, err
	}
	c := NewConfig()
	c.File, c.lines = file, lines
	d := &decoder{file: file, lines: lines, written: map[string]string{}}
	d.modernize(raw)
	d.config(c, raw)
	if err := d.first(); err != nil {
		return nil, err
	}
	c.settle()
	return c, nil
}

// Where says in which file and line a key stands, as in "puff.toml:7"; "" when
// the file does not have it. Tables and keys are joined with dots: "serve.port".
func (c *Config) Where(key string) string {
	if line, ok := c.lines[key]; ok {
		return fmt.Sprintf("%s:%d", c.File, line)
	}
	return ""
}

// ApplyEnv gives everything that all commands need its value from the
// environment: the interpreter, the services' URLs, the psycopg2 switch. What
// only serve needs is left to ServeConfig.ApplyEnv, so that a wrong PUFF_PORT
// does not stop other commands.
func (c *Config) ApplyEnv(lookup func(string) (string, bool)) error {
	for _, u := range c.FlagURLs() {
		if text, ok := lookup(u.Env()); ok && text != "" {
			c.SetURL(u.Kind, u.Name, text, FromEnv(u.Env()))
		}
	}
	if text, ok := lookup("PUFF_PYTHON"); ok && text != "" {
		if err := c.Serve.Set("python", text, FromEnv("PUFF_PYTHON")); err != nil {
			return err
		}
		c.Python = c.Serve.Python
	}
	if text, ok := lookup("PUFF_PSYCOPG2"); ok && text != "" {
		if err := (boolValue{&c.Psycopg2}).Set(text); err != nil {
			return &ValueError{From: FromEnv("PUFF_PSYCOPG2"), Problem: err.Error()}
		}
	}
	return nil
}

// ChooseApplication completes s, after everything else has been given, with the
// application of wsgi or asgi when s names none. It reports whether there is
// anything to serve: without an application that is what Puff answers itself.
func (c *Config) ChooseApplication(s *ServeConfig) bool {
	key, app := "wsgi", c.WSGI
	if wantsASGI := strings.HasPrefix(s.Interface, "asgi"); app == "" || wantsASGI && c.ASGI != "" {
		key, app = "asgi", c.ASGI
	}
	if s.App == "" && app != "" {
		s.App = app
		s.remember("app", FromFile(c.Where(key)))
		if s.Interface == "auto" {
			s.Interface = key
			s.remember("interface", FromFile(c.Where(key)))
		}
	}
	return s.App != "" || c.routed() || len(c.Static)+len(s.Static) > 0
}

// routed reports whether there are paths that Puff answers with Python of the project's, besides the application.
func (c *Config) routed() bool {
	return slices.ContainsFunc(c.GraphQL, func(g GraphQL) bool { return g.URL != "" || g.SubscriptionURL != "" })
}
