package redis_test

// What callers get when Redis is away, silent, killed or started again.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/redis"
)

func TestAServiceThatIsDownIsNamedWithoutItsPassword(t *testing.T) {
	testkit.NoLeaks(t)
	c := redis.New(redis.Config{Name: "cache", URL: "redis://me:secret@127.0.0.1:1/0"})
	defer c.Close()
	_, err := c.Do(testkit.Context(t), words("GET k"))
	var e *redis.Error
	if !errors.As(err, &e) || e.Kind != redis.Down {
		t.Fatalf("got %v, want Down", err)
	}
	for _, want := range []string{`"cache"`, "127.0.0.1:1", "connection refused", "down since", "start"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%q shows the password", err)
	}
	if c.Stats().DownSince.IsZero() {
		t.Error("Stats does not know since when it is down")
	}
}

func TestAClientOpensWhenTheServerHasCome(t *testing.T) {
	c, s := open(t, redis.Config{})
	s.Kill()
	if _, err := c.Do(testkit.Context(t), words("PING")); err == nil {
		t.Fatal("PING without a server succeeded")
	}
	s.Start(t)
	testkit.Wait(t, "it opens", func() bool { return c.Ping(testkit.Context(t)) == nil })
	if down := c.Stats().DownSince; !down.IsZero() {
		t.Errorf("down since %v, want not", down)
	}
}

func TestASilentServerEndsACallInTime(t *testing.T) {
	c, s := open(t, redis.Config{CommandTimeout: 50 * time.Millisecond})
	do(t, c, "PING")
	s.Signal(syscall.SIGSTOP)
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			_, err := c.Do(testkit.Context(t), words("INCR n"))
			var e *redis.Error
			if !errors.As(err, &e) || e.Kind == redis.Down && e.Err == nil {
				t.Errorf("got %v, want an error that says what happened", err)
			}
		})
	}
	calls.Wait()
	s.Signal(syscall.SIGCONT)
	testkit.Wait(t, "it answers again", func() bool {
		_, err := c.Do(testkit.Context(t), words("PING"))
		return err == nil
	})
}

func TestALostReplyIsReportedAndTheCommandNotSentAgain(t *testing.T) {
	c, s := open(t, redis.Config{})
	do(t, c, "SET n 0")
	s.Signal(syscall.SIGSTOP) // it will read the command, and never reply
	ended := make(chan error, 1)
	go func() {
		_, err := c.Do(testkit.Context(t), words("INCR n"))
		ended <- err
	}()
	testkit.Wait(t, "the command is sent", func() bool { return c.Stats().Commands == 2 })
	s.Kill()
	s.Start(t)
	err := <-ended
	var e *redis.Error
	if !errors.As(err, &e) || e.Kind != redis.Lost && e.Kind != redis.Down {
		t.Fatalf("got %v, want Lost", err)
	}
	if e.Kind == redis.Lost && !strings.Contains(err.Error(), "the outcome is unknown") {
		t.Errorf("%q does not say that the outcome is unknown", err)
	}
	if r := do(t, c, "EXISTS n"); r.Int() != 0 {
		t.Error("INCR was sent again, to the new server")
	}
}

func TestKillAndRestartUnderLoadGivesNobodyAnothersReply(t *testing.T) {
	c, s := open(t, redis.Config{})
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 32 {
		callers.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithCancel(testkit.Context(t))
				if j%7 == 0 {
					cancel() // some give up
				}
				want := fmt.Sprintf("%d-%d", i, j)
				r, err := c.Do(ctx, []string{"ECHO", want})
				cancel()
				var e *redis.Error
				switch {
				case err == nil && r.Text() != want:
					t.Errorf("ECHO %s: got %q", want, r.Text())
				case err != nil && !errors.As(err, &e) && !errors.Is(err, context.Canceled):
					t.Errorf("ECHO %s: got the error %v, which has no name", want, err)
				}
			}
		})
	}
	for range 3 {
		before := c.Stats().Commands
		testkit.Wait(t, "there is load", func() bool { return c.Stats().Commands > before+500 })
		s.Kill()
		s.Start(t)
	}
	close(stop)
	callers.Wait()
	testkit.Wait(t, "it answers again", func() bool { return c.Ping(testkit.Context(t)) == nil })
}

