package cli

// The help, written like a page: what it is, what there is, how it is used.

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/puffstack/puff"
)

const intro = `Puff runs Python: it serves WSGI and ASGI applications over HTTP, and runs ` +
	`commands and workers, in greenlets or on asyncio. A project describes itself in ` +
	`puff.toml.`

// globalRows are the flags that every command takes.
var globalRows = []row{
	{"--config FILE", "Read this file instead of puff.toml. PUFF_CONFIG does the same."},
	{"--python PATH", "The Python to load. PUFF_PYTHON does the same."},
	{"-h, --help", "Print this help, or that of the command."},
	{"-V, --version", "Print the version."},
}

var environment = []row{
	{"PUFF_CONFIG", "The file to read instead of puff.toml."},
	{"PUFF_PYTHON", "The Python to load; else the one beside puff, $VIRTUAL_ENV, .venv, or python3 on PATH."},
	{"PUFF_PSYCOPG2", "0 leaves the installed psycopg2 alone."},
	{"PUFF_...", "Each flag of serve: --head-timeout is PUFF_HEAD_TIMEOUT."},
}

const precedence = `A flag beats the environment, the environment beats puff.toml. Variables may ` +
	`also stand in a file .env, of this folder or one above.`

var examples = []string{
	"puff new my_app",
	"puff dev my_app.wsgi:application",
	"puff serve my_app.wsgi:application",
	"puff serve --interface asgi --bind :8000 --bind [::1]:8000 my_app:app",
	"puff --python .venv/bin/python python -m my_app",
	"puff example_config > puff.toml",
}

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain Puff or one of its commands.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.helpOf(a.root)
				return nil
			}
			return a.helpFor(args[0])
		},
	}
}

func (a *app) helpFor(name string) error {
	c := a.find(name)
	if c == nil {
		return a.unknownCommand(name)
	}
	a.helpOf(c)
	return nil
}

func (a *app) helpOf(c *cobra.Command) {
	p := &page{}
	switch {
	case c == a.root:
		a.rootPage(p)
	case c.Name() == "serve":
		a.commandPage(p, c)
		a.servePage(p)
	default:
		a.commandPage(p, c)
	}
	fmt.Fprint(a.stdout, p.String())
	if a.broken != nil {
		fmt.Fprintf(a.stderr, "puff: %v\nUntil that is repaired, commands and services of the file are not listed.\n", a.broken)
	}
}

func (a *app) rootPage(p *page) {
	p.text(intro)
	p.heading("Usage")
	p.line("puff [FLAG]... COMMAND [ARG]...")
	p.heading("Commands")
	p.rows(a.commandRows(""))
	if rows := a.commandRows(projectGroup); len(rows) > 0 {
		p.heading("Commands of puff.toml")
		p.rows(rows)
	}
	p.heading("Flags, before or after the command")
	p.rows(globalRows)
	a.servicePart(p)
	p.heading("Environment")
	p.rows(environment)
	p.gap()
	p.text(precedence)
	p.heading("Examples")
	for _, e := range examples {
		p.line(e)
	}
	p.gap()
	p.text(`"puff help COMMAND" explains a command.`)
}

// commandRows lists the commands of a group.
func (a *app) commandRows(group string) []row {
	var rows []row
	for _, c := range a.listed {
		if c.GroupID == group {
			rows = append(rows, row{c.Use, c.Short})
		}
	}
	return rows
}

// servicePart lists the flags of the services.
func (a *app) servicePart(p *page) {
	p.heading("Services")
	var rows []row
	for _, u := range a.config.FlagURLs() {
		rows = append(rows, row{"--" + u.Flag() + " URL", fmt.Sprintf("The URL of the %s %q. %s does the same.", strings.ReplaceAll(u.Kind, "-", " "), u.Name, u.Env())})
	}
	p.rows(rows)
}

func (a *app) commandPage(p *page, c *cobra.Command) {
	p.text(c.Short)
	p.heading("Usage")
	p.line("puff " + c.Use)
	for _, alias := range c.Aliases {
		p.line("puff " + alias)
	}
	if c.Long != "" {
		p.gap()
		p.text(c.Long)
	}
	switch c.Name() {
	case "serve":
	case "dev":
		p.gap()
		p.text(`Flags: see "puff serve --help".`)
	default:
		p.gap()
		p.text(`Flags of Puff itself: see "puff --help".`)
	}
}

// servePage lists the settings under their headings.
func (a *app) servePage(p *page) {
	for _, group := range puff.Groups() {
		var rows []row
		for _, s := range puff.Settings() {
			if s.Group == group && !s.Positional {
				rows = append(rows, settingRow(s))
			}
		}
		p.heading(group)
		p.rows(rows)
	}
	a.servicePart(p)
	p.gap()
	p.text(`TIME is in seconds ("1.5") or a duration ("1m30s"), SIZE in bytes or with a unit ` +
		`("64KiB", "10MB"); 0 is no limit. Each flag is also a variable, as ` +
		`PUFF_HEAD_TIMEOUT, and a key of [serve] in puff.toml, as head_timeout. ` + precedence)
}

func settingRow(s puff.Setting) row {
	left, right := "--"+s.Name, s.Help
	if s.Arg == "" {
		return row{left, right}
	}
	switch d := s.Default(); d {
	case "":
	case "0":
		right += " Default: no limit."
	default:
		right += " Default: " + d + "."
	}
	return row{left + " " + s.Arg, right}
}
