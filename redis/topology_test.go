package redis_test

// Redis behind Sentinel and in a cluster.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/redis"
)

// client returns a client of a URL that ends with the test.
func client(t *testing.T, url string) *redis.Client {
	t.Helper()
	c := redis.New(redis.Config{URL: url})
	t.Cleanup(c.Close)
	return c
}

// cluster returns a client of a cluster of the test's own.
func cluster(t *testing.T) (*redis.Client, []*testkit.RedisServer) {
	t.Helper()
	testkit.NoLeaks(t)
	nodes := testkit.RedisCluster(t)
	return client(t, "redis+cluster://"+nodes[0].Address+","+nodes[1].Address), nodes
}

func TestAClientOfSentinelFollowsTheMaster(t *testing.T) {
	testkit.NoLeaks(t)
	s := testkit.RedisSentinel(t)
	c := client(t, "redis+sentinel://127.0.0.1:1,"+s.Watcher.Address+"/main/3")
	if r := do(t, c, "SET k before"); r.Type() != redis.Status {
		t.Fatalf("SET: %v", r.Err())
	}
	l, err := c.Listen(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- l.Run(func(redis.Event) {}) }()
	testkit.Wait(t, "the replica has the key", func() bool {
		return strings.Contains(s.Replica.Say(t, "INFO", "keyspace"), "db3:keys=1")
	})
	s.Primary.Kill()
	<-over // who listens learns of it
	testkit.Wait(t, "another master takes writes", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := c.Do(ctx, words("SET k after"))
		return err == nil && r.Err() == nil
	})
	if r := do(t, c, "GET k"); r.Text() != "after" {
		t.Errorf("got %q, want after", r.Text())
	}
	if role := s.Replica.Say(t, "INFO", "replication"); !strings.Contains(role, "role:master") {
		t.Errorf("the replica is no master: %s", role)
	}
	again, err := c.Listen(testkit.Context(t))
	if err != nil {
		t.Fatalf("listen to the new master: %v", err)
	}
	again.Close()
}

func TestAnUnknownMasterIsNamed(t *testing.T) {
	testkit.NoLeaks(t)
	s := testkit.RedisSentinel(t)
	c := client(t, "redis+sentinel://"+s.Watcher.Address+"/other")
	_, err := c.Do(testkit.Context(t), words("PING"))
	var e *redis.Error
	if !errors.As(err, &e) || e.Kind != redis.Down || !strings.Contains(err.Error(), "/other") {
		t.Errorf("got %v", err)
	}
}

func TestCommandsOfAClusterGoWhereTheirKeysAre(t *testing.T) {
	c, nodes := cluster(t)
	for i := range 60 {
		key := fmt.Sprintf("k%d", i)
		if r := do(t, c, "SET "+key+" "+strconv.Itoa(i)); r.Err() != nil {
			t.Fatal(r.Err())
		}
		if r := do(t, c, "GET "+key); r.Text() != strconv.Itoa(i) {
			t.Errorf("%s: got %q", key, r.Text())
		}
	}
	for _, n := range nodes {
		if n.Say(t, "DBSIZE") == ":0" {
			t.Errorf("%s has no key", n.Address)
		}
	}
	for _, test := range []string{
		"EVAL return_redis.call('GET',KEYS[1]) 1 k7", "OBJECT ENCODING k7", "XADD s7 * a b",
		"XREAD STREAMS s7 0", "ZADD z7 1 m", "ZINTER 1 z7", "BITOP NOT {k7}x k7", "MEMORY USAGE k7",
	} {
		args := words(test)
		args[1] = strings.ReplaceAll(args[1], "_", " ")
		r, err := c.Do(testkit.Context(t), args)
		if err != nil || r.Err() != nil {
			t.Errorf("%s: %v, %v", test, err, r.Err())
		}
	}
	r := do(t, c, "MGET k1 k2")
	var e *redis.Replied
	if !errors.As(r.Err(), &e) || e.Code != "CROSSSLOT" {
		t.Errorf("keys on different nodes: got %v, want CROSSSLOT", r.Err())
	}
}

