package puff

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestWhereKnowsEveryKey(t *testing.T) {
	c := parse(t, `
wsgi = "x"
serve.port = 1
[[redis]]
name = "a"
[[redis]]
"pool_size" = 2
[cors]
max_age_secs = 1
`)
	tests := []struct{ key, want string }{
		{"wsgi", "puff.toml:2"}, {"serve", "puff.toml:3"}, {"serve.port", "puff.toml:3"},
		{"redis[0]", "puff.toml:4"}, {"redis[0].name", "puff.toml:5"}, {"redis[1]", "puff.toml:6"},
		{"redis[1].pool_size", "puff.toml:7"}, {"cors.max_age_secs", "puff.toml:9"}, {"asgi", ""},
	}
	for _, tt := range tests {
		if got := c.Where(tt.key); got != tt.want {
			t.Errorf("where is %s: got %q, want %q", tt.key, got, tt.want)
		}
	}
}

func TestConfigFileIsFoundInThisOrder(t *testing.T) {
	project(t, map[string]string{
		"puff.toml": "wsgi = 'default'\n", "env.toml": "wsgi = 'env'\n",
		"typo.toml": "wsgi = 'typo'\n", "arg.toml": "wsgi = 'arg'\n",
	})
	tests := []struct{ name, arg, env, typo, want string }{
		{"nothing named", "", "", "", "default"},
		{"misspelt variable", "", "", "typo.toml", "typo"},
		{"variable", "", "env.toml", "typo.toml", "env"},
		{"argument", "arg.toml", "env.toml", "typo.toml", "arg"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PUFF_CONFIG", tt.env)
			t.Setenv("PUFF_CONFG", tt.typo)
			c, err := LoadConfig(tt.arg)
			if err != nil {
				t.Fatal(err)
			}
			if c.WSGI != tt.want {
				t.Errorf("got %q, want %q", c.WSGI, tt.want)
			}
		})
	}
}

func TestMissingFileIsAnErrorOnlyWhenNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PUFF_CONFG", "")
	t.Setenv("PUFF_CONFIG", "")
	if c, err := LoadConfig(""); err != nil || c.File != "" {
		t.Errorf("nothing named: got %+v, %v", c, err)
	}
	t.Setenv("PUFF_CONFIG", "none.toml")
	_, err := LoadConfig("")
	if got, want := errorText(err), "read none.toml: no such file or directory (named by PUFF_CONFIG)"; got != want {
		t.Errorf("named by the environment:\n got %s\nwant %s", got, want)
	}
	_, err = LoadConfig("gone.toml")
	if got, want := errorText(err), "read gone.toml: no such file or directory"; got != want {
		t.Errorf("named: got %s, want %s", got, want)
	}
	if err := os.Mkdir("puff.toml", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PUFF_CONFIG", "")
	if _, err := LoadConfig(""); err == nil || strings.Contains(err.Error(), fs.ErrNotExist.Error()) {
		t.Errorf("a folder: got %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func FuzzConfigKnowsTheLineOfEveryKey(f *testing.F) {
	f.Add("wsgi = 'a'\n[[redis]]\nname = 'b'\n[serve]\nport = 1\n")
	f.Add("graphql = true\n[graphql.x]\n")
	f.Add("redis = [{name = 'a', x.y = [1, {z = 2}]}]\n")
	f.Add("[[a.b]]\n[a.b.c]\n[[a.b]]\nd.e = 1\n[a.b.c.f]\n[[a.b.g]]\n[[a.b.g]]\n")
	f.Add("commands = [[{}]]\n[cors]\nallowed_origins = ['http://[']\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig("f", []byte(text))
		if err != nil && !strings.HasPrefix(err.Error(), "read f:") {
			t.Errorf("parse %q: got %v, want a line", text, err)
		}
		if err == nil {
			c.Serve.Addresses()
		}
		// A quoted key may hold the dots and brackets that paths are made of.
		raw, lines, err := parseTOML("f", []byte(text))
		if err == nil && !strings.ContainsAny(text, `"'`) {
			checkLines(t, text, raw, lines, "")
		}
	})
}

// checkLines fails when a key of v has no line.
func checkLines(t *testing.T, text string, v any, lines map[string]int, path string) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			full := join(path, key)
			if lines[full] < 1 || lines[full] > 1+strings.Count(text, "\n") {
				t.Errorf("parse %q: got line %d for %s", text, lines[full], full)
			}
			checkLines(t, text, x, lines, full)
		}
	case []any:
		for i, x := range v {
			checkLines(t, text, x, lines, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}
