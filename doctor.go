package puff

// What "puff doctor" reports: what would be used, and what is missing.

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"text/tabwriter"
)

// Doctor writes what Puff would use: the interpreter and what it has, the
// configuration, the services. It returns an error when no program could run.
func (a *App) Doctor(ctx context.Context, c *Config, w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	row := func(name, value string) { fmt.Fprintf(t, "%s\t%s\n", name, value) }
	row("puff", Version)
	row("config", orElse(c.File, "no puff.toml here: every setting has its default"))
	if c.DotenvFile != "" {
		row("env file", c.DotenvFile)
	}
	found, err := FindPython(c, c.Serve.Python)
	if err != nil {
		row("python", "none that can be used")
		t.Flush()
		return err
	}
	row("python", found.Version+"  "+found.Executable)
	row("library", found.Library)
	if found.InVenv() {
		row("venv", found.Prefix)
	} else {
		row("venv", "none")
	}
	pip := found.Executable + " -m pip install "
	row("greenlet", orElse(found.Greenlet, "missing: WSGI and synchronous commands need it: "+pip+"greenlet"))
	row("uvloop", orElse(found.Uvloop, "missing: asyncio runs on its own loop: "+pip+"uvloop"))
	s := c.Serve
	if c.ChooseApplication(&s) {
		row("serves", orElse(s.App, "what puff.toml routes")+" on "+strings.Join(s.Addresses(), " "))
	}
	for _, command := range c.Commands {
		row("command", command.Name+"  "+command.Function)
	}
	urls := c.ServiceURLs()
	states := make([]string, len(urls))
	var asked sync.WaitGroup // together: one that is silent takes seconds
	for i, u := range urls {
		asked.Go(func() { states[i] = c.checkService(ctx, u) })
	}
	asked.Wait()
	for i, u := range urls {
		row(u.Kind, u.Name+"  "+states[i])
	}
	if len(urls) == 0 {
		row("services", "none configured: one that is used is at its default, or Puff runs it")
	}
	return nil
}

// maskURL is a URL as it may be shown: without its password.
func maskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return "(set)" // a libpq string or worse: it may hold a password anywhere
	}
	return u.Redacted()
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
