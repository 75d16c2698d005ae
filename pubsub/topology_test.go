package pubsub_test

// Pub/sub behind Sentinel, in a cluster and over TLS, and what is too large for it.

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/testkit"
	"github.com/puffstack/puff/pubsub"
	"github.com/puffstack/puff/redis"
)

// at returns a hub over the server of a URL.
func at(t *testing.T, url string) *pubsub.Hub {
	t.Helper()
	c := redis.New(redis.Config{URL: url, CommandTimeout: 2 * time.Second})
	h := pubsub.New(c)
	t.Cleanup(func() {
		h.Close()
		c.Close()
	})
	return h
}

// heals has the hub lose its connection, and returns when messages come again.
func heals(t *testing.T, h *pubsub.Hub, lose func()) {
	t.Helper()
	s, got := collect(t, h)
	subscribe(t, s, "me", pubsub.Channel("news"))
	subscribe(t, s, "me", pubsub.Pattern("n*"))
	publish(t, h, "news", "before")
	var epoch uint64
	for range 2 {
		m := <-got
		if epoch = m.Epoch; m.Body != "before" {
			t.Fatalf("got %q, want before", m.Body)
		}
	}
	lose()
	testkit.Wait(t, "a message comes again, of another epoch", func() bool {
		// Who publishes may find the old server still.
		_, _ = h.Publish(testkit.Context(t), pubsub.ID{1}, "news", "after")
		for {
			select {
			case m := <-got:
				if m.Body == "after" && m.Epoch > epoch {
					return true
				}
			default:
				return false
			}
		}
	})
}

func TestAHubFollowsTheMasterOfSentinel(t *testing.T) {
	testkit.NoLeaks(t)
	s := testkit.RedisSentinel(t)
	heals(t, at(t, "redis+sentinel://"+s.Watcher.Address+"/main"), s.Primary.Kill)
}

func TestAHubOfAClusterOutlivesANode(t *testing.T) {
	testkit.NoLeaks(t)
	nodes := testkit.RedisCluster(t)
	h := at(t, "redis+cluster://"+nodes[0].Address+","+nodes[1].Address+","+nodes[2].Address)
	heals(t, h, func() {
		for _, n := range nodes {
			if n.Say(t, "CLIENT", "LIST", "TYPE", "pubsub") != "" {
				n.Kill()
			}
		}
	})
}

func TestAHubHasTLS(t *testing.T) {
	testkit.NoLeaks(t)
	a := testkit.NewAuthority(t)
	cert, key := a.Issue(t, "localhost")
	port := testkit.FreePort(t)
	s := testkit.Redis(t, "--bind", "127.0.0.1", "--tls-port", port, "--tls-auth-clients", "no",
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.File)
	h := at(t, "rediss://localhost:"+port+"?ssl_ca_certs="+a.File)
	heals(t, h, func() {
		s.Kill()
		s.Start(t)
	})
}

func TestALargeMessageArrivesAndATooLargeOneIsRefused(t *testing.T) {
	h, _, _ := open(t)
	s, got := collect(t, h)
	epoch := subscribe(t, s, "me", pubsub.Channel("news"))
	body := strings.Repeat("x", pubsub.MaxMessage)
	publish(t, h, "news", body)
	if m := <-got; m.Body != body || m.Epoch != epoch {
		t.Errorf("got %d bytes, epoch %d, want %d, %d", len(m.Body), m.Epoch, len(body), epoch)
	}
	_, err := h.Publish(testkit.Context(t), pubsub.ID{}, "news", body+"x")
	var e *redis.Error
	if !errors.As(err, &e) || e.Kind != redis.Misuse || !strings.Contains(err.Error(), "16777216") {
		t.Errorf("one byte more: got %v", err)
	}
}