func TestWhatSpeaksOfAllKeysOfAClusterAsksAllNodes(t *testing.T) {
	c, nodes := cluster(t)
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprintf("k%d", i))
		do(t, c, "SET "+want[i]+" x")
	}
	slices.Sort(want)
	if r := do(t, c, "DBSIZE"); r.Int() != 300 {
		t.Errorf("DBSIZE: got %d", r.Int())
	}
	var keys []string
	r := do(t, c, "KEYS *")
	for _, k := range r.Items() {
		keys = append(keys, k.Text())
	}
	if slices.Sort(keys); !slices.Equal(keys, want) {
		t.Errorf("KEYS: got %d, want 300", len(keys))
	}
	keys = nil
	for cursor := "0"; ; {
		r := do(t, c, "SCAN "+cursor+" COUNT 20")
		if r.Len() != 2 {
			t.Fatalf("SCAN %s: %v", cursor, r.Err())
		}
		for _, k := range r.Items()[1].Items() {
			keys = append(keys, k.Text())
		}
		if cursor = r.Items()[0].Text(); cursor == "0" {
			break
		}
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); !slices.Equal(keys, want) {
		t.Errorf("SCAN: got %d keys, want 300", len(keys))
	}
	if r := do(t, c, "SCAN nonsense"); r.Err() == nil {
		t.Error("SCAN of nonsense succeeded")
	}
	do(t, c, "FLUSHALL")
	for _, n := range nodes {
		if left := n.Say(t, "DBSIZE"); left != ":0" {
			t.Errorf("after FLUSHALL: %s has %s", n.Address, left)
		}
	}
}

func TestAPipelineOfAClusterGoesToAllItsNodes(t *testing.T) {
	c, _ := cluster(t)
	commands := [][]string{words("PING")}
	for i := range 3000 {
		commands = append(commands, []string{"SET", fmt.Sprintf("k%d", i), strconv.Itoa(i)}, []string{"GET", fmt.Sprintf("k%d", i)})
	}
	commands = append(commands, words("INCR k1"), words("NONSENSE"), words("PUBLISH a b"))
	replies, err := c.Pipeline(testkit.Context(t), commands)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		if got := replies[2+2*i].Text(); got != strconv.Itoa(i) {
			t.Fatalf("k%d: got %q", i, got)
		}
	}
	if replies[0].Text() != "PONG" || replies[6001].Int() != 2 || replies[6002].Err() == nil || replies[6003].Err() != nil {
		t.Errorf("got %v %v %v %v", replies[0], replies[6001], replies[6002].Err(), replies[6003].Err())
	}
	_, err = c.Pipeline(testkit.Context(t), [][]string{words("SET a b"), words("DBSIZE")})
	var e *redis.Error
	if !errors.As(err, &e) || e.Kind != redis.Misuse {
		t.Errorf("what goes to all nodes in a pipeline: got %v", err)
	}
}

