package cli

// puff example_config: a puff.toml with every key. The part above [serve] is
// example.toml; [serve] is written from the table of settings.

import (
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

//go:embed example.toml
var exampleHead string

func (a *app) exampleCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "example_config",
		Aliases: []string{"example-config"},
		Short:   "Print a puff.toml with every key, to cut down.",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.stdout, example())
			return err
		},
	}
}

func example() string {
	var b strings.Builder
	b.WriteString(exampleHead)
	group := ""
	for _, s := range puff.Settings() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n# --- %s ---\n", group)
		}
		fmt.Fprintf(&b, "# %s\n", s.Help)
		sample, off := exampleValue(s)
		if off {
			b.WriteString("#")
		}
		fmt.Fprintf(&b, "%s = %s\n", s.Key(), sample)
	}
	return b.String()
}

// samples are values, in TOML, for settings whose default is nothing.
var samples = map[string]string{
	"app":                 `"my_app.wsgi:application"`,
	"app-dir":             `"src"`,
	"python":              `".venv/bin/python"`,
	"root-path":           `"/api"`,
	"bind":                `["127.0.0.1:7777", "unix:/run/my_app.sock"]`,
	"proxy-allow-from":    `["10.0.0.0/8"]`,
	"forwarded-allow-ips": `["127.0.0.1", "::1"]`,
	"tls-cert":            `["cert.pem"]`,
	"tls-key":             `["key.pem"]`,
	"tls-key-password":    `"what they are encrypted with"`,
	"tls-ca":              `"clients.pem"`,
	"static":              `["/static=public"]`,
	"pid-file":            `"/run/my_app.pid"`,
	"access-log-file":     `"access.log"`,
	"metrics":             `"127.0.0.1:9777"`,
}

// exampleValue writes the default of s as TOML. A setting without one gets a
// sample, and is left commented out.
func exampleValue(s puff.Setting) (sample string, off bool) {
	d := s.Default()
	if text, ok := samples[s.Name]; ok {
		return text, true
	}
	if _, err := strconv.Atoi(d); err == nil || d == "true" || d == "false" {
		return d, false
	}
	return strconv.Quote(d), false
}
