package redis_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/redis"
)

func TestCommandsThatTravelTogetherEachGetTheirReply(t *testing.T) {
	c, _ := open(t, redis.Config{})
	for range 3 {
		commands := [][]string{words("SET k v"), words("GET k"), words("INCR k"), words("GET none")}
		for i := range 60 {
			commands = append(commands, []string{"ECHO", fmt.Sprint(i)})
		}
		out := c.DoTogether(testkit.Context(t), commands)
		for i, o := range out {
			if o.Err != nil {
				t.Fatalf("%v: %v", commands[i], o.Err)
			}
			if want := fmt.Sprint(i - 4); i >= 4 && o.Reply.Text() != want {
				t.Errorf("ECHO: got %q, want %q", o.Reply.Text(), want)
			}
		}
		if got := out[1].Reply.Text(); got != "v" {
			t.Errorf("GET k: got %q, want v", got)
		}
		var replied *redis.Replied
		if err := out[2].Reply.Err(); !errors.As(err, &replied) {
			t.Errorf("INCR of text: got %v, want what Redis objects", err)
		}
		if !out[3].Reply.IsNil() {
			t.Errorf("GET of nothing: got %q, want nil", out[3].Reply.Text())
		}
	}
	if got := c.Stats().Commands; got != 3*64 {
		t.Errorf("got %d commands counted, want %d", got, 3*64)
	}
}

func TestOnlyCommandsThatDoNotWaitTravelTogether(t *testing.T) {
	for command, want := range map[string]bool{
		"GET": true, "HSET": true, "NONSENSE": true, "": false, "get": false, "BLPOP": false, "XREAD": false,
		"SUBSCRIBE": false, "MULTI": false, "CLIENT": false, "EVAL": false, "KEYS": false,
	} {
		if got := redis.Joins([]byte(command)); got != want {
			t.Errorf("%q: got %v, want %v", command, got, want)
		}
	}
}

func TestCommandsTogetherThatAreNotAnsweredEachFail(t *testing.T) {
	c, s := open(t, redis.Config{CommandTimeout: 100 * time.Millisecond})
	do(t, c, "PING")
	s.Signal(syscall.SIGSTOP)
	out := c.DoTogether(testkit.Context(t), [][]string{words("GET a"), words("GET b")})
	s.Signal(syscall.SIGCONT)
	for i, o := range out {
		var e *redis.Error
		if !errors.As(o.Err, &e) || e.Kind != redis.Timeout {
			t.Errorf("command %d: got %v, want a timeout", i, o.Err)
		}
	}
}

func TestCommandsTogetherFailWhenTheClientIsClosed(t *testing.T) {
	c, _ := open(t, redis.Config{})
	c.Close()
	for i, o := range c.DoTogether(context.Background(), [][]string{words("GET a"), words("GET b")}) {
		var e *redis.Error
		if !errors.As(o.Err, &e) || e.Kind != redis.Down {
			t.Errorf("command %d: got %v, want that it is down", i, o.Err)
		}
	}
}

func TestCommandsThatAreSentTogetherAreCountedAsIfTheyWereNot(t *testing.T) {
	c, s := open(t, redis.Config{})
	c.DoTogether(testkit.Context(t), [][]string{words("SET k v"), words("INCR k"), words("GET k")})
	if got := c.Stats(); got.Commands != 3 || got.Refused != 1 || got.Errors != 0 || got.CommandTime <= 0 {
		t.Errorf("got %+v, want three commands, one refused", got)
	}
	away := redis.New(redis.Config{URL: "redis://127.0.0.1:1"})
	defer away.Close()
	away.DoTogether(testkit.Context(t), [][]string{words("GET a"), words("GET b")})
	if got := away.Stats(); got.Unreached != 2 || got.Errors != 2 {
		t.Errorf("got %+v, want two that did not reach %s", got, s.URL)
	}
}
