package postgres_test

// How pools end, and what they count.

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/postgres"
)

// backends counts the connections of a name, and of a state, that the server has.
func backends(t *testing.T, name, state string) string {
	t.Helper()
	p := postgres.New(postgres.Config{URL: server.URL, Size: 1})
	defer p.Close()
	c, err := p.Acquire(testkit.Context(t), "look")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	var r rows
	if err := c.Simple(t.Context(), "select count(*) from pg_stat_activity where application_name = '"+name+"' and state like '"+state+"'", &r); err != nil {
		t.Fatal(err)
	}
	return r.values[0][0]
}

func TestAPoolEndsInOrderWhateverItsConnectionsDo(t *testing.T) {
	testkit.NoLeaks(t)
	before, err := os.ReadFile(server.Log())
	if err != nil {
		t.Fatal(err)
	}
	ctx := testkit.Context(t)
	named := map[string]string{"application_name": "ending"}
	p := postgres.New(postgres.Config{Name: "test", URL: server.URL, Params: named})
	var apart postgres.Apart
	idle, err := p.Acquire(ctx, "idle")
	if err != nil {
		t.Fatal(err)
	}
	open, err := p.Acquire(ctx, "in a transaction")
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Simple(ctx, "begin; select 1", postgres.Discard); err != nil {
		t.Fatal(err)
	}
	busy, err := p.Acquire(ctx, "asleep")
	if err != nil {
		t.Fatal(err)
	}
	asleep := make(chan error, 1)
	go func() { asleep <- busy.Simple(context.Background(), "begin; select pg_sleep(60)", postgres.Discard) }()
	own, err := apart.Dial(ctx, postgres.Config{URL: server.URL, Params: named})
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Simple(ctx, "begin; select 1", postgres.Discard); err != nil {
		t.Fatal(err)
	}
	listener, err := p.Listen(ctx, "news")
	if err != nil {
		t.Fatal(err)
	}
	idle.Release()
	if s := p.Stats(); s.Idle != 1 || s.InUse != 2 || s.Listening != 1 || apart.Stats().InUse != 1 {
		t.Errorf("got %+v and %+v, want 1 idle, 2 in use, 1 that listens, 1 apart", s, apart.Stats())
	}
	testkit.Wait(t, "one is asleep", func() bool {
		return backends(t, "ending", "active") == "1"
	})
	p.End(ctx)
	apart.End(ctx)
	if err := <-asleep; err == nil {
		t.Error("what was under way succeeded")
	}
	// Those who have one may still do with it what they like.
	open.Release()
	own.Release()
	listener.Close()
	if _, err := p.Acquire(ctx, ""); !errors.Is(err, postgres.ErrClosed) {
		t.Errorf("after the end: got %v, want ErrClosed", err)
	}
	if _, err := apart.Dial(ctx, postgres.Config{URL: server.URL}); !errors.Is(err, postgres.ErrClosed) {
		t.Errorf("after the end: got %v, want ErrClosed", err)
	}
	if s := p.Stats(); s.Open != 0 || s.InUse != 0 {
		t.Errorf("got %+v, want nothing left", s)
	}
	testkit.Wait(t, "the server has none of them", func() bool { return backends(t, "ending", "%") == "0" })
	after, err := os.ReadFile(server.Log())
	if err != nil {
		t.Fatal(err)
	}
	if said := string(after[len(before):]); strings.Contains(said, "unexpected EOF") || strings.Contains(said, "connection to client lost") {
		t.Errorf("the server complains: %s", said)
	}
}

func TestAnEndThatFindsNoTimeCutsOff(t *testing.T) {
	testkit.NoLeaks(t)
	ctx := testkit.Context(t)
	p := postgres.New(postgres.Config{URL: server.URL, Params: map[string]string{"application_name": "cut off"}})
	c, err := p.Acquire(ctx, "asleep")
	if err != nil {
		t.Fatal(err)
	}
	asleep := make(chan error, 1)
	go func() { asleep <- c.Simple(context.Background(), "select pg_sleep(2)", postgres.Discard) }()
	testkit.Wait(t, "the statement is under way", func() bool { return backends(t, "cut off", "active") != "0" })
	over, cancel := context.WithCancel(ctx)
	cancel()
	p.End(over)
	if err := <-asleep; err == nil {
		t.Error("what was under way succeeded")
	}
	c.Release()
}

func TestACopyThatNobodyEndsIsCutOffInOrder(t *testing.T) {
	testkit.NoLeaks(t)
	before, err := os.ReadFile(server.Log())
	if err != nil {
		t.Fatal(err)
	}
	ctx := testkit.Context(t)
	p := postgres.New(postgres.Config{URL: server.URL, Params: map[string]string{"application_name": "copying"}})
	c, err := p.Acquire(ctx, "copy")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Simple(ctx, "begin; create temp table copied (n int)", postgres.Discard); err != nil {
		t.Fatal(err)
	}
	in, err := c.CopyIn(ctx, "", "copy copied from stdin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("1\n2\n")); err != nil {
		t.Fatal(err)
	}
	limit, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	p.End(limit)
	if _, err := in.Close(); err == nil {
		t.Error("the copy succeeded after the end")
	}
	testkit.Wait(t, "the server has ended it", func() bool { return backends(t, "copying", "%") == "0" })
	after, err := os.ReadFile(server.Log())
	if err != nil {
		t.Fatal(err)
	}
	if said := string(after[len(before):]); strings.Contains(said, "unexpected EOF") {
		t.Errorf("the server complains: %s", said)
	}
}

func TestAPoolCountsWhatItDoes(t *testing.T) {
	testkit.NoLeaks(t)
	ctx := testkit.Context(t)
	p := postgres.New(postgres.Config{Name: "test", URL: server.URL, Size: 1, PoolTimeout: time.Millisecond})
	defer p.Close()
	if s := p.Stats(); s.Open != 0 || s.Dialed != 0 {
		t.Errorf("got %+v before it was used", s)
	}
	c, err := p.Acquire(ctx, "the test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Acquire(ctx, "another"); err == nil {
		t.Error("got more connections than there are")
	}
	for range 3 {
		if err := c.Query(ctx, "select 1", postgres.Args{}, postgres.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Simple(ctx, "select nothing from nowhere", postgres.Discard); err == nil {
		t.Error("a wrong statement succeeded")
	}
	if err := c.Simple(ctx, "select pg_terminate_backend(pg_backend_pid())", postgres.Discard); err == nil {
		t.Error("the end of the connection went unnoticed")
	}
	c.Release()
	if err := p.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	s := p.Stats()
	if s.QueryTime <= 0 || s.WaitTime < time.Millisecond {
		t.Errorf("got %v for statements and %v of waiting", s.QueryTime, s.WaitTime)
	}
	if s.Server != postgres.Masked(server.URL) {
		t.Errorf("got the server %q, want %q", s.Server, server.URL)
	}
	s.QueryTime, s.WaitTime, s.Server = 0, 0, ""
	want := postgres.Stats{
		Size: 1, Open: 1, Idle: 1, Acquired: 2, Waited: 1, TimedOut: 1, Dialed: 2, Reconnected: 1,
		Queries: 6, Refused: 1, Lost: 1,
	}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}
