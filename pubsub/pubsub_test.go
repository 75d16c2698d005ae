package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/pubsub"
	"github.com/puffstack/puff/redis"
)

// open returns a hub over a server of the test's own.
func open(t *testing.T) (*pubsub.Hub, *redis.Client, *testkit.RedisServer) {
	t.Helper()
	testkit.NoLeaks(t)
	s := testkit.Redis(t)
	c := redis.New(redis.Config{URL: s.URL, CommandTimeout: 2 * time.Second})
	h := pubsub.New(c)
	t.Cleanup(func() {
		h.Close()
		c.Close()
	})
	return h, c, s
}

// collect returns a sink and the messages that it gets.
func collect(t *testing.T, h *pubsub.Hub) (*pubsub.Sink, chan pubsub.Message) {
	t.Helper()
	messages := make(chan pubsub.Message, 10_000)
	s := h.Attach(func(_ context.Context, batch []pubsub.Message) error {
		for _, m := range batch {
			messages <- m
		}
		return nil
	})
	t.Cleanup(s.Close)
	return s, messages
}

func subscribe(t *testing.T, s *pubsub.Sink, member any, name pubsub.Topic) uint64 {
	t.Helper()
	epoch, err := s.Subscribe(testkit.Context(t), member, name)
	if err != nil {
		t.Fatalf("subscribe to %v: %v", name, err)
	}
	return epoch
}

