package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/redis"
)

// open returns a client of a server of the test's own.
func open(t *testing.T, c redis.Config) (*redis.Client, *testkit.RedisServer) {
	t.Helper()
	testkit.NoLeaks(t)
	s := testkit.Redis(t)
	c.URL = s.URL
	client := redis.New(c)
	t.Cleanup(client.Close)
	return client, s
}

func words(s string) []string { return strings.Fields(s) }

func do(t *testing.T, c *redis.Client, command string) redis.Reply {
	t.Helper()
	reply, err := c.Do(testkit.Context(t), words(command))
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return reply
}

func TestRepliesHaveTheTypesOfRedis(t *testing.T) {
	c, _ := open(t, redis.Config{})
	for _, test := range []struct {
		command string
		want    redis.Type
		text    string
	}{
		{"SET k v", redis.Status, "OK"},
		{"PING", redis.Status, "PONG"},
		{"GET k", redis.Bulk, "v"},
		{"SET word OK", redis.Status, "OK"},
		{"GET word", redis.Bulk, "OK"},
		{"GET none", redis.Nil, ""},
		{"INCR n", redis.Integer, ""},
		{"MGET k none", redis.Array, ""},
		{"INCR k", redis.Failure, ""},
		{"NONSENSE", redis.Failure, ""},
	} {
		r := do(t, c, test.command)
		if r.Type() != test.want || r.Text() != test.text {
			t.Errorf("%s: got %d %q, want %d %q", test.command, r.Type(), r.Text(), test.want, test.text)
		}
	}
	r := do(t, c, "MGET k none")
	if items := r.Items(); len(items) != 2 || items[0].Text() != "v" || !items[1].IsNil() {
		t.Errorf("MGET k none: got %v", items)
	}
}

func TestAnErrorOfRedisIsInTheReply(t *testing.T) {
	c, _ := open(t, redis.Config{})
	do(t, c, "LPUSH list x")
	r := do(t, c, "GET list")
	var e *redis.Replied
	if err := r.Err(); !errors.As(err, &e) || e.Code != "WRONGTYPE" {
		t.Errorf("GET of a list: got %v, want WRONGTYPE", err)
	}
}

func TestBytesArriveAsTheyWereSent(t *testing.T) {
	c, _ := open(t, redis.Config{})
	value := strings.Repeat("\x00\xff\r\n$5\r\n", 1000)
	for _, key := range []string{"\x00", "\xff\xfe", "naïve ключ", "a b\r\nc", ""} {
		if _, err := c.Do(t.Context(), []string{"SET", key, value}); err != nil {
			t.Fatal(err)
		}
		r, err := c.Do(t.Context(), []string{"GET", key})
		if err != nil || r.Text() != value {
			t.Errorf("GET %q: got %d bytes, %v, want %d", key, len(r.Text()), err, len(value))
		}
	}
}

func TestManyCallersGetTheirOwnReplies(t *testing.T) {
	c, _ := open(t, redis.Config{})
	var calls sync.WaitGroup
	for i := range 64 {
		calls.Go(func() {
			for j := range 50 {
				want := fmt.Sprintf("%d-%d", i, j)
				r, err := c.Do(testkit.Context(t), []string{"ECHO", want})
				if err != nil || r.Text() != want {
					t.Errorf("ECHO %s: got %q, %v", want, r.Text(), err)
				}
			}
		})
	}
	calls.Wait()
}

func TestAWaitHasAConnectionOfItsOwnAndCanBeGivenUp(t *testing.T) {
	c, _ := open(t, redis.Config{CommandTimeout: 50 * time.Millisecond})
	got := make(chan redis.Reply, 1)
	go func() {
		r, _ := c.Do(testkit.Context(t), words("BLPOP queue 0"))
		got <- r
	}()
	testkit.Wait(t, "it waits", func() bool { return c.Stats().Waiting == 1 })
	do(t, c, "PING") // others are not held up
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := c.Do(ctx, words("BLPOP other 0"))
		gaveUp <- err
	}()
	testkit.Wait(t, "both wait", func() bool { return c.Stats().Waiting == 2 })
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v", err)
	}
	do(t, c, "RPUSH queue first")
	if r := <-got; r.Len() != 2 || r.Items()[1].Text() != "first" {
		t.Errorf("BLPOP: got %d elements", r.Len())
	}
	if r := do(t, c, "BLPOP queue 0.01"); !r.IsNil() {
		t.Errorf("BLPOP in vain: got type %d, want nil", r.Type())
	}
}

