package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/postgres"
)

// server is one for all tests of the package.
var server *testkit.Cluster

func TestMain(m *testing.M) {
	var err error
	if server, err = testkit.StartPostgres(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	server.End()
	os.Exit(code)
}

// rows is a sink that keeps everything.
type rows struct {
	columns []string
	values  [][]string
	tags    []string
}

func (r *rows) Columns(fields []postgres.Field) {
	r.columns, r.values = nil, nil
	for _, f := range fields {
		r.columns = append(r.columns, string(f.Name))
	}
}

func (r *rows) Row(values [][]byte) error {
	row := []string{}
	for _, v := range values {
		if v == nil {
			row = append(row, "NULL")
		} else {
			row = append(row, string(v))
		}
	}
	r.values = append(r.values, row)
	return nil
}

func (r *rows) Done(tag string) { r.tags = append(r.tags, tag) }

func (r *rows) String() string { return fmt.Sprint(r.columns, r.values, r.tags) }

// pool returns one that is closed with the test, which must leave nothing behind.
func pool(t *testing.T, change ...func(*postgres.Config)) *postgres.Pool {
	t.Helper()
	testkit.NoLeaks(t)
	c := postgres.Config{Name: "test", URL: server.URL, Size: 4}
	for _, f := range change {
		f(&c)
	}
	p := postgres.New(c)
	t.Cleanup(p.Close)
	return p
}

func acquire(t *testing.T, p *postgres.Pool) *postgres.Conn {
	t.Helper()
	c, err := p.Acquire(testkit.Context(t), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Release)
	return c
}

// asleep returns when the server says that it sleeps for c.
func asleep(t *testing.T, c *postgres.Conn) {
	for server.Psql(t.Context(), fmt.Sprintf("do $$ begin if not exists (select from pg_stat_activity where pid = %d and wait_event = 'PgSleep') then raise 'no'; end if; end $$", c.PID())) != nil && t.Context().Err() == nil {
	}
}

func TestSimpleRunsSeveralStatementsAndKeepsTheLastResult(t *testing.T) {
	c := acquire(t, pool(t))
	var r rows
	if err := c.Simple(testkit.Context(t), "select 1 as a; select 2 as b, null as c", &r); err != nil {
		t.Fatal(err)
	}
	if got, want := r.String(), "[b c] [[2 NULL]] [SELECT 1 SELECT 1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBeginRunsOnlyWhereNoTransactionIsOpen(t *testing.T) {
	c := acquire(t, pool(t))
	for range 2 {
		if err := c.SimpleAfter(testkit.Context(t), "BEGIN", "select 1", postgres.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Tx(); got != 'T' {
		t.Errorf("state is %q, want T", got)
	}
	if n := c.Notices(); len(n) > 0 {
		t.Errorf("the server complained: %v", n[0])
	}
	for range 2 {
		if err := c.EndTx(testkit.Context(t), "COMMIT", postgres.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Notices(); len(n) > 0 {
		t.Errorf("the server complained: %v", n[0])
	}
}

func TestAnErrorOfTheServerHasItsFieldsAndLeavesTheConnection(t *testing.T) {
	c := acquire(t, pool(t))
	err := c.Simple(testkit.Context(t), "select nope", postgres.Discard)
	e, ok := errors.AsType[*postgres.Error](err)
	if !ok || e.Code != "42703" || e.Position != 8 {
		t.Fatalf("got %v, want SQLSTATE 42703 at 8", err)
	}
	if err := c.Simple(testkit.Context(t), "select 1", postgres.Discard); err != nil {
		t.Error(err)
	}
}

func TestQueryPlansAStatementOnceAndAgainWhenItsTableChanged(t *testing.T) {
	c := acquire(t, pool(t))
	ctx := testkit.Context(t)
	run := func(sql string, args ...string) string {
		t.Helper()
		var r rows
		var a postgres.Args
		for _, v := range args {
			a.Values = append(a.Values, []byte(v))
		}
		if err := c.Query(ctx, sql, a, &r); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(r.columns, r.values)
	}
	run("create temp table t (a int)")
	run("insert into t values ($1)", "7")
	if got, want := run("select * from t"), "[a] [[7]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	run("alter table t add b text default 'x'")
	if got, want := run("select * from t"), "[a b] [[7 x]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	run("deallocate all")
	if got, want := run("select * from t"), "[a b] [[7 x]]"; got != want {
		t.Errorf("after deallocate: got %s, want %s", got, want)
	}
}

func TestTheCacheOfStatementsIsBounded(t *testing.T) {
	c := acquire(t, pool(t))
	for i := range 600 {
		var r rows
		if err := c.Query(testkit.Context(t), fmt.Sprintf("select %d", i), postgres.Args{}, &r); err != nil {
			t.Fatal(err)
		}
		if got := r.values[0][0]; got != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", got, i)
		}
	}
	var r rows
	if err := c.Simple(testkit.Context(t), "select count(*) < 300 from pg_prepared_statements", &r); err != nil {
		t.Fatal(err)
	}
	if r.values[0][0] != "t" {
		t.Error("the server holds more statements than the connection keeps")
	}
}

func TestAPipelineIsOneTransactionAndNamesTheStepThatFailed(t *testing.T) {
	c := acquire(t, pool(t))
	ctx := testkit.Context(t)
	if err := c.Simple(ctx, "create temp table t (a int primary key)", postgres.Discard); err != nil {
		t.Fatal(err)
	}
	step := func(sql, v string) postgres.Step {
		return postgres.Step{SQL: sql, Args: postgres.Args{Values: [][]byte{[]byte(v)}}, Sink: postgres.Discard}
	}
	const insert = "insert into t values ($1)"
	err := c.Pipeline(ctx, []postgres.Step{step(insert, "1"), step(insert, "1"), step(insert, "2")})
	if err == nil || !strings.Contains(err.Error(), "step 2") {
		t.Fatalf("got %v, want an error of step 2", err)
	}
	var big []postgres.Step
	for i := range 3000 {
		big = append(big, step(insert, fmt.Sprint(i)))
	}
	if err := c.Pipeline(ctx, big); err != nil {
		t.Fatal(err)
	}
	var r rows
	if err := c.Simple(ctx, "select count(*) from t", &r); err != nil {
		t.Fatal(err)
	}
	if r.values[0][0] != "3000" {
		t.Errorf("got %s rows, want 3000", r.values[0][0])
	}
}

// seen is a sink that tells of each row.
type seen struct {
	rows
	row func(n int)
}

func (s *seen) Row(values [][]byte) error {
	s.values = append(s.values, nil)
	s.row(len(s.values))
	return nil
}

// The rest of a big answer is waited for in the socket, where Go sees nothing end.
func TestABigAnswerThatIsCancelledLeavesTheConnection(t *testing.T) {
	c := acquire(t, pool(t))
	ctx, cancel := context.WithCancel(testkit.Context(t))
	defer cancel()
	answer := &seen{row: func(n int) {
		if n == 300 {
			cancel()
		}
	}}
	err := c.Simple(ctx, "select repeat('x', 1000), case when n > 300 then pg_sleep(0.002) end from generate_series(1, 100000) n", answer)
	if e, ok := errors.AsType[*postgres.Error](err); !ok || e.Code != "57014" {
		t.Errorf("got %v after %d rows, want 57014: cancelled", err, len(answer.values))
	}
	var r rows
	if err := c.Simple(testkit.Context(t), "select 1", &r); err != nil || fmt.Sprint(r.values) != "[[1]]" {
		t.Errorf("then got %v, %v", r.values, err)
	}
}

func TestAStatementThatIsCancelledLeavesTheConnection(t *testing.T) {
	c := acquire(t, pool(t))
	pid := c.PID()
	ctx, cancel := context.WithCancel(testkit.Context(t))
	go func() {
		asleep(t, c)
		cancel()
	}()
	err := c.Simple(ctx, "select pg_sleep(60)", postgres.Discard)
	if e, ok := errors.AsType[*postgres.Error](err); !ok || e.Code != "57014" {
		t.Fatalf("got %v, want query_canceled", err)
	}
	var r rows
	if err := c.Simple(testkit.Context(t), "select pg_backend_pid()", &r); err != nil {
		t.Fatal(err)
	}
	if got := r.values[0][0]; got != fmt.Sprint(pid) {
		t.Errorf("the connection is another: %s, was %d", got, pid)
	}
}

func TestAcquireSaysWhoHoldsTheConnections(t *testing.T) {
	p := pool(t, func(c *postgres.Config) { c.Size, c.PoolTimeout = 1, 20*time.Millisecond })
	acquire(t, p)
	_, err := p.Acquire(testkit.Context(t), "")
	if busy, ok := errors.AsType[*postgres.BusyError](err); !ok || !busy.Timeout() || !strings.Contains(err.Error(), t.Name()) {
		t.Errorf("got %v, want who holds it", err)
	}
}

func TestConnectionsAreHandedOnInTheOrderOfAsking(t *testing.T) {
	p := pool(t, func(c *postgres.Config) { c.Size = 1 })
	first := acquire(t, p)
	var order []int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			c, err := p.Acquire(t.Context(), "")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			c.Release()
		})
		testkit.Wait(t, "the next one waits", func() bool { return p.Stats().Waiting == i+1 })
	}
	first.Release()
	all.Wait()
	if got, want := fmt.Sprint(order), "[0 1 2 3 4]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestASessionLeavesNothingToTheNextOne(t *testing.T) {
	p := pool(t, func(c *postgres.Config) { c.Size = 1 })
	c := acquire(t, p)
	c.Dirty()
	err := c.Simple(testkit.Context(t), "set timezone to 'Asia/Tokyo'; select pg_advisory_lock(1); create temp table leftover (a int); begin; select 1", postgres.Discard)
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	c = acquire(t, p)
	var r rows
	if err := c.Simple(testkit.Context(t), "select current_setting('timezone'), to_regclass('leftover'), (select count(*) from pg_locks where locktype = 'advisory')", &r); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(r.values), "[[UTC NULL 0]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCopyGoesBothWaysInPieces(t *testing.T) {
	c := acquire(t, pool(t))
	ctx := testkit.Context(t)
	if err := c.Simple(ctx, "create temp table t (a int, b text)", postgres.Discard); err != nil {
		t.Fatal(err)
	}
	in, err := c.CopyIn(ctx, "", "copy t from stdin")
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 1000)
	for i := range 5000 {
		if _, err := fmt.Fprintf(in, "%d\t%s\n", i, line); err != nil {
			t.Fatal(err)
		}
	}
	if tag, err := in.Close(); err != nil || tag != "COPY 5000" {
		t.Fatalf("got %q, %v", tag, err)
	}
	out, err := c.CopyOut(ctx, "", "copy t to stdout")
	if err != nil {
		t.Fatal(err)
	}
	size, pieces := 0, 0
	for {
		b, err := out.Next(nil, 64<<10)
		size += len(b)
		pieces++
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := 5000*1002 + 10 + 180 + 2700 + 16000; size != want || pieces < 10 || out.Tag != "COPY 5000" {
		t.Errorf("got %d bytes in %d pieces and %q, want %d", size, pieces, out.Tag, want)
	}
}

func TestACopyThatIsAbandonedLeavesTheConnection(t *testing.T) {
	c := acquire(t, pool(t))
	ctx := testkit.Context(t)
	out, err := c.CopyOut(ctx, "", "copy (select repeat('x', 1000) from generate_series(1, 200000)) to stdout")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Next(nil, 1000); err != nil {
		t.Fatal(err)
	}
	if err := out.Abandon(); err != nil {
		t.Fatal(err)
	}
	if err := c.Simple(ctx, "select 1", postgres.Discard); err != nil {
		t.Error(err)
	}
}

func TestAListenerGetsWhatIsSentAndCanBeAskedAgainAfterATimeout(t *testing.T) {
	p := pool(t)
	l, err := p.Listen(testkit.Context(t), `odd "name"`)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	short, cancel := context.WithTimeout(testkit.Context(t), time.Millisecond)
	defer cancel()
	if _, err := l.Receive(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the deadline", err)
	}
	if err := server.Psql(t.Context(), `notify "odd ""name""", 'hello'`); err != nil {
		t.Fatal(err)
	}
	got, err := l.Receive(testkit.Context(t))
	if err != nil || len(got) != 1 || got[0].Payload != "hello" || got[0].Channel != `odd "name"` {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestADeadServerIsNamedAndThePoolHeals(t *testing.T) {
	p := pool(t, func(c *postgres.Config) { c.Hint = "start it" })
	ctx := testkit.Context(t)
	var all sync.WaitGroup
	busy := make(chan error, 4)
	for range 4 {
		all.Go(func() {
			c, err := p.Acquire(ctx, "load")
			if err != nil {
				busy <- err
				return
			}
			defer c.Release()
			for err == nil {
				err = c.Simple(ctx, "select 1", postgres.Discard)
			}
			busy <- err
		})
	}
	testkit.Wait(t, "all four are at work", func() bool { return p.Stats().InUse == 4 })
	server.Stop(syscall.SIGKILL)
	all.Wait()
	for range 4 {
		err := <-busy
		if _, lost := errors.AsType[*postgres.LostError](err); !lost || !strings.Contains(err.Error(), `postgres "test"`) {
			t.Errorf("got %v, want that the connection was lost, and whose", err)
		}
	}
	_, err := p.Acquire(ctx, "")
	down, ok := errors.AsType[*postgres.DownError](err)
	if !ok || down.Since.IsZero() || !strings.HasSuffix(err.Error(), "start it") {
		t.Errorf("got %v, want since when it is down and what to do", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Wait(t, "the pool works again", func() bool { return p.Ping(ctx) == nil })
	if s := p.Stats(); !s.DownSince.IsZero() {
		t.Errorf("it is still down since %v", s.DownSince)
	}
}

func TestWhatTheServerReportsIsReadWhileAStatementRuns(t *testing.T) {
	ctx := testkit.Context(t)
	c := acquire(t, pool(t))
	over := make(chan error, 1)
	go func() {
		for n := range 200 {
			if err := c.Simple(ctx, fmt.Sprintf("set application_name to 'a%d'", n), postgres.Discard); err != nil {
				over <- err
				return
			}
		}
		over <- nil
	}()
	for {
		name, all := c.Param("application_name"), c.About()["application_name"]
		select {
		case err := <-over:
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Param("application_name"); got != "a199" {
				t.Errorf("got %q after %q and %q, want a199", got, name, all)
			}
			return
		default:
		}
	}
}

func TestPasswordsAreNotShown(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"postgres://u:secret@h:5432/db?sslmode=disable", "postgres://u:***@h:5432/db?sslmode=disable"},
		{"postgresql://u@h/db?password=secret", "postgresql://u@h/db?password=%2A%2A%2A"},
		{"host=h password=secret user=u", "host=h password=*** user=u"},
		{`host=h password='a \' secret' user=u`, "host=h password=*** user=u"},
		{"postgres://u:sec%ret@h", "postgres://***"},
		{"postgres://h/db", "postgres://h/db"},
	} {
		if got := postgres.Masked(c.in); got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}

func TestAResolverIsAskedAgainWhenTheServerIsNotThere(t *testing.T) {
	testkit.NoLeaks(t)
	asked := 0
	p := postgres.New(postgres.Config{Size: 1, Resolve: func(context.Context) (string, error) {
		if asked++; asked == 2 {
			return server.URL, nil
		}
		return "postgres://postgres@/postgres?host=/nowhere", nil
	}})
	defer p.Close()
	ctx := testkit.Context(t)
	if err := p.Ping(ctx); err == nil {
		t.Fatal("reached a server that is nowhere")
	}
	for range 2 {
		if err := p.Ping(ctx); err != nil || asked != 2 {
			t.Fatalf("got %v, asked %d times, want 2", err, asked)
		}
	}
	if down := p.Stats().DownSince; !down.IsZero() {
		t.Errorf("down since %v", down)
	}
}