func TestATransactionOfAClusterIsOnOneNode(t *testing.T) {
	c, _ := cluster(t)
	ctx := testkit.Context(t)
	replies, err := c.Transaction(ctx, [][]string{words("PING"), words("SET {u}a 1"), words("INCR {u}b")})
	if err != nil || len(replies) != 3 || replies[2].Int() != 1 {
		t.Fatalf("got %d, %v", len(replies), err)
	}
	var e *redis.Replied
	if _, err := c.Transaction(ctx, [][]string{words("SET k1 1"), words("SET k2 1")}); !errors.As(err, &e) || e.Code != "CROSSSLOT" {
		t.Errorf("keys on two nodes: got %v", err)
	}
	if _, err := c.Transaction(ctx, [][]string{words("PING"), words("PING")}); err != nil {
		t.Errorf("without a key: %v", err)
	}
	for _, key := range []string{"k1", "k2", "k3"} {
		h, err := c.Hold(ctx, "the test")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Watch(ctx, key); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Do(ctx, words("GET other")); !errors.As(err, &e) || e.Code != "CROSSSLOT" {
			t.Errorf("a key of another node: got %v", err)
		}
		if _, err := h.Exec(ctx, [][]string{words("SET " + key + " 1")}); err != nil {
			t.Errorf("EXEC with %s: %v", key, err)
		}
		if err := h.Watch(ctx, key); err != nil {
			t.Fatal(err)
		}
		do(t, c, "SET "+key+" 2")
		if _, err := h.Exec(ctx, [][]string{words("SET " + key + " 3")}); !errors.Is(err, redis.ErrChanged) {
			t.Errorf("EXEC after a change of %s: got %v", key, err)
		}
		h.Release()
	}
	h, err := c.Hold(ctx, "the test")
	if err != nil {
		t.Fatal(err)
	}
	h.Release() // without having sent anything
}

func TestKeysThatMoveToAnotherNodeAreFollowed(t *testing.T) {
	c, nodes := cluster(t)
	ctx := testkit.Context(t)
	do(t, c, "SET k 1")
	slot := strings.TrimPrefix(nodes[0].Say(t, "CLUSTER", "KEYSLOT", "k"), ":")
	from := slices.IndexFunc(nodes, func(n *testkit.RedisServer) bool { return n.Say(t, "DBSIZE") == ":1" })
	to := nodes[(from+1)%3]
	fromID, toID := nodes[from].Say(t, "CLUSTER", "MYID"), to.Say(t, "CLUSTER", "MYID")
	to.Say(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	nodes[from].Say(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	host, port, _ := strings.Cut(to.Address, ":")
	if said := nodes[from].Say(t, "MIGRATE", host, port, "k", "0", "5000"); said != "+OK" {
		t.Fatal(said)
	}
	if r := do(t, c, "GET k"); r.Text() != "1" { // ASK
		t.Errorf("while it moves: got %q, %v", r.Text(), r.Err())
	}
	for _, n := range []*testkit.RedisServer{to, nodes[from]} {
		n.Say(t, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
	if r := do(t, c, "INCR k"); r.Int() != 2 { // MOVED
		t.Errorf("after it moved: got %v, %v", r.Int(), r.Err())
	}
	replies, err := c.Transaction(ctx, [][]string{words("INCR k"), words("INCR k")})
	if err != nil || replies[1].Int() != 4 {
		t.Errorf("a transaction after it moved: %v", err)
	}
	replies, err = c.Pipeline(ctx, [][]string{words("INCR k"), words("SET other 1")})
	if err != nil || replies[0].Int() != 5 {
		t.Errorf("a pipeline after it moved: %v", err)
	}
}

func TestListeningToAClusterDoesNotDependOnOneNode(t *testing.T) {
	c, nodes := cluster(t)
	do(t, c, "SET k 1")
	slices.SortFunc(nodes, func(a, b *testkit.RedisServer) int { return strings.Compare(a.Address, b.Address) })
	nodes[0].Kill()
	l, err := c.Listen(testkit.Context(t))
	if err != nil {
		t.Fatalf("with one node of three away: %v", err)
	}
	defer l.Close()
	if err := l.Send([]string{"SUBSCRIBE", "news"}); err != nil {
		t.Fatal(err)
	}
	got := make(chan redis.Event, 8)
	go func() {
		_ = l.Run(func(e redis.Event) { got <- e })
		close(got)
	}()
	if e := <-got; e.Kind != "subscribe" {
		t.Fatalf("got %v", e)
	}
	testkit.Wait(t, "what is published at another node", func() bool { // nodes that lost each other drop it
		nodes[2].Say(t, "PUBLISH", "news", "hello")
		select {
		case e := <-got:
			return e.Body == "hello"
		default:
			return false
		}
	})
	l.Close()
	for range got {
	}
}
