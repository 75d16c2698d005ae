package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/postgres"
)

// ended waits for the descriptor of a, as a thread does, until the answer is there.
func ended(t *testing.T, a *postgres.Asked) error {
	t.Helper()
	for {
		if done, err := a.Poll(); done {
			return err
		}
		p := []unix.PollFd{{Fd: int32(a.FD()), Events: unix.POLLIN}}
		if n, err := unix.Poll(p, 20000); n == 0 {
			t.Fatalf("the answer does not come: %v", err)
		}
	}
}

func TestAskedStatementsAnswerLikeOthers(t *testing.T) {
	c := acquire(t, pool(t))
	var r rows
	if err := ended(t, c.AskSimple("BEGIN", "select 1 as a union select 2 order by 1", &r)); err != nil {
		t.Fatal(err)
	}
	if got, want := r.String(), "[a] [[1] [2]] [SELECT 2]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if c.Tx() != 'T' {
		t.Errorf("the transaction is %c, want T: BEGIN came before", c.Tx())
	}
	err := ended(t, c.AskSimple("BEGIN", "select 1/0", &r))
	var e *postgres.Error
	if !errors.As(err, &e) || e.Code != "22012" || c.Tx() != 'E' {
		t.Errorf("got %v and %c, want a division by zero and E", err, c.Tx())
	}
	if err := ended(t, c.AskEndTx("ROLLBACK", postgres.Discard)); err != nil || c.Tx() != 'I' {
		t.Errorf("got %v and %c", err, c.Tx())
	}
	if a := c.AskEndTx("ROLLBACK", postgres.Discard); a != nil {
		t.Error("a transaction that is none was ended")
	}
	if err := ended(t, c.AskSimple("", "copy (select 1) to stdout", &r)); !errors.Is(err, postgres.ErrCopyOut) {
		t.Errorf("got %v, want ErrCopyOut", err)
	}
	if err := ended(t, c.AskSimple("", "copy pg_class from stdin", &r)); err == nil {
		t.Error("a COPY that nobody feeds succeeded")
	}
	big := rows{}
	if err := ended(t, c.AskSimple("", "select repeat('x', 300000), n from generate_series(1, 10) n", &big)); err != nil {
		t.Fatal(err)
	}
	if len(big.values) != 10 || len(big.values[9][0]) != 300000 {
		t.Errorf("got %d rows", len(big.values))
	}
}

func TestAPlannedStatementIsAsked(t *testing.T) {
	ctx := testkit.Context(t)
	p := pool(t)
	if p.Idle("nobody") != nil {
		t.Fatal("a pool without connections has one that is idle")
	}
	c, err := p.Acquire(ctx, "planner")
	if err != nil {
		t.Fatal(err)
	}
	const sql = "select $1::int + 1 as n"
	if c.Planned(sql) != nil {
		t.Error("a statement was planned before anybody asked")
	}
	if _, err := c.Prepare(ctx, sql); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if c = p.Idle("asker"); c == nil {
		t.Fatal("nobody has the connection, and it is not idle")
	}
	defer c.Release()
	for range 2 {
		var r rows
		if err := ended(t, c.Ask(c.Planned(sql), postgres.Args{Values: [][]byte{[]byte("41")}}, &r)); err != nil {
			t.Fatal(err)
		}
		if got, want := r.String(), "[n] [[42]] [SELECT 1]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := p.Stats(); got.InUse != 1 || got.Idle != 0 {
		t.Errorf("got %+v, want one in use", got)
	}
}

func TestWhatWouldWaitIsNotAsked(t *testing.T) {
	c := acquire(t, pool(t))
	if c.AskSimple("", "select '"+strings.Repeat("x", 20<<10)+"'", postgres.Discard) != nil {
		t.Error("a long statement was sent where nobody waits")
	}
	a := c.AskSimple("", "select pg_sleep(0.05)", postgres.Discard)
	if c.AskSimple("", "select 1", postgres.Discard) != nil || c.Planned("select 1") != nil {
		t.Error("a connection that is in use was asked")
	}
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, c.AskSimple("", "select 1", postgres.Discard)); err != nil {
		t.Errorf("after it: %v", err)
	}
	if c.Discard(); c.AskSimple("", "select 1", postgres.Discard) != nil {
		t.Error("a closed connection was asked")
	}
}

func TestWhatWasAskedIsCancelled(t *testing.T) {
	for name, early := range map[string]bool{"before it waits": true, "while it waits": false} {
		t.Run(name, func(t *testing.T) {
			c := acquire(t, pool(t))
			a := c.AskSimple("", "select pg_sleep(60)", postgres.Discard)
			if done, err := a.Poll(); done {
				t.Fatalf("it is over: %v", err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			over := make(chan struct{})
			go func() {
				defer close(over)
				asleep(t, c)
				cancel()
			}()
			if early {
				<-over
			}
			var e *postgres.Error
			if err := a.Wait(ctx); !errors.As(err, &e) || e.Code != "57014" {
				t.Errorf("got %v, want that it was cancelled", err)
			}
			<-over
			if err := ended(t, c.AskSimple("", "select 1", postgres.Discard)); err != nil {
				t.Errorf("the next statement: %v", err)
			}
		})
	}
}

func TestAServerThatGoesAwayEndsWhatWasAsked(t *testing.T) {
	p := pool(t)
	c := acquire(t, p)
	a := c.AskSimple("", "select pg_terminate_backend(pg_backend_pid())", postgres.Discard)
	var lost *postgres.LostError
	if err := ended(t, a); !errors.As(err, &lost) || c.Broken() == nil {
		t.Errorf("got %v, want a LostError", err)
	}
}

func TestStatementsThatAreAskedAndWaitedForTakeTurns(t *testing.T) {
	p := pool(t)
	c := acquire(t, p)
	ctx := testkit.Context(t)
	for round := range 5 {
		for i := range 3 * round { // beyond what takes the socket out of Go's poller
			var r rows
			if err := ended(t, c.AskSimple("", "select 1 as n", &r)); err != nil || len(r.values) != 1 {
				t.Fatalf("round %d, asked %d: %v, %s", round, i, err, &r)
			}
		}
		var r rows
		if err := c.Simple(ctx, "select pg_sleep(0.001), repeat('x', 300000)", &r); err != nil || len(r.values) != 1 {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := c.Simple(ctx, "select length('"+strings.Repeat("x", 1<<20)+"')", &r); err != nil || r.values[0][0] != "1048576" {
			t.Fatalf("round %d: %v", round, err)
		}
		for range 3 * round {
			if err := ended(t, c.AskSimple("", "select 1", postgres.Discard)); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if err := c.Poll(ctx); err != nil {
			t.Fatal(err)
		}
	}
	a := c.AskSimple("", "select pg_sleep(60)", postgres.Discard)
	short, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		asleep(t, c)
		cancel()
	}()
	var e *postgres.Error
	if err := a.Wait(short); !errors.As(err, &e) || e.Code != "57014" {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	<-over
	for range 8 {
		if err := ended(t, c.AskSimple("", "select 1", postgres.Discard)); err != nil {
			t.Fatal(err)
		}
	}
	var lost *postgres.LostError
	if err := ended(t, c.AskSimple("", "select pg_terminate_backend(pg_backend_pid())", postgres.Discard)); !errors.As(err, &lost) {
		t.Errorf("got %v, want a LostError", err)
	}
}
