package websocket

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// compressed opens a connection with the first offer of a client.
func compressed(t testing.TB, c Config, offer string) (*Conn, string) {
	t.Helper()
	c.Deflate = true
	list, ok := readExtensions(offer)
	if !ok {
		t.Fatalf("%q is no list of extensions", offer)
	}
	fields, conn := New(c).Accept(&Request{extensions: list}, "")
	for _, f := range fields {
		if f.Name == "Sec-WebSocket-Extensions" {
			return conn, f.Value
		}
	}
	return conn, ""
}

func TestOffersOfCompressionAreAnsweredByWhatCanBeMet(t *testing.T) {
	const ours = "permessage-deflate; server_no_context_takeover"
	for _, c := range []struct{ offer, want string }{
		{"permessage-deflate", ours},
		{"permessage-deflate; client_max_window_bits", ours},
		{"permessage-deflate; client_max_window_bits=9", ours},
		{`permessage-deflate; client_max_window_bits="10"`, ours},
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", ours + "; client_no_context_takeover"},
		{"permessage-deflate; server_max_window_bits=9", ours + "; server_max_window_bits=9"},
		{"permessage-deflate; server_max_window_bits=15", ours},
		{"permessage-deflate; server_max_window_bits=8", ""},
		{"permessage-deflate; server_max_window_bits=8, permessage-deflate", ours},
		{"permessage-deflate; server_max_window_bits", ""},
		{"permessage-deflate; server_max_window_bits=16", ""},
		{"permessage-deflate; server_max_window_bits=09", ""},
		{"permessage-deflate; client_max_window_bits=7", ""},
		{"permessage-deflate; server_no_context_takeover=1", ""},
		{"permessage-deflate; server_no_context_takeover; server_no_context_takeover", ""},
		{"permessage-deflate; unknown", ""},
		{"x-webkit-deflate-frame", ""},
		{"x-other; a=b, PERMESSAGE-DEFLATE", ours},
	} {
		conn, got := compressed(t, Config{}, c.offer)
		if got != c.want || (conn.deflate != nil) != (c.want != "") {
			t.Errorf("%q is answered %q, want %q", c.offer, got, c.want)
		}
	}
}

func TestNothingIsCompressedWhereThatIsOff(t *testing.T) {
	list, _ := readExtensions("permessage-deflate")
	fields, conn := New(Config{}).Accept(&Request{extensions: list}, "")
	if len(fields) > 0 || conn.deflate != nil {
		t.Errorf("fields %v", fields)
	}
}

// squeezer is a client's compressor that remembers.
type squeezer struct {
	out bytes.Buffer
	w   *flate.Writer
}

func (s *squeezer) squeeze(t testing.TB, p string) string {
	t.Helper()
	if s.w == nil {
		s.w, _ = flate.NewWriter(&s.out, 6)
	}
	s.out.Reset()
	if _, err := io.WriteString(s.w, p); err != nil {
		t.Fatal(err)
	}
	if err := s.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(s.out.String(), flushTail)
}

func TestCompressedMessagesMayReferToEarlierOnes(t *testing.T) {
	conn, _ := compressed(t, Config{}, "permessage-deflate")
	var s squeezer
	var r recorder
	var want []event
	for i := range 200 {
		p := fmt.Sprintf("message %d of many, %s", i, strings.Repeat("much the same ", i*5))
		want = append(want, event{"text", p, 0})
		conn.Feed(sent(fin|rsv1|text, s.squeeze(t, p)), &r)
	}
	if diff := cmp.Diff(r.events, want); diff != "" {
		t.Errorf("events, got - want +:\n%.2000s", diff)
	}
	if n := len(conn.deflate.window); n != fullWindow {
		t.Errorf("the window has %d bytes, want %d", n, fullWindow)
	}
}