func TestCommandsThatChangeTheConnectionAreRefused(t *testing.T) {
	testkit.NoLeaks(t)
	c := redis.New(redis.Config{})
	defer c.Close()
	for _, command := range []string{"MULTI", "select 1", "SUBSCRIBE a", "Client Reply off", "WATCH k", "QUIT"} {
		_, err := c.Do(t.Context(), words(command))
		var e *redis.Error
		if !errors.As(err, &e) || e.Kind != redis.Misuse {
			t.Errorf("%s: got %v, want Misuse", command, err)
		}
	}
	if _, err := c.Do(t.Context(), nil); err == nil {
		t.Error("no command: got no error")
	}
}

func TestAPipelineKeepsErrorsInTheirPlaces(t *testing.T) {
	c, _ := open(t, redis.Config{})
	replies, err := c.Pipeline(testkit.Context(t), [][]string{words("SET k v"), words("INCR k"), words("GET k")})
	if err != nil || len(replies) != 3 {
		t.Fatalf("got %d replies, %v", len(replies), err)
	}
	if replies[1].Err() == nil || replies[2].Text() != "v" {
		t.Errorf("got %v, %q", replies[1].Err(), replies[2].Text())
	}
}

func TestAHundredThousandCommandsGoInOneTrip(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	c, _ := open(t, redis.Config{})
	commands := make([][]string, 100_000)
	for i := range commands {
		commands[i] = []string{"INCR", "n"}
	}
	replies, err := c.Pipeline(testkit.Context(t), commands)
	if err != nil {
		t.Fatal(err)
	}
	for i := range replies {
		if replies[i].Int() != int64(i+1) {
			t.Fatalf("reply %d: got %d", i, replies[i].Int())
		}
	}
}

func TestATransactionIsDoneWhollyOrNotAtAll(t *testing.T) {
	c, _ := open(t, redis.Config{})
	replies, err := c.Transaction(testkit.Context(t), [][]string{words("SET k 1"), words("INCR k")})
	if err != nil || len(replies) != 2 || replies[1].Int() != 2 {
		t.Errorf("got %d replies, %v", len(replies), err)
	}
	_, err = c.Transaction(testkit.Context(t), [][]string{words("SET k 7"), words("NONSENSE")})
	var e *redis.Replied
	if !errors.As(err, &e) {
		t.Errorf("with a command that Redis does not know: got %v", err)
	}
	if r := do(t, c, "GET k"); r.Text() != "2" {
		t.Errorf("after it: got %q, want 2", r.Text())
	}
}

func TestExecDoesNothingWhenAWatchedKeyChanged(t *testing.T) {
	c, _ := open(t, redis.Config{PoolSize: 1, PoolTimeout: 20 * time.Millisecond})
	ctx := testkit.Context(t)
	h, err := c.Hold(ctx, "the test")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Watch(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Hold(ctx, "the test"); err == nil || !strings.Contains(err.Error(), "pool_size") {
		t.Errorf("a second one of a pool of one: got %v", err)
	}
	do(t, c, "SET k 1")
	if _, err := h.Exec(ctx, [][]string{words("SET k 2")}); !errors.Is(err, redis.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
	if _, err := h.Exec(ctx, [][]string{words("SET k 3")}); err != nil {
		t.Errorf("without a watch: got %v", err)
	}
	if err := h.Watch(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	h.Release()
	h.Release()
	do(t, c, "SET k 4")
	if h, err = c.Hold(ctx, "the test"); err != nil {
		t.Fatal(err)
	}
	defer h.Release()
	if _, err := h.Exec(ctx, [][]string{words("GET k")}); err != nil {
		t.Errorf("a connection that was given back watches still: %v", err)
	}
}

func TestAScriptIsLoadedOnce(t *testing.T) {
	c, _ := open(t, redis.Config{})
	s := redis.NewScript("return {KEYS[1], ARGV[1]}")
	for range 2 {
		r, err := s.Run(testkit.Context(t), c, []string{"k"}, []string{"a"})
		if err != nil || r.Len() != 2 {
			t.Fatalf("got %d, %v", r.Len(), err)
		}
	}
	do(t, c, "SCRIPT FLUSH")
	if r, err := s.Run(testkit.Context(t), c, []string{"k"}, []string{"a"}); err != nil || r.Err() != nil {
		t.Errorf("after Redis forgot it: %v, %v", err, r.Err())
	}
}

func TestACloseEndsTheClientForGood(t *testing.T) {
	c, _ := open(t, redis.Config{})
	do(t, c, "PING")
	c.Close()
	c.Close()
	if _, err := c.Do(t.Context(), words("PING")); err == nil {
		t.Error("PING after Close succeeded")
	}
}
