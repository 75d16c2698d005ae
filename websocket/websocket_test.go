package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// event is one thing that a handler was told.
type event struct {
	Kind string // "text", "binary" or "end"
	Data string
	Code int
}

// recorder is a handler that takes up to room messages, or any number.
type recorder struct {
	events []event
	room   int
}

func (r *recorder) Message(text bool, p []byte) bool {
	kind := "binary"
	if text {
		kind = "text"
	}
	r.events = append(r.events, event{Kind: kind, Data: string(p)})
	return r.room == 0 || len(r.events) < r.room
}

func (r *recorder) Ended(code int, _ string) {
	r.events = append(r.events, event{Kind: "end", Code: code})
}

// sent is a frame as a client sends it.
func sent(b0 byte, payload string) []byte {
	mask := [4]byte{0xa1, 0x5b, 0x00, 0xff}
	b := []byte{b0}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

func plain(c Config) *Conn {
	_, conn := New(c).Accept(&Request{key: "dGhlIHNhbXBsZSBub25jZQ=="}, "")
	return conn
}

const (
	fin   = 0x80
	rsv1  = 0x40
	cont  = 0x0
	text  = 0x1
	bin   = 0x2
	bye   = 0x8
	ping  = 0x9
	pong  = 0xa
	euro  = "\xe2\x82\xac"
	early = "seen before the frame is whole"
)

// conversations go over the sections of RFC 6455: what a client sends, and what becomes of it.
var conversations = []struct {
	name string
	in   []byte
	want []event
	out  string // what is answered, goodbye included
}{
	{"an empty text", sent(fin|text, ""), []event{{"text", "", 0}}, ""},
	{"a text", sent(fin|text, "hello"), []event{{"text", "hello", 0}}, ""},
	{"a binary of every byte", sent(fin|bin, "\x00\x7f\x80\xff"), []event{{"binary", "\x00\x7f\x80\xff", 0}}, ""},
	{"lengths of 16 bits", sent(fin|bin, strings.Repeat("a", 126)), []event{{"binary", strings.Repeat("a", 126), 0}}, ""},
	{"the longest of 16 bits", sent(fin|bin, strings.Repeat("b", 65535)), []event{{"binary", strings.Repeat("b", 65535), 0}}, ""},
	{"lengths of 64 bits", sent(fin|bin, strings.Repeat("c", 65536)), []event{{"binary", strings.Repeat("c", 65536), 0}}, ""},
	{"two messages", join(sent(fin|text, "a"), sent(fin|bin, "b")), []event{{"text", "a", 0}, {"binary", "b", 0}}, ""},

	{"a ping", sent(fin|ping, ""), nil, "\x8a\x00"},
	{"a ping with a payload", sent(fin|ping, "abc"), nil, "\x8a\x03abc"},
	{"the longest ping", sent(fin|ping, strings.Repeat("p", 125)), nil, "\x8a\x7d" + strings.Repeat("p", 125)},
	{"a ping that is too long", sent(fin|ping, strings.Repeat("p", 126)), ended(Protocol), goodbye(Protocol, "a control frame is fragmented or too long")},
	{"a pong nobody asked for", sent(fin|pong, "x"), nil, ""},
	{"ten pings", bytes.Repeat(sent(fin|ping, "n"), 10), nil, strings.Repeat("\x8a\x01n", 10)},

	{"RSV1 without an extension", sent(fin|rsv1|text, "a"), ended(Protocol), goodbye(Protocol, "a reserved bit is set")},
	{"RSV2", sent(fin|0x20|text, "a"), ended(Protocol), goodbye(Protocol, "a reserved bit is set")},
	{"RSV3 on a ping", sent(fin|0x10|ping, ""), ended(Protocol), goodbye(Protocol, "a reserved bit is set")},
	{"a message before a fault", join(sent(fin|text, "a"), sent(fin|0x10|text, "b")), []event{{"text", "a", 0}, {"end", "", Protocol}}, goodbye(Protocol, "a reserved bit is set")},
	{"no mask", []byte{fin | text, 0x01, 'a'}, ended(Protocol), goodbye(Protocol, "a frame is not masked")},
	{"a length beyond 63 bits", append([]byte{fin | bin, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, 1, 2, 3, 4), ended(Protocol), goodbye(Protocol, "a length of more than 63 bits")},

	{"a fragmented text", join(sent(text, "hel"), sent(cont, ""), sent(fin|cont, "lo")), []event{{"text", "hello", 0}}, ""},
	{"a ping between fragments", join(sent(text, "a"), sent(fin|ping, "p"), sent(fin|cont, "b")), []event{{"text", "ab", 0}}, "\x8a\x01p"},
	{"a fragmented ping", sent(ping, "p"), ended(Protocol), goodbye(Protocol, "a control frame is fragmented or too long")},
	{"a continuation of nothing", sent(fin|cont, "a"), ended(Protocol), goodbye(Protocol, "a fragment out of order")},
	{"a text within a text", join(sent(text, "a"), sent(fin|text, "b")), ended(Protocol), goodbye(Protocol, "a fragment out of order")},
	{"a continuation after the end", join(sent(text, "a"), sent(fin|cont, "b"), sent(fin|cont, "c")), []event{{"text", "ab", 0}, {"end", "", Protocol}}, goodbye(Protocol, "a fragment out of order")},

	{"a character in two fragments", join(sent(text, euro[:1]), sent(fin|cont, euro[1:])), []event{{"text", euro, 0}}, ""},
	{"a surrogate", sent(fin|text, "\xed\xa0\x80"), ended(Invalid), goodbye(Invalid, "a text is not UTF-8")},
	{"an overlong character", sent(fin|text, "\xc0\xaf"), ended(Invalid), goodbye(Invalid, "a text is not UTF-8")},
	{"a text that ends within a character", sent(fin|text, euro[:2]), ended(Invalid), goodbye(Invalid, "a text is not UTF-8")},
	{"no UTF-8, " + early, sent(text, "\xce\xba\xed\xa0\x80")[:10], ended(Invalid), goodbye(Invalid, "a text is not UTF-8")},
	{"beyond U+10FFFF, " + early, join(sent(text, "\xf4"), sent(cont, "\x90")), ended(Invalid), goodbye(Invalid, "a text is not UTF-8")},
	{"bytes need not be UTF-8", sent(fin|bin, "\xed\xa0\x80"), []event{{"binary", "\xed\xa0\x80", 0}}, ""},

	{"a close frame", sent(fin|bye, closing(1000, "bye")), ended(1000), goodbye(1000, "")},
	{"a close frame without a code", sent(fin|bye, ""), ended(NoStatus), "\x88\x00"},
	{"a close frame of one byte", sent(fin|bye, "\x03"), ended(Protocol), goodbye(Protocol, "a close frame of one byte")},
	{"a close reason that is no UTF-8", sent(fin|bye, closing(1000, "\xff")), ended(Invalid), goodbye(Invalid, "a text is not UTF-8")},
	{"the longest close frame", sent(fin|bye, closing(1000, strings.Repeat("r", 123))), ended(1000), goodbye(1000, "")},
	{"a close frame that is too long", sent(fin|bye, closing(1000, strings.Repeat("r", 124))), ended(Protocol), goodbye(Protocol, "a control frame is fragmented or too long")},
	{"what follows a close frame", join(sent(fin|bye, closing(1001, "")), sent(fin|text, "a"), sent(fin|ping, "")), ended(1001), goodbye(1001, "")},
}

func ended(code int) []event { return []event{{"end", "", code}} }

func goodbye(code uint16, reason string) string {
	p := closing(code, reason)
	return "\x88" + string([]byte{byte(len(p))}) + p
}

func TestConversationsGoByTheRulesHoweverTheBytesArrive(t *testing.T) {
	for _, c := range conversations {
		for _, size := range []int{1, 2, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s/%d", c.name, size), func(t *testing.T) {
				conn, r := plain(Config{}), &recorder{}
				var out []byte
				for p := bytes.Clone(c.in); len(p) > 0; {
					n := min(size, len(p))
					used := conn.Feed(p[:n], r)
					if used < n && !conn.Ending() {
						t.Fatalf("Feed used %d of %d bytes", used, n)
					}
					p = p[n:]
					out = append(out, conn.Output()...)
				}
				conn.Goodbye()
				out = append(out, conn.Output()...)
				if diff := cmp.Diff(r.events, c.want); diff != "" {
					t.Errorf("events, got - want +:\n%s", diff)
				}
				if string(out) != c.out {
					t.Errorf("answered %q, want %q", out, c.out)
				}
			})
		}
	}
}

