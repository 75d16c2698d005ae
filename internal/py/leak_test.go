package py_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// resident returns how many bytes of memory the process has.
func resident(t *testing.T) int {
	t.Helper()
	hub.call(t, "counts") // collects garbage
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("memory is not known here: %v", err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// Values that travel as a pointer are memory of C's, which no collector frees. Each way
// is gone a hundred times with a megabyte: one that leaks has a hundred more.
func TestMemoryOfLargeValuesIsGivenBack(t *testing.T) {
	if testing.Short() {
		t.Skip("moves a gigabyte")
	}
	settled(t)
	const rounds, size = 100, 1 << 20
	large := bytes.Repeat([]byte("x"), size)
	ctx := testkit.Context(t)
	handle(t, "large", func(context.Context, []any) (any, error) { return large, nil })
	ways := []struct {
		name string
		once func()
	}{
		{"argument and answer", func() {
			if _, err := hub.lane.Call(ctx, echo, large); err != nil {
				t.Error(err)
			}
		}},
		{"argument that can not be read", func() {
			if _, err := hub.try(t, "same", large, py.Dict{{[]any{}, 1}}); err == nil {
				t.Error("got no error")
			}
		}},
		{"argument of a function that is gone", func() {
			if _, err := hub.lane.Call(ctx, 1<<31, large); err == nil {
				t.Error("got no error")
			}
		}},
		{"answer that can not be written", func() {
			if _, err := hub.try(t, "evaluate", "[b'x' * (1 << 20), object()]"); err == nil {
				t.Error("got no error")
			}
		}},
		{"answer of Go's", func() { hub.call(t, "evaluate", "len(call('large'))") }},
		{"answer of Go's to who is gone", func() {
			n := thread.call(t, "open_lane")
			thread.call(t, "ask_on", n, "large")
			thread.call(t, "close_lane", n)
		}},
		{"call of a lane that ends", func() {
			n := int(thread.call(t, "open_lane").(int64))
			if err := python.Lane(n).Post(echo, large); err != nil {
				t.Error(err)
			}
			thread.call(t, "close_lane", n)
		}},
		{"error", func() { _, _ = hub.try(t, "fail", "ValueError", string(large)) }},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			for range 5 {
				way.once() // what is kept for the next time is kept from here on
			}
			before := resident(t)
			for range rounds {
				way.once()
			}
			if grown := resident(t) - before; grown > rounds*size/2 {
				t.Errorf("grew by %d MB over %d rounds of 1 MB", grown>>20, rounds)
			}
		})
	}
}

// Objects of Python are counted: each way is gone often enough that one object kept per
// round shows.
func TestObjectsOfPythonAreGivenBack(t *testing.T) {
	settled(t)
	handle(t, "fail", func(context.Context, []any) (any, error) {
		return nil, &py.Error{Kind: "ValueError", Message: "m", Detail: py.Tuple{"a", noon}}
	})
	handle(t, "no.key", func(context.Context, []any) (any, error) { return py.Dict{{"k", 1}, {[]any{}, 1}}, nil })
	everything := []any{
		"\xed\xa0\x80", bigInt("-99999999999999999999999999"), 1e300, []byte("b"), py.Tuple{py.Dict{{"k", []any{}}}},
		noon, kabul, py.LocalTime(noon), py.Date(noon), py.Clock(noon), py.Span(5), sample, py.Decimal("1.5"),
	}
	sources := []string{
		"object()", "[Calls('same', 1), object()]", "datetime.timedelta.max", "[uuid.uuid4(), decimal.Decimal(1), {1, 2}]",
		"{'a': http.HTTPStatus.OK, 'b': bytearray(9), 'c': (i for i in range(3))}", "_puff.Channel(1)",
		"decode(bytes([9, 2, 0, 0, 0, 0]))", "decode(bytes([11, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0]))", "decode(bytes([4, 1, 0, 0, 0, 49]))",
		"decode(bytes([17, 1, 0, 0, 0, 49]))", "decode(bytes([17, 1, 0, 0, 0, 120]))", "decode(bytes([21, 0, 0, 0]))",
		"decode(bytes([12] + [255] * 19))", "decode(bytes([14] + [1] * 13))", "_puff.cancel(_puff.call(0, ('same', 1), None))",
	}
	for _, p := range []place{hub, thread, loop} {
		ways := map[string]func(){
			"everything": func() { p.call(t, "same", everything) },
			"fail":       func() { _, _ = p.try(t, p.asks(), "fail") },
			"no key":     func() { _, _ = p.try(t, p.asks(), "no.key") },
			"bad":        func() { _, _ = p.try(t, "same", py.Dict{{[]any{}, 1}}) },
			"gone":       func() { _, _ = p.lane.Call(t.Context(), 1<<31, 1) },
		}
		for _, source := range sources {
			ways[source] = func() { _, _ = hub.try(t, "evaluate", source) }
		}
		for name, once := range ways {
			const rounds = 100
			blocks := func() int64 {
				hub.call(t, "counts")
				return hub.call(t, "evaluate", "sys.getallocatedblocks()").(int64)
			}
			// Pools and caches grow at first; what leaks grows each time.
			var grown int64
			for range 20 {
				before := blocks()
				for range rounds {
					once()
				}
				if grown = blocks() - before; grown < rounds/2 {
					break
				}
			}
			if grown >= rounds/2 {
				t.Errorf("%s on %s: %d objects more after each %d rounds", name, p.name, grown, rounds)
			}
		}
	}
}