func publish(t *testing.T, h *pubsub.Hub, channel, body string) int64 {
	t.Helper()
	n, err := h.Publish(testkit.Context(t), pubsub.ID{1}, channel, body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func next(t *testing.T, messages chan pubsub.Message) pubsub.Message {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-testkit.Context(t).Done():
		t.Fatal("no message came")
		panic("unreachable")
	}
}

func TestWhatIsPublishedAfterSubscribeArrives(t *testing.T) {
	h, c, _ := open(t)
	s, messages := collect(t, h)
	subscribe(t, s, 1, pubsub.Channel("a"))
	subscribe(t, s, 1, pubsub.Pattern("b*"))
	body := "\x00\xff\r\n" + strings.Repeat("x", 100_000)
	publish(t, h, "a", body)
	if m := next(t, messages); m.Body != body || m.Channel != "a" || m.From != (pubsub.ID{1}) || m.Topic.Pattern {
		t.Errorf("got %d bytes on %q from %v by %v", len(m.Body), m.Channel, m.From, m.Topic)
	}
	if _, err := c.Do(t.Context(), []string{"PUBLISH", "b1", "plain"}); err != nil {
		t.Fatal(err)
	}
	if m := next(t, messages); m.Body != "plain" || m.From != (pubsub.ID{}) || m.Topic != pubsub.Pattern("b*") || m.Channel != "b1" {
		t.Errorf("of somebody else: got %+v", m)
	}
}

func TestAForeignBodyThatLooksLikeAnEnvelopeIsOneOfNobody(t *testing.T) {
	h, _, _ := open(t)
	s, messages := collect(t, h)
	subscribe(t, s, 1, pubsub.Channel("a"))
	body := "\x00puff\x01 and more than sixteen bytes"
	if _, err := h.Publish(t.Context(), pubsub.ID{}, "a", body); err != nil {
		t.Fatal(err)
	}
	if m := next(t, messages); m.Body != body || m.From != (pubsub.ID{}) {
		t.Errorf("got %q from %v", m.Body, m.From)
	}
}

func TestOneConnectionListensForAllSinks(t *testing.T) {
	h, c, _ := open(t)
	var all []chan pubsub.Message
	for range 10 {
		s, messages := collect(t, h)
		subscribe(t, s, 1, pubsub.Channel("a"))
		all = append(all, messages)
	}
	if n := publish(t, h, "a", "x"); n != 1 {
		t.Errorf("Redis has %d receivers, want 1", n)
	}
	for _, messages := range all {
		next(t, messages)
	}
	if s := c.Stats(); s.Held != 0 {
		t.Errorf("it holds %d connections of the pool", s.Held)
	}
}

func TestATopicIsLeftWithItsLastMember(t *testing.T) {
	h, _, _ := open(t)
	s, messages := collect(t, h)
	a := pubsub.Channel("a")
	subscribe(t, s, 1, a)
	subscribe(t, s, 2, a)
	s.Unsubscribe(1, a)
	s.Unsubscribe(1, a)
	if n := publish(t, h, "a", "x"); n != 1 {
		t.Errorf("one member left: Redis has %d receivers", n)
	}
	next(t, messages)
	s.Unsubscribe(2, a)
	testkit.Wait(t, "Redis knows no receiver", func() bool { return publish(t, h, "a", "y") == 0 })
	for range 50 { // in any order of what is asked and confirmed
		subscribe(t, s, 1, a)
		s.Unsubscribe(1, a)
	}
	subscribe(t, s, 1, a)
	for len(messages) > 0 {
		<-messages
	}
	publish(t, h, "a", "z")
	if m := next(t, messages); m.Body != "z" {
		t.Errorf("got %q, want z", m.Body)
	}
}

func TestALostConnectionIsMadeAgainAndShows(t *testing.T) {
	h, _, server := open(t)
	s, messages := collect(t, h)
	first := subscribe(t, s, 1, pubsub.Channel("a"))
	subscribe(t, s, 1, pubsub.Pattern("p*"))
	publish(t, h, "a", "before")
	if m := next(t, messages); m.Epoch != first {
		t.Errorf("epoch %d, want that of Subscribe, %d", m.Epoch, first)
	}
	server.Kill()
	server.Start(t)
	testkit.Wait(t, "both topics are subscribed to again", func() bool {
		a, err := h.Publish(testkit.Context(t), pubsub.ID{}, "a", "after")
		if err != nil || a == 0 {
			return false
		}
		p, err := h.Publish(testkit.Context(t), pubsub.ID{}, "p1", "after")
		return err == nil && p == 1
	})
	if m := next(t, messages); m.Epoch == first || m.Body != "after" {
		t.Errorf("got %q of epoch %d, want another epoch than %d", m.Body, m.Epoch, first)
	}
}

func TestSubscribingToAServerThatIsDownFails(t *testing.T) {
	testkit.NoLeaks(t)
	c := redis.New(redis.Config{URL: "redis://127.0.0.1:1"})
	defer c.Close()
	h := pubsub.New(c)
	defer h.Close()
	s, _ := collect(t, h)
	_, err := s.Subscribe(testkit.Context(t), 1, pubsub.Channel("a"))
	var e *redis.Error
	if !errors.As(err, &e) || e.Kind != redis.Down {
		t.Errorf("got %v, want Down", err)
	}
}

func TestAChannelThatRedisForbidsIsAnErrorAndOthersAreNot(t *testing.T) {
	h, c, _ := open(t)
	do := func(command string) {
		t.Helper()
		if r, err := c.Do(testkit.Context(t), strings.Fields(command)); err != nil || r.Err() != nil {
			t.Fatal(command, err, r.Err())
		}
	}
	do("ACL SETUSER default resetchannels &allowed &later")
	s, messages := collect(t, h)
	_, err := s.Subscribe(testkit.Context(t), 1, pubsub.Channel("forbidden"))
	var replied *redis.Replied
	if !errors.As(err, &replied) {
		t.Errorf("got %v, want what Redis says", err)
	}
	subscribe(t, s, 1, pubsub.Channel("allowed"))
	publish(t, h, "allowed", "x")
	next(t, messages)
}

func TestWhoGivesUpLeavesNothingBehind(t *testing.T) {
	h, _, _ := open(t)
	s, _ := collect(t, h)
	subscribe(t, s, 1, pubsub.Channel("other"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 20 {
		if _, err := s.Subscribe(ctx, i, pubsub.Channel("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	testkit.Wait(t, "Redis knows no receiver", func() bool { return publish(t, h, "a", "x") == 0 })
}

func TestASlowSinkHoldsUpOthersAndLosesNothing(t *testing.T) {
	h, _, _ := open(t)
	free := make(chan struct{})
	var mu sync.Mutex
	got := 0
	slow := h.Attach(func(_ context.Context, batch []pubsub.Message) error {
		<-free
		mu.Lock()
		defer mu.Unlock()
		for _, m := range batch {
			if m.Body != fmt.Sprint(got) {
				t.Errorf("got %s, want %d", m.Body, got)
			}
			got++
		}
		return nil
	})
	defer slow.Close()
	subscribe(t, slow, 1, pubsub.Channel("a"))
	const n = 5000
	for i := range n {
		publish(t, h, "a", fmt.Sprint(i))
	}
	close(free)
	testkit.Wait(t, "all have come", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return got == n
	})
}

func TestASinkEndsWithTheErrorOfItsReceiver(t *testing.T) {
	h, _, _ := open(t)
	s := h.Attach(func(context.Context, []pubsub.Message) error { return errors.New("gone") })
	subscribe(t, s, 1, pubsub.Channel("a"))
	publish(t, h, "a", "x")
	<-s.Done()
	testkit.Wait(t, "Redis knows no receiver", func() bool { return publish(t, h, "a", "y") == 0 })
	if _, err := s.Subscribe(t.Context(), 1, pubsub.Channel("a")); err == nil {
		t.Error("a sink that has ended subscribed")
	}
}

func TestCloseEndsEverything(t *testing.T) {
	h, _, _ := open(t)
	s, _ := collect(t, h)
	subscribe(t, s, 1, pubsub.Channel("a"))
	h.Close()
	h.Close()
	<-s.Done()
	if after, _ := collect(t, h); after != nil {
		if _, err := after.Subscribe(t.Context(), 1, pubsub.Channel("a")); err == nil {
			t.Error("a hub that has ended subscribed")
		}
	}
}

func TestAHubCountsWhatItDoes(t *testing.T) {
	h, _, _ := open(t)
	if got := h.Stats(); got.Client.Dialed != 0 || got.Listening {
		t.Errorf("got %+v before it was used", got)
	}
	s, messages := collect(t, h)
	subscribe(t, s, 1, pubsub.Channel("a"))
	subscribe(t, s, 2, pubsub.Channel("a"))
	subscribe(t, s, 1, pubsub.Pattern("b*"))
	publish(t, h, "a", "heard")
	publish(t, h, "c", "unheard")
	next(t, messages)
	h.Drop(3)
	got := h.Stats()
	if got.Topics != 2 || got.Receivers != 1 || !got.Listening || got.Received != 1 || got.Published != 2 || got.Dropped != 3 {
		t.Errorf("got %+v, want two topics, one message heard of two, three dropped", got)
	}
	if got.Client.Connections != 2 || got.Client.Dialed != 2 {
		t.Errorf("got %+v, want a connection that listens and one that publishes", got.Client)
	}
}