func TestReservedOpcodesAreRefused(t *testing.T) {
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		conn, r := plain(Config{}), &recorder{}
		conn.Feed(sent(fin|op, ""), r)
		if diff := cmp.Diff(r.events, ended(Protocol)); diff != "" {
			t.Errorf("opcode %d, got - want +:\n%s", op, diff)
		}
	}
}

func TestCloseCodesAreThoseThatMayBeSent(t *testing.T) {
	valid := map[int]bool{1000: true, 1001: true, 1002: true, 1003: true, 1007: true, 1008: true, 1009: true, 1010: true, 1011: true, 1012: true, 1013: true, 1014: true, 3000: true, 3999: true, 4000: true, 4999: true}
	for _, code := range []int{0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535} {
		conn, r := plain(Config{}), &recorder{}
		conn.Feed(sent(fin|bye, closing(uint16(code), "")), r)
		want := Protocol
		if valid[code] {
			want = code
		}
		if diff := cmp.Diff(r.events, ended(want)); diff != "" {
			t.Errorf("code %d, got - want +:\n%s", code, diff)
		}
		if err := plain(Config{}).Close(code, ""); (err == nil) != (valid[code] || code == NoStatus) {
			t.Errorf("Close(%d) = %v", code, err)
		}
	}
}

func TestMessagesBeyondTheLimitAreRefusedBeforeTheyAreRead(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want []event
	}{
		{"as long as may be", sent(fin|bin, "12345678"), []event{{"binary", "12345678", 0}}},
		{"one byte more", sent(fin|bin, "123456789")[:6], ended(TooBig)},
		{"fragments that add up", join(sent(bin, "12345"), sent(fin|cont, "6789")[:6]), ended(TooBig)},
		{"2^62 bytes", []byte{fin | bin, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, ended(TooBig)},
	} {
		conn, r := plain(Config{MaxSize: 8}), &recorder{}
		conn.Feed(c.in, r)
		if diff := cmp.Diff(r.events, c.want); diff != "" {
			t.Errorf("%s, got - want +:\n%s", c.name, diff)
		}
	}
}

