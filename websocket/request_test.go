package websocket

import (
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const key = "dGhlIHNhbXBsZSBub25jZQ=="

func pairs(list ...string) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := 0; i+1 < len(list); i += 2 {
			if !yield([]byte(list[i]), []byte(list[i+1])) {
				return
			}
		}
	}
}

func TestRequestsAreAcceptedWithTheKeyOfTheRFC(t *testing.T) {
	r, err := ReadRequest(pairs("Host", "x", "SEC-WEBSOCKET-KEY", key, "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Protocol", "chat, superchat", "Sec-WebSocket-Protocol", "last"), true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Subprotocols, []string{"chat", "superchat", "last"}); diff != "" {
		t.Errorf("subprotocols, got - want +:\n%s", diff)
	}
	fields, _ := New(Config{}).Accept(r, "chat")
	want := []Field{{"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, {"Sec-WebSocket-Protocol", "chat"}}
	if diff := cmp.Diff(fields, want); diff != "" {
		t.Errorf("fields, got - want +:\n%s", diff)
	}
}

func TestRequestsOfHTTP2HaveNoKey(t *testing.T) {
	r, err := ReadRequest(pairs("sec-websocket-version", "13"), false)
	if err != nil {
		t.Fatal(err)
	}
	if fields, _ := New(Config{}).Accept(r, ""); len(fields) > 0 {
		t.Errorf("fields %v, want none", fields)
	}
}

func TestRequestsThatBreakTheRulesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []string
		status int
	}{
		{"no version", []string{"Sec-WebSocket-Key", key}, 426},
		{"another version", []string{"Sec-WebSocket-Key", key, "Sec-WebSocket-Version", "8"}, 426},
		{"two versions", []string{"Sec-WebSocket-Key", key, "Sec-WebSocket-Version", "13", "Sec-WebSocket-Version", "13"}, 400},
		{"no key", []string{"Sec-WebSocket-Version", "13"}, 400},
		{"two keys", []string{"Sec-WebSocket-Key", key, "Sec-WebSocket-Key", key, "Sec-WebSocket-Version", "13"}, 400},
		{"a short key", []string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub24=", "Sec-WebSocket-Version", "13"}, 400},
		{"a key that is no base64", []string{"Sec-WebSocket-Key", "????????????????????????", "Sec-WebSocket-Version", "13"}, 400},
		{"no subprotocol in the list", []string{"Sec-WebSocket-Key", key, "Sec-WebSocket-Version", "13", "Sec-WebSocket-Protocol", "a,,b"}, 400},
		{"an extension without a name", []string{"Sec-WebSocket-Key", key, "Sec-WebSocket-Version", "13", "Sec-WebSocket-Extensions", "; x"}, 400},
		{"a parameter without a value", []string{"Sec-WebSocket-Key", key, "Sec-WebSocket-Version", "13", "Sec-WebSocket-Extensions", "a; x="}, 400},
	} {
		_, err := ReadRequest(pairs(c.fields...), true)
		bad, ok := errors.AsType[*RequestError](err)
		if !ok || bad.Status != c.status {
			t.Errorf("%s: got %v, want status %d", c.name, err, c.status)
		}
		if ok && c.status == 426 && len(bad.Fields) == 0 {
			t.Errorf("%s: the answer does not say which version is spoken", c.name)
		}
	}
}
