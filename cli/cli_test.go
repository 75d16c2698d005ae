package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/puffstack/puff"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"puff": func() { os.Exit(Main(showing(os.Stdout), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// showing makes bodies that print what they are given, since the scripts are
// about what reaches a body and not about what it does.
func showing(w io.Writer) Deps {
	program := func(name string) func(context.Context, *puff.Config, []string) error {
		return func(_ context.Context, c *puff.Config, args []string) error {
			fmt.Fprintf(w, "%s %q\n", name, args)
			showServices(w, c)
			return nil
		}
	}
	return Deps{
		Serve: func(_ context.Context, c *puff.Config, app string, s puff.ServeConfig) error {
			fmt.Fprintf(w, "serve %q\n", app)
			fmt.Fprintf(w, "addresses %s\n", strings.Join(s.Addresses(), " "))
			showSettings(w, s)
			showServices(w, c)
			return nil
		},
		Dev: func(_ context.Context, _ *puff.Config, app string, s puff.ServeConfig) error {
			fmt.Fprintf(w, "dev %q\naddresses %s\n", app, strings.Join(s.Addresses(), " "))
			return nil
		},
		Run: func(_ context.Context, c *puff.Config, command puff.Command, args []string) error {
			fmt.Fprintf(w, "run %s %q with python %q\n", command.Function, args, c.Python)
			showServices(w, c)
			switch command.Name {
			case "fails":
				return errors.New("connect to the moon: no cable")
			case "raises":
				return errors.New("Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n")
			case "exits":
				return fmt.Errorf("run: %w", puff.Exit{Code: 3})
			}
			return nil
		},
		Wait: func(context.Context, *puff.Config) error {
			fmt.Fprintln(w, "waiting")
			return nil
		},
		Python: program("python"),
		Django: program("django"),
		Pytest: program("pytest"),
		Status: func(_ context.Context, address string, watch bool, w io.Writer) error {
			fmt.Fprintf(w, "status of %s, watch %t\n", address, watch)
			return nil
		},
		Doctor: func(_ context.Context, c *puff.Config, w io.Writer) error {
			fmt.Fprintf(w, "file %q\n", c.File)
			showSettings(w, c.Serve)
			showServices(w, c)
			return nil
		},
	}
}

// showSettings prints what somebody has given.
func showSettings(w io.Writer, s puff.ServeConfig) {
	for _, setting := range puff.Settings() {
		if from := s.Origin(setting.Name); !from.IsDefault() {
			fmt.Fprintf(w, "%s = %s from %s\n", setting.Name, setting.Value(s), from)
		}
	}
}

func showServices(w io.Writer, c *puff.Config) {
	for _, u := range c.ServiceURLs() {
		fmt.Fprintf(w, "%s %s at %s\n", u.Kind, u.Name, u.URL())
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			// What the machine has set must not change what a script sees.
			var kept []string
			for _, v := range env.Vars {
				if !strings.HasPrefix(v, "PUFF_") {
					kept = append(kept, v)
				}
			}
			env.Vars = kept
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
	})
}

// status runs a command and checks the exit status: status 2 puff ...
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARG]...")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		_, got, _ = strings.Cut(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("got exit status %s, want %s", got, args[0])
	}
}

// run calls Main in this process.
func run(t *testing.T, d Deps, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(d, args, &out, &err)
	return code, out.String(), err.String()
}

func TestCommandsWithoutABodyDoNotExist(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"serve", "dev", "run", "wait_forever", "python", "doctor"} {
		code, _, stderr := run(t, Deps{}, name)
		if want := fmt.Sprintf("puff: unknown command %q", name); code != 2 || !strings.HasPrefix(stderr, want) {
			t.Errorf("%s: got %d and %q, want %q", name, code, stderr, want)
		}
	}
	if code, stdout, _ := run(t, Deps{}, "version"); code != 0 || stdout != "puff "+puff.Version+"\n" {
		t.Errorf("version: got %d and %q", code, stdout)
	}
}

func TestBodiesGetTheContextOfMain(t *testing.T) {
	t.Chdir(t.TempDir())
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "mine")
	var got any
	d := Deps{Wait: func(ctx context.Context, _ *puff.Config) error {
		got = ctx.Value(key{})
		return nil
	}}
	if code := MainContext(ctx, d, []string{"wait-forever"}, io.Discard, io.Discard); code != 0 || got != "mine" {
		t.Errorf("got status %d and %v, want 0 and mine", code, got)
	}
}

func TestHelpFitsIntoEightyColumns(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("puff.toml", []byte(example()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"", "serve", "dev", "new", "run", "wait_forever", "python", "doctor", "pytest", "hello", "example_config", "version", "help"} {
		args := []string{"help", topic}
		if topic == "" {
			args = args[:1]
		}
		code, stdout, stderr := run(t, showing(io.Discard), args...)
		if code != 0 || stderr != "" {
			t.Fatalf("%q: got status %d and %q", args, code, stderr)
		}
		for line := range strings.Lines(stdout) {
			line = strings.TrimSuffix(line, "\n")
			if utf8.RuneCountInString(line) > pageWidth || strings.TrimRight(line, " ") != line {
				t.Errorf("%q: the line %q is too long or ends in spaces", args, line)
			}
		}
	}
}

func TestHelpOfServeNamesEverySetting(t *testing.T) {
	t.Chdir(t.TempDir())
	_, stdout, _ := run(t, showing(io.Discard), "serve", "-h")
	for _, s := range puff.Settings() {
		if !s.Positional && !strings.Contains(stdout, "  --"+s.Name) {
			t.Errorf("the help lacks --%s", s.Name)
		}
	}
}