func TestFeedStopsWhenTheHandlerHasEnough(t *testing.T) {
	conn, r := plain(Config{}), &recorder{room: 2}
	p := join(sent(fin|text, "a"), sent(fin|text, "b"), sent(fin|text, "c"))
	n := conn.Feed(p, r)
	if want := len(p) / 3 * 2; n != want {
		t.Fatalf("Feed used %d bytes, want %d", n, want)
	}
	r.room = 0
	conn.Feed(p[n:], r)
	if diff := cmp.Diff(r.events, []event{{"text", "a", 0}, {"text", "b", 0}, {"text", "c", 0}}); diff != "" {
		t.Errorf("events, got - want +:\n%s", diff)
	}
}

func TestGoodbyeWaitsForWhatIsStillToBeSaid(t *testing.T) {
	conn, r := plain(Config{}), &recorder{}
	conn.Feed(join(sent(fin|text, "a"), sent(fin|bye, closing(1000, ""))), r)
	frame, _, err := conn.AppendMessage(nil, true, []byte("A"))
	if err != nil || string(frame) != "\x81\x01A" {
		t.Errorf("AppendMessage = %q, %v", frame, err)
	}
	conn.Goodbye()
	if got := string(conn.Output()); got != goodbye(1000, "") || !conn.Closed() {
		t.Errorf("output %q, closed %t", got, conn.Closed())
	}
	if _, _, err := conn.AppendMessage(nil, true, nil); err == nil {
		t.Error("a message after goodbye is no error")
	}
}

func TestCloseWaitsForTheClientsAnswerAndDropsWhatComesBefore(t *testing.T) {
	conn, r := plain(Config{}), &recorder{}
	conn.Feed(sent(text, "half"), r)
	if err := conn.Close(4000, strings.Repeat("\u20ac", 50)); err != nil {
		t.Fatal(err)
	}
	if got, want := string(conn.Output()), goodbye(4000, strings.Repeat("\u20ac", 41)); got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	conn.Feed(join(sent(fin|cont, "way"), sent(fin|text, "late"), sent(fin|ping, "")), r)
	if conn.Closed() || len(conn.Output()) > 0 {
		t.Error("the connection is closed, or answers, before the client has said goodbye")
	}
	conn.Feed(sent(fin|bye, closing(4000, "")), r)
	if diff := cmp.Diff(r.events, ended(4000)); diff != "" || !conn.Closed() || len(conn.Output()) > 0 {
		t.Errorf("closed %t, events, got - want +:\n%s", conn.Closed(), diff)
	}
}

func TestTextThatIsNoUTF8IsNotSent(t *testing.T) {
	if _, _, err := plain(Config{}).AppendMessage(nil, true, []byte("\xff")); err == nil {
		t.Error("AppendMessage gave no error")
	}
}

func TestBigMessagesAreNotCopied(t *testing.T) {
	p := bytes.Repeat([]byte("x"), 70000)
	frame, tail, err := plain(Config{}).AppendMessage(nil, false, p)
	if err != nil || string(frame) != "\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x70" || &tail[0] != &p[0] {
		t.Errorf("AppendMessage = %q, %d bytes, %v", frame, len(tail), err)
	}
}

func TestHeardIsAskedOncePerSign(t *testing.T) {
	conn := plain(Config{})
	conn.Feed(sent(fin|pong, ""), &recorder{})
	if !conn.Heard() || conn.Heard() {
		t.Error("Heard is not true once")
	}
	conn.Ping()
	if got := string(conn.Output()); got != "\x89\x00" {
		t.Errorf("a ping is %q", got)
	}
}

func FuzzFeedDoesNotDependOnHowTheBytesArrive(f *testing.F) {
	for _, c := range conversations {
		if len(c.in) < 300 {
			f.Add(c.in, uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		feed := func(step int) ([]event, string) {
			_, conn := New(Config{MaxSize: 1 << 16, Deflate: true}).Accept(&Request{extensions: []extension{{name: "permessage-deflate"}}}, "")
			r := &recorder{}
			var out []byte
			for p := bytes.Clone(in); len(p) > 0; {
				n := min(step, len(p))
				conn.Feed(p[:n], r)
				out = append(out, conn.Output()...)
				p = p[n:]
			}
			conn.Goodbye()
			return r.events, string(append(out, conn.Output()...))
		}
		one, answer := feed(len(in) + 1)
		other, pieces := feed(int(step) + 1)
		if diff := cmp.Diff(one, other); diff != "" || answer != pieces {
			t.Errorf("at once - in pieces +:\n%s\nanswers %q and %q", diff, answer, pieces)
		}
	})
}