func TestCompressedMessagesComeInFragmentsAndBesidePlainOnes(t *testing.T) {
	conn, _ := compressed(t, Config{}, "permessage-deflate; client_no_context_takeover")
	var r recorder
	p := (&squeezer{}).squeeze(t, "hello hello hello")
	conn.Feed(join(sent(rsv1|text, p[:4]), sent(fin|ping, ""), sent(cont, p[4:6]), sent(fin|cont, p[6:]), sent(fin|text, "plain"), sent(fin|rsv1|bin, "\x00")), &r)
	if diff := cmp.Diff(r.events, []event{{"text", "hello hello hello", 0}, {"text", "plain", 0}, {"binary", "", 0}}); diff != "" {
		t.Errorf("events, got - want +:\n%s", diff)
	}
}

func TestBadCompressedMessagesEndTheConnection(t *testing.T) {
	bomb := (&squeezer{}).squeeze(t, strings.Repeat("0", 1<<20))
	for _, c := range []struct {
		name string
		in   []byte
		want int
	}{
		{"no deflate", sent(fin|rsv1|text, "\xff\xff\xff\xff"), Invalid},
		{"a reference before the beginning", sent(fin|rsv1|text, "\x4b\x84\x11\x00"), Invalid},
		{"a text that is no UTF-8", sent(fin|rsv1|text, (&squeezer{}).squeeze(t, "\xff")), Invalid},
		{"too big once inflated", sent(fin|rsv1|bin, bomb), TooBig},
		{"RSV1 on a continuation", join(sent(rsv1|text, "a"), sent(fin|rsv1|cont, "b")), Protocol},
		{"RSV1 on a ping", sent(fin|rsv1|ping, ""), Protocol},
	} {
		conn, _ := compressed(t, Config{MaxSize: 1 << 16}, "permessage-deflate")
		var r recorder
		conn.Feed(c.in, &r)
		if diff := cmp.Diff(r.events, ended(c.want)); diff != "" {
			t.Errorf("%s (%d bytes), got - want +:\n%s", c.name, len(c.in), diff)
		}
	}
}

func TestMessagesThatShrinkAreSentCompressed(t *testing.T) {
	for _, bits := range []int{9, 12, 15} {
		conn, _ := compressed(t, Config{}, fmt.Sprintf("permessage-deflate; server_max_window_bits=%d", bits))
		for _, p := range []string{strings.Repeat("a", minDeflate), strings.Repeat("round and round ", 5000)} {
			frame, tail, err := conn.AppendMessage(nil, true, []byte(p))
			if err != nil || frame[0] != fin|rsv1|text || tail != nil || len(frame) >= len(p) {
				t.Fatalf("AppendMessage of %d bytes = %d bytes % x, tail %d, %v", len(p), len(frame), frame[:2], len(tail), err)
			}
			payload := frame[headSize(frame[1]):]
			got, err := io.ReadAll(flate.NewReader(strings.NewReader(string(payload) + flushTail + endTail)))
			if err != nil || string(got) != p {
				t.Errorf("%d bits: %d bytes come out as %d, %v", bits, len(p), len(got), err)
			}
		}
		if frame, _, _ := conn.AppendMessage(nil, true, []byte("short")); string(frame) != "\x81\x05short" {
			t.Errorf("a short message is sent as %q", frame)
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{64, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { echo(b, plain(Config{}), sent(fin|text, strings.Repeat("x", size))) })
	}
}

func BenchmarkCompressedEcho(b *testing.B) {
	conn, _ := compressed(b, Config{}, "permessage-deflate; client_no_context_takeover")
	p := strings.Repeat("some words that repeat themselves, ", 100)
	echo(b, conn, sent(fin|rsv1|text, (&squeezer{}).squeeze(b, p)))
}

// echo is a handler that answers.
func echo(b *testing.B, conn *Conn, frame []byte) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	h := &echoing{conn: conn}
	p := make([]byte, len(frame))
	for b.Loop() {
		copy(p, frame)
		conn.Feed(p, h)
	}
	if len(h.out) == 0 {
		b.Fatal("nothing was answered")
	}
}

type echoing struct {
	conn *Conn
	out  []byte
}

func (e *echoing) Message(text bool, p []byte) bool {
	e.out, _, _ = e.conn.AppendMessage(e.out[:0], text, p)
	return true
}

func (e *echoing) Ended(int, string) {}
