package postgres_test

// Statements that share a connection: who may, what becomes of each when one of them
// fails, is slow, is given up, or loses the connection.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/postgres"
)

// asker is a rider that keeps its rows.
type asker struct {
	rows
	args []string
	hold func() // in each row
}

func (a *asker) Args(*postgres.Statement) (postgres.Args, error) {
	var args postgres.Args
	for _, v := range a.args {
		args.Values = append(args.Values, []byte(v))
	}
	return args, nil
}

func (a *asker) Row(values [][]byte) error {
	if a.hold != nil {
		a.hold()
	}
	return a.rows.Row(values)
}

// said is the first value of the answer.
func (a *asker) said() string {
	if len(a.values) == 0 {
		return ""
	}
	return a.values[0][0]
}

const echo = "select $1::text"

// known has the pool know statements as quick, on each of its connections.
func known(t *testing.T, p *postgres.Pool, sqls ...string) {
	t.Helper()
	for _, sql := range sqls {
		testkit.Wait(t, sql+" is known", func() bool {
			var all []*postgres.Conn
			for range p.Config().Size {
				c, err := p.Acquire(t.Context(), "plan")
				if err != nil {
					t.Fatal(err)
				}
				if _, err = c.Prepare(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
				all = append(all, c)
			}
			for _, c := range all {
				c.Release()
			}
			a := &asker{args: slices.Repeat([]string{"1"}, strings.Count(sql, "$"))}
			if err := p.Query(t.Context(), sql, a); err != nil {
				t.Fatal(err)
			}
			return p.Shares([]byte(sql))
		})
	}
}

// outing is a call of Share.
type outing struct {
	rides []postgres.Ride
	asked []*asker
	told  []chan struct{} // closed when each is answered
	over  chan struct{}
}

func newOuting(statements ...[]string) *outing {
	o := &outing{rides: make([]postgres.Ride, len(statements)), over: make(chan struct{})}
	for i, s := range statements {
		a := &asker{args: s[1:]}
		o.asked = append(o.asked, a)
		o.rides[i] = postgres.Ride{SQL: s[0], Rider: a}
		o.told = append(o.told, make(chan struct{}))
	}
	return o
}

// goes has statements, each with its values behind it, wait for a connection. All must be in use.
func goes(t *testing.T, p *postgres.Pool, statements ...[]string) *outing {
	t.Helper()
	o := newOuting(statements...)
	before := p.Stats().Waiting
	o.start(testkit.Context(t), t, p)
	testkit.Wait(t, "all wait", func() bool { return p.Stats().Waiting == before+len(statements) })
	return o
}

func (o *outing) start(ctx context.Context, t *testing.T, p *postgres.Pool) {
	go func() {
		defer close(o.over)
		p.Share(ctx, o.rides, func(from, to int) {
			for i := from; i < to; i++ {
				close(o.told[i]) // twice: it panics
			}
		})
		for i, told := range o.told {
			select {
			case <-told:
			default:
				t.Errorf("statement %d was not answered", i)
			}
		}
	}()
	t.Cleanup(func() { <-o.over })
}

// answered waits for answers.
func (o *outing) answered(t *testing.T, numbers ...int) {
	t.Helper()
	for _, i := range numbers {
		select {
		case <-o.told[i]:
		case <-testkit.Context(t).Done():
			t.Fatalf("statement %d was not answered", i)
		}
	}
}

// end waits for all answers and returns them, "!" and the SQLSTATE for an error of the server's.
func (o *outing) end(t *testing.T) string {
	t.Helper()
	select {
	case <-o.over:
	case <-testkit.Context(t).Done():
		t.Fatal("not all was answered")
	}
	var all []string
	for i, r := range o.rides {
		var lost *postgres.LostError
		var server *postgres.Error
		switch {
		case r.Err == nil:
			all = append(all, o.asked[i].said())
		case errors.As(r.Err, &lost):
			all = append(all, "lost")
		case errors.As(r.Err, &server):
			all = append(all, "!"+server.Code)
		default:
			all = append(all, r.Err.Error())
		}
	}
	return strings.Join(all, " ")
}

// locked has a new table that nobody can read until the returned function is called.
func locked(t *testing.T, name string) (unlock func()) {
	t.Helper()
	p := postgres.New(postgres.Config{URL: server.URL, Size: 1})
	c, err := p.Acquire(testkit.Context(t), "lock")
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	unlock = func() { once.Do(func() { c.Release(); p.Close() }) }
	t.Cleanup(unlock)
	if err := c.Simple(t.Context(), "begin; lock table "+name+" in access exclusive mode", postgres.Discard); err != nil {
		t.Fatal(err)
	}
	return unlock
}

func table(t *testing.T, name string) (sql string) {
	t.Helper()
	if err := server.Psql(t.Context(), "drop table if exists "+name+"; create table "+name+" as select 7 as n"); err != nil {
		t.Fatal(err)
	}
	return "select n from " + name
}

// blocked returns when as many statements wait for a lock of the table.
func blocked(t *testing.T, name string, n int) {
	t.Helper()
	testkit.Wait(t, "it waits for the lock", func() bool {
		return server.Psql(t.Context(), fmt.Sprintf("do $$ begin if (select count(*) from pg_locks where relation = '%s'::regclass and not granted) <> %d then raise 'no'; end if; end $$", name, n)) == nil
	})
}

func one(c *postgres.Config) { c.Size = 1 }
func two(c *postgres.Config) { c.Size = 2 }

func TestThoseWhoWaitLeaveTogether(t *testing.T) {
	p := pool(t, one)
	p.Patient(time.Hour)
	known(t, p, echo, "select 7")
	c := acquire(t, p)
	o := goes(t, p, []string{echo, "a"}, []string{"select 7"}, []string{echo, "c"})
	before := p.Stats()
	c.Release()
	if got := o.end(t); got != "a 7 c" {
		t.Errorf("got %s, want each its own answer", got)
	}
	after := p.Stats()
	if n := after.Acquired - before.Acquired; n != 1 {
		t.Errorf("they took %d trips, want 1", n)
	}
	if after.Shared-before.Shared != 3 || after.Queries-before.Queries != 3 || after.Waited-before.Waited != 3 || after.InUse != 0 || after.Idle != 1 || after.Waiting != 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestWhileConnectionsAreFreeNobodyShares(t *testing.T) {
	p := pool(t, func(c *postgres.Config) { c.Size = 3 })
	known(t, p, echo)
	before := p.Stats().Acquired
	o := newOuting([]string{echo, "0"}, []string{echo, "1"}, []string{echo, "2"})
	o.start(testkit.Context(t), t, p)
	if got := o.end(t); got != "0 1 2" {
		t.Errorf("got %s", got)
	}
	if n := p.Stats().Acquired - before; n != 3 {
		t.Errorf("they took %d trips, want 3", n)
	}
}

func TestOnlyStatementsThatReadAndAreKnownAsQuickShare(t *testing.T) {
	p := pool(t, one)
	if p.Shares([]byte(echo)) {
		t.Error("a statement that was never run shares")
	}
	known(t, p, echo)
	if err := server.Psql(t.Context(), "drop table if exists written; create table written (n int)"); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"insert into written values (1) returning n", "select pg_backend_pid()", "select n from written for update",
		"with w as (insert into written values (1) returning n) select n from w", "show work_mem",
	} {
		for range 20 {
			if err := p.Query(t.Context(), sql, &asker{}); err != nil {
				t.Fatal(err)
			}
		}
		if p.Shares([]byte(sql)) {
			t.Errorf("%s shares", sql)
		}
	}
	const long = "select count(*) from generate_series(1, 3000000)"
	for range 3 {
		if err := p.Query(t.Context(), long, &asker{}); err != nil {
			t.Fatal(err)
		}
	}
	if p.Shares([]byte(long)) {
		t.Error("a statement that takes long shares")
	}
	apart := pool(t, one, func(c *postgres.Config) { c.Apart = true })
	for range 20 {
		if err := apart.Query(t.Context(), echo, &asker{args: []string{"1"}}); err != nil {
			t.Fatal(err)
		}
	}
	if apart.Shares([]byte(echo)) {
		t.Error("a statement shares in a pool where none may")
	}
}

func TestAnErrorStaysWithItsStatement(t *testing.T) {
	p := pool(t, one)
	p.Patient(time.Hour)
	const divide = "select 6 / $1::int"
	known(t, p, divide)
	c := acquire(t, p)
	o := goes(t, p, []string{divide, "2"}, []string{divide, "0"}, []string{divide, "six"}, []string{divide, "3"})
	c.Release()
	if got := o.end(t); got != "3 !22012 !22P02 2" {
		t.Errorf("got %s", got)
	}
}

func TestThoseBehindOneThatIsSlowDoNotWaitForIt(t *testing.T) {
	p := pool(t, two)
	p.Patient(500 * time.Millisecond)
	slow := table(t, "slow_one")
	known(t, p, slow, echo)
	unlock := locked(t, "slow_one")
	c, other := acquire(t, p), acquire(t, p)
	o := goes(t, p, []string{slow}, []string{echo, "b"}, []string{echo, "c"})
	c.Release()
	o.answered(t, 1, 2)
	if p.Shares([]byte(slow)) {
		t.Error("what was slow still shares")
	}
	other.Release()
	blocked(t, "slow_one", 1)
	unlock()
	if got := o.end(t); got != "7 b c" {
		t.Errorf("got %s", got)
	}
}

func TestWhoGivesUpWhatRunsHasItCancelledOnTheServer(t *testing.T) {
	p := pool(t, one)
	p.Patient(time.Hour)
	slow := table(t, "given_up")
	known(t, p, slow, echo)
	unlock := locked(t, "given_up")
	c := acquire(t, p)
	pid := c.PID()
	o := goes(t, p, []string{echo, "a"}, []string{slow})
	c.Release()
	blocked(t, "given_up", 1)
	p.GiveUp(&o.rides[1])
	if got := o.end(t); got != "a context canceled" {
		t.Errorf("got %s", got)
	}
	blocked(t, "given_up", 0)
	unlock()
	if c := acquire(t, p); c.PID() != pid || c.Simple(t.Context(), "select 1", postgres.Discard) != nil {
		t.Error("the connection was lost")
	}
}

func TestWhoGivesUpWhatHasNotBegunIsNotAnswered(t *testing.T) {
	p := pool(t, one)
	p.Patient(500 * time.Millisecond)
	slow := table(t, "not_begun")
	known(t, p, slow, echo)
	unlock := locked(t, "not_begun")
	c := acquire(t, p)
	o := goes(t, p, []string{echo, "a"}, []string{echo, "b"}, []string{slow}, []string{slow})
	p.GiveUp(&o.rides[1])
	o.answered(t, 1)
	if n := p.Stats().Waiting; n != 3 {
		t.Errorf("%d wait, want 3", n)
	}
	o.asked[0].hold = func() { // they have left
		p.GiveUp(&o.rides[3])
	}
	c.Release()
	o.answered(t, 0, 3)
	blocked(t, "not_begun", 1) // again, by itself
	unlock()
	if got := o.end(t); got != "a context canceled 7 context canceled" {
		t.Errorf("got %s", got)
	}
}

func TestTheEndOfTheContextEndsAll(t *testing.T) {
	p := pool(t, one)
	slow := table(t, "context_ends")
	known(t, p, slow, echo)
	defer locked(t, "context_ends")()
	c := acquire(t, p)
	ctx, stop := context.WithCancel(testkit.Context(t))
	o := newOuting([]string{slow}, []string{"select pg_sleep(100), $1::text", "x"}, []string{echo, "c"})
	o.start(ctx, t, p)
	testkit.Wait(t, "all wait", func() bool { return p.Stats().Waiting == 3 })
	c.Release()
	blocked(t, "context_ends", 1)
	stop()
	if got := o.end(t); got != "context canceled context canceled context canceled" {
		t.Errorf("got %s", got)
	}
	blocked(t, "context_ends", 0)
}

func TestALostConnectionIsTheErrorOfAllThatWereOnIt(t *testing.T) {
	p := pool(t, one)
	p.Patient(time.Hour)
	slow := table(t, "lost_one")
	known(t, p, slow, echo)
	defer locked(t, "lost_one")()
	c := acquire(t, p)
	pid := c.PID()
	o := goes(t, p, []string{echo, "a"}, []string{slow}, []string{echo, "c"})
	o.asked[0].hold = func() {
		blocked(t, "lost_one", 1)
		if err := server.Psql(t.Context(), fmt.Sprintf("select pg_terminate_backend(%d)", pid)); err != nil {
			t.Error(err)
		}
		blocked(t, "lost_one", 0)
	}
	c.Release()
	if got := o.end(t); got != "a lost lost" {
		t.Errorf("got %s", got)
	}
	if c := acquire(t, p); c.Simple(t.Context(), "select 1", postgres.Discard) != nil {
		t.Error("the pool has no connection in the place of the lost one")
	}
}

func TestAPlanThatHasBecomeStaleIsMadeAgain(t *testing.T) {
	p := pool(t, one)
	p.Patient(time.Hour)
	sql := table(t, "changed")
	known(t, p, sql, echo)
	c := acquire(t, p)
	o := goes(t, p, []string{sql}, []string{echo, "b"}, []string{sql})
	if err := server.Psql(t.Context(), "alter table changed alter n type text using n || ' as text'"); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if got := o.end(t); got != "7 as text b 7 as text" {
		t.Errorf("got %s", got)
	}
}

func TestWhoWaitsInVainIsToldWhoHasTheConnections(t *testing.T) {
	p := pool(t, one, func(c *postgres.Config) { c.PoolTimeout = 30 * time.Millisecond })
	known(t, p, echo)
	c := acquire(t, p)
	before := p.Stats().TimedOut
	o := newOuting([]string{echo, "a"}, []string{echo, "b"})
	o.start(testkit.Context(t), t, p)
	got := o.end(t)
	if strings.Count(got, "held by "+t.Name()) != 2 {
		t.Errorf("got %s, want who holds it", got)
	}
	if s := p.Stats(); s.TimedOut-before != 2 || s.Waiting != 0 {
		t.Errorf("got %+v", s)
	}
	c.Release()
	if got := another(t, p); got != "c" {
		t.Errorf("afterwards got %s", got)
	}
}

func another(t *testing.T, p *postgres.Pool) string {
	o := newOuting([]string{echo, "c"})
	o.start(testkit.Context(t), t, p)
	return o.end(t)
}

func TestTheServersOwnLimitIsTheErrorOfTheCaller(t *testing.T) {
	p := pool(t, one, func(c *postgres.Config) { c.StatementTimeout = 100 * time.Millisecond })
	p.Patient(time.Hour)
	slow := table(t, "limited")
	known(t, p, slow, echo)
	defer locked(t, "limited")()
	c := acquire(t, p)
	o := goes(t, p, []string{echo, "a"}, []string{slow})
	c.Release()
	if got := o.end(t); got != "a !57014" {
		t.Errorf("got %s", got)
	}
}

func TestWhoWantsAConnectionIsNotOvertaken(t *testing.T) {
	p := pool(t, one)
	known(t, p, echo)
	c := acquire(t, p)
	first := goes(t, p, []string{echo, "a"})
	got := make(chan *postgres.Conn)
	go func() {
		c, _ := p.Acquire(context.Background(), "between")
		got <- c
	}()
	testkit.Wait(t, "two wait", func() bool { return p.Stats().Waiting == 2 })
	second := goes(t, p, []string{echo, "b"}, []string{echo, "c"})
	c.Release()
	between := <-got
	first.answered(t, 0)
	if n := p.Stats().Waiting; n != 2 {
		t.Errorf("%d wait, want 2", n)
	}
	between.Release()
	if got := second.end(t); got != "b c" {
		t.Errorf("got %s", got)
	}
}

func TestValuesAndAnswersOfAnySizeShare(t *testing.T) {
	p := pool(t, one)
	p.Patient(time.Hour)
	const grow = "select repeat($1::text, 1000)"
	known(t, p, echo, grow)
	c := acquire(t, p)
	var all [][]string
	var want []string
	for i := range 8 {
		text := strings.Repeat(fmt.Sprint(i), 1000<<i)
		sql := echo
		if i < 2 {
			sql = grow
			want = append(want, strings.Repeat(text, 1000))
		} else {
			want = append(want, text)
		}
		all = append(all, []string{sql, text})
	}
	o := goes(t, p, all...)
	before := p.Stats().Acquired
	c.Release()
	if got := o.end(t); got != strings.Join(want, " ") {
		t.Errorf("got %d bytes, want %d", len(got), len(strings.Join(want, " ")))
	}
	if n := p.Stats().Acquired - before; n != 1 {
		t.Errorf("they took %d trips, want 1", n)
	}
}

func TestClosingAPoolAnswersThoseWhoWait(t *testing.T) {
	p := pool(t, one)
	known(t, p, echo)
	acquire(t, p)
	o := goes(t, p, []string{echo, "a"}, []string{echo, "b"})
	p.Close()
	if got, want := o.end(t), postgres.ErrClosed.Error(); got != want+" "+want {
		t.Errorf("got %s", got)
	}
	if got := another(t, p); got != postgres.ErrClosed.Error() {
		t.Errorf("got %s", got)
	}
}

func TestAServerThatIsNotThereIsTheErrorOfAll(t *testing.T) {
	p := pool(t, one, func(c *postgres.Config) { c.URL = "postgres://u@/db?host=" + t.TempDir() })
	o := newOuting([]string{echo, "a"}, []string{echo, "b"})
	o.start(testkit.Context(t), t, p)
	if got := o.end(t); strings.Count(got, "connect to") != 2 {
		t.Errorf("got %s", got)
	}
}

func TestManyCallersGetTheirOwnAnswersWhoeverGivesUp(t *testing.T) {
	p := pool(t, two)
	known(t, p, echo)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for j := range 25 {
				o := newOuting([]string{echo, fmt.Sprint(i, j, 0)}, []string{echo, fmt.Sprint(i, j, 1)}, []string{echo, fmt.Sprint(i, j, 2)})
				o.start(t.Context(), t, p)
				if j%3 == 0 {
					p.GiveUp(&o.rides[j%2])
				}
				if j%5 == 0 {
					if c, err := p.Acquire(t.Context(), "own"); err == nil {
						c.Release()
					}
				}
				<-o.over
				for k, r := range o.rides {
					if errors.Is(r.Err, context.Canceled) && j%3 == 0 && k == j%2 {
						continue
					}
					if want := fmt.Sprint(i, j, k); r.Err != nil || o.asked[k].said() != want {
						t.Errorf("got %s, %v, want %s", o.asked[k].said(), r.Err, want)
					}
				}
			}
		})
	}
	callers.Wait()
	if s := p.Stats(); s.Waiting != 0 || s.InUse != 0 || s.Idle != s.Open {
		t.Errorf("got %+v", s)
	}
}
