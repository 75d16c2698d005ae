package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pelletier/go-toml/v2"

	"github.com/puffstack/puff"
)

// commentedKey is a key that the sample leaves out; prose has a space.
var commentedKey = regexp.MustCompile(`(?m)^#([a-z_]+ = )`)

// complete is the sample with every key in it.
func complete() string { return commentedKey.ReplaceAllString(example(), "$1") }

func TestExampleIsAValidConfiguration(t *testing.T) {
	for name, text := range map[string]string{"as printed": example(), "with every key": complete()} {
		c, err := puff.ParseConfig("puff.toml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := c.Serve.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExampleSaysTheDefaults(t *testing.T) {
	c, err := puff.ParseConfig("", []byte(example()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Serve, puff.NewConfig().Serve, cmpopts.IgnoreUnexported(puff.ServeConfig{})); diff != "" {
		t.Errorf("serve: got - want +\n%s", diff)
	}
	d := puff.NewConfig()
	if c.Greenlets != d.Greenlets || c.Asyncio != d.Asyncio || c.Dotenv != d.Dotenv || c.Django != d.Django ||
		c.AddCwdToPath != d.AddCwdToPath || c.CompressionMiddleware != d.CompressionMiddleware ||
		c.Embedded != d.Embedded || c.Psycopg2 != d.Psycopg2 {
		t.Errorf("got %+v, want %+v", c, d)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	var got map[string]any
	if err := toml.Unmarshal([]byte(complete()), &got); err != nil {
		t.Fatal(err)
	}
	want := puff.ConfigKeys()
	for _, key := range want {
		table, key, nested := strings.Cut(key, ".")
		var x any = got[table]
		if list, ok := x.([]any); ok && nested {
			x = list[0]
		}
		if entry, ok := x.(map[string]any); ok && nested {
			x = entry[key]
		}
		if x == nil {
			t.Errorf("the sample lacks %s %s", table, key)
		}
	}
	if !slices.Contains(want, "postgres.pool_size") || !slices.Contains(want, "serve.head_timeout") || !slices.Contains(want, "cors.max_age_secs") {
		t.Errorf("got the keys %q", want)
	}
}