func TestAResolverIsAskedForTheURLWhenItIsNeeded(t *testing.T) {
	testkit.NoLeaks(t)
	s := testkit.Redis(t)
	asked := 0
	c := redis.New(redis.Config{Resolve: func(context.Context) (string, error) {
		if asked++; asked == 1 {
			return "", errors.New("start it: no room")
		}
		return s.URL, nil
	}})
	defer c.Close()
	if asked != 0 {
		t.Error("asked before it was needed")
	}
	if err := c.Ping(testkit.Context(t)); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got %v", err)
	}
	if err := c.Ping(testkit.Context(t)); err != nil || asked != 2 {
		t.Errorf("got %v, asked %d times", err, asked)
	}
	s.Kill()
	for c.Ping(testkit.Context(t)) != nil {
		if asked == 3 {
			break
		}
	}
	s.Start(t)
	testkit.Wait(t, "it is found again", func() bool { return c.Ping(testkit.Context(t)) == nil })
	if asked < 3 {
		t.Errorf("asked %d times, want again after the server went away", asked)
	}
}

func TestAttemptsAtAServerThatIsAwayAreRare(t *testing.T) {
	testkit.NoLeaks(t)
	c := redis.New(redis.Config{URL: "redis://127.0.0.1:1"})
	defer c.Close()
	if s := c.Stats(); s.Failed != 0 {
		t.Errorf("got %d attempts before it was used", s.Failed)
	}
	const calls = 1000
	for range calls {
		var e *redis.Error
		if _, err := c.Do(testkit.Context(t), words("GET k")); !errors.As(err, &e) || e.Kind != redis.Down {
			t.Fatalf("got %v, want Down", err)
		}
	}
	s := c.Stats()
	if s.Failed == 0 || s.Failed > calls/10 {
		t.Errorf("got %d attempts for %d calls", s.Failed, calls)
	}
	if s.Unreached != calls || s.Errors != calls || s.DownSince.IsZero() || !strings.Contains(s.Why, "connection refused") {
		t.Errorf("got %+v, want every call counted, since when and why", s)
	}
}

func TestWhoFindsNoConnectionIsToldWhoHasThem(t *testing.T) {
	c, _ := open(t, redis.Config{PoolSize: 1, PoolTimeout: time.Millisecond})
	h, err := c.Hold(testkit.Context(t), "WATCH stock")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Hold(testkit.Context(t), "another")
	var e *redis.Error
	if !errors.As(err, &e) || e.Kind != redis.Busy || !strings.Contains(err.Error(), "held by WATCH stock for ") {
		t.Errorf("got %v, want who has the connection", err)
	}
	if s := c.Stats(); s.Held != 1 || s.Waited != 1 || s.TimedOut != 1 || s.WaitTime < time.Millisecond {
		t.Errorf("got %+v, want one who waited in vain", s)
	}
	h.Release()
	if h, err = c.Hold(testkit.Context(t), "another"); err != nil {
		t.Fatal(err)
	}
	h.Release()
}

func TestAClientCountsWhatItDoes(t *testing.T) {
	c, s := open(t, redis.Config{})
	if got := c.Stats(); got.Dialed != 0 || got.Open {
		t.Errorf("got %+v before it was used", got)
	}
	do(t, c, "SET k v")
	if _, err := c.Do(testkit.Context(t), words("INCR k")); err != nil {
		t.Fatal(err)
	}
	got := c.Stats()
	if got.Commands != 2 || got.Refused != 1 || got.Errors != 0 || got.CommandTime <= 0 || got.Connections != 1 || got.Dialed != 1 {
		t.Errorf("got %+v, want two commands, one refused, one connection", got)
	}
	s.Kill()
	testkit.Wait(t, "the connection is known to be lost", func() bool { return c.Stats().Connections == 0 })
	s.Start(t)
	testkit.Wait(t, "it answers again", func() bool { return c.Ping(testkit.Context(t)) == nil })
	if got := c.Stats(); got.Reconnected != 1 || got.Connections != 1 {
		t.Errorf("got %+v, want that it has connected again", got)
	}
}
