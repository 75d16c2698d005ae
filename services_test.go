package puff

// The services of a process: opened when used, asked when down, closed once.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/puffstack/puff/internal/testkit"
)

// servicesOf returns those of a puff.toml.
func servicesOf(t *testing.T, text string) *services {
	t.Helper()
	name := filepath.Join(t.TempDir(), "puff.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(name)
	if err != nil {
		t.Fatal(err)
	}
	s := newServices()
	s.use(c)
	return s
}

const awayToml = `
[[redis]]
url = "redis://me:secret@127.0.0.1:1"
[[pubsub]]
url = "redis://me:secret@127.0.0.1:1"
[[postgres]]
name = "shop"
url = "postgres://me:secret@127.0.0.1:1/shop"
[[http_client]]
`

func TestServicesThatNobodyUsesAreNotThere(t *testing.T) {
	testkit.NoLeaks(t)
	s := servicesOf(t, awayToml)
	if got := s.pools(); len(got) != 0 {
		t.Errorf("got the pools %+v", got)
	}
	s.probeDown()
	s.end(t.Context())
}

func TestAServiceThatIsDownSaysWhichSinceWhenAndWhatToDo(t *testing.T) {
	testkit.NoLeaks(t)
	s := servicesOf(t, awayToml)
	defer s.end(context.Background())
	pg, err := s.postgresNamed("shop")
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.redisNamed("default")
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.pubsubNamed("default")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err   error
		words []string
	}{
		{pg.Ping(t.Context()), []string{`postgres "shop"`, "postgres://me:***@127.0.0.1:1/shop", "--shop-postgres-url"}},
		{r.Ping(t.Context()), []string{`redis "default"`, "redis://me:xxxxx@127.0.0.1:1", "--default-redis-url"}},
		{h.Client().Ping(t.Context()), []string{`redis "default"`, "redis://me:xxxxx@127.0.0.1:1", "--default-pubsub-url"}},
	} {
		if c.err == nil {
			t.Fatal("somebody listens on port 1")
		}
		for _, word := range append(c.words, "connection refused", "down since ", `"puff doctor"`, `"puff services"`) {
			if !strings.Contains(c.err.Error(), word) {
				t.Errorf("%q does not say %q", c.err, word)
			}
		}
		if strings.Contains(c.err.Error(), "secret") {
			t.Errorf("%q shows the password", c.err)
		}
	}
	pools := s.pools()
	if len(pools) != 3 {
		t.Errorf("got %d pools, want 3: %+v", len(pools), pools)
	}
	for _, p := range pools {
		if p.DownSince.IsZero() || p.Why == "" || p.Errors["down"] == 0 || strings.Contains(p.Server, "secret") {
			t.Errorf("got %+v, want since when and why it is down", p)
		}
	}
}

func TestAServiceThatIsBackIsFoundWithoutBeingUsed(t *testing.T) {
	testkit.NoLeaks(t)
	server := testkit.Redis(t)
	s := servicesOf(t, `[[redis]]`+"\nurl = \""+server.URL+"\"\n")
	defer s.end(context.Background())
	c, err := s.redisNamed("default")
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if c.Ping(t.Context()) == nil {
		t.Fatal("a dead server answers")
	}
	server.Start(t)
	testkit.Wait(t, "it counts as up", func() bool {
		s.probeDown()
		return c.Stats().DownSince.IsZero()
	})
}

func TestNothingIsOpenedAfterTheEnd(t *testing.T) {
	testkit.NoLeaks(t)
	s := servicesOf(t, awayToml)
	pg, err := s.postgresNamed("shop")
	if err != nil {
		t.Fatal(err)
	}
	s.end(t.Context())
	s.end(t.Context()) // again does nothing
	if err := pg.Ping(t.Context()); err == nil {
		t.Error("a pool that was closed answers")
	}
	for name, err := range map[string]error{
		"postgres": second(s.postgresNamed("other")), "redis": second(s.redisNamed("default")),
		"pubsub": second(s.pubsubNamed("default")), "http": second(s.httpNamed("default")),
	} {
		if !errors.Is(err, errEnding) {
			t.Errorf("%s: got %v, want that the process is ending", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
