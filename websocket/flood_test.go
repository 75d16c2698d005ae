package websocket

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pong1 = "\x8a\x00"

func TestFloodsOfFramesThatSayNothingEndTheConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		first []byte
		again []byte
	}{
		{"pings", nil, sent(fin|ping, "")},
		{"pongs", nil, sent(fin|pong, "p")},
		{"empty fragments", sent(text, "a"), sent(cont, "")},
		{"pings between crumbs", sent(text, "a"), join(bytes.Repeat(sent(fin|ping, ""), idleGain+1), sent(cont, "a"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, r := plain(Config{}), &recorder{}
			conn.Feed(c.first, r)
			for n := 0; len(r.events) == 0; n++ {
				if n > 10*maxIdle {
					t.Fatal("the connection takes it all")
				}
				conn.Feed(bytes.Clone(c.again), r)
				conn.Output()
			}
			if diff := cmp.Diff(r.events, ended(Policy)); diff != "" {
				t.Errorf("got (-), want (+):\n%s", diff)
			}
		})
	}
}

func TestPingsAreForgivenInTimeAndForWhatIsSaid(t *testing.T) {
	conn, r := plain(Config{}), &recorder{}
	for range 5 * maxIdle {
		conn.Feed(sent(fin|ping, ""), r)
		if got := string(conn.Output()); got != pong1 {
			t.Fatalf("got %q, want a pong", got)
		}
		conn.Forgive(1)
	}
	for range maxIdle {
		conn.Feed(join(bytes.Repeat(sent(fin|ping, ""), idleGain), sent(fin|text, "a")), r)
		conn.Output()
	}
	if len(r.events) != maxIdle || r.events[len(r.events)-1].Kind != "text" {
		t.Errorf("got %d events, want %d texts", len(r.events), maxIdle)
	}
}

func TestFragmentsWithoutEndStopAtTheLimit(t *testing.T) {
	conn, r := plain(Config{MaxSize: 10_000}), &recorder{}
	conn.Feed(sent(bin, "x"), r)
	for n := 0; len(r.events) == 0; n++ {
		if n > 10_000 || cap(conn.message) > 32<<10 {
			t.Fatalf("after %d fragments the message holds %d bytes", n, cap(conn.message))
		}
		conn.Feed(sent(cont, "x"), r)
	}
	if diff := cmp.Diff(r.events, ended(TooBig)); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if conn.message != nil {
		t.Error("the message is kept")
	}
}
