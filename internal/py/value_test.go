package py_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/puffstack/puff/internal/py"
)

// encoded is the value as bytes: what tests compare, since it tells every type apart.
func encoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := py.Append(nil, v)
	if err != nil {
		t.Fatalf("encode %.200v: %v", v, err)
	}
	return b
}

func bigInt(s string) *big.Int {
	i, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic("no integer: " + s)
	}
	return i
}

var (
	noon   = time.Date(2024, 2, 29, 12, 30, 15, 123456000, time.UTC)
	kabul  = time.Date(1999, 12, 31, 23, 59, 59, 0, time.FixedZone("", 4*3600+1800))
	sample = py.UUID{0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78}
)

func TestGoValuesHaveTheirCounterpartInPython(t *testing.T) {
	settled(t)
	table := []struct {
		in   any
		want string
	}{
		{nil, "NoneType None"},
		{true, "bool True"},
		{false, "bool False"},
		{int8(-1), "int -1"},
		{uint8(255), "int 255"},
		{int64(math.MinInt64), "int -9223372036854775808"},
		{uint64(math.MaxUint64), "int 18446744073709551615"},
		{bigInt("-340282366920938463463374607431768211456"), "int -340282366920938463463374607431768211456"},
		{(*big.Int)(nil), "NoneType None"},
		{float32(0.5), "float 0.5"},
		{math.Inf(-1), "float -inf"},
		{math.NaN(), "float nan"},
		{math.Copysign(0, -1), "float -0.0"},
		{"", "str ''"},
		{"a\x00b", `str 'a\x00b'`},
		{"héé\U0001f600", "str 'héé\U0001f600'"},
		{"caf\xe9", `str 'caf\udce9'`},
		{"\xed\xa0\x80", `str '\ud800'`},
		{[]byte(nil), "bytes b''"},
		{[]byte("a\x00\xff"), `bytes b'a\x00\xff'`},
		{[]any(nil), "list []"},
		{[]any{1, "a", nil}, "list [1, 'a', None]"},
		{[]string{"a", "\xff"}, `list ['a', '\udcff']`},
		{py.Tuple{}, "tuple ()"},
		{py.Tuple{py.Tuple{1}}, "tuple ((1,),)"},
		{map[string]any(nil), "dict {}"},
		{map[string]any{"b": 1, "a": py.Dict{}}, "dict {'a': {}, 'b': 1}"},
		{map[string]string{"k": "v"}, "dict {'k': 'v'}"},
		{py.Dict{{2, "b"}, {py.Tuple{1, nil}, "a"}}, "dict {2: 'b', (1, None): 'a'}"},
		{noon, "datetime datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc)"},
		{py.LocalTime(noon), "datetime datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)"},
		{py.Date(noon), "date datetime.date(2024, 2, 29)"},
		{py.Clock(noon), "time datetime.time(12, 30, 15, 123456)"},
		{-time.Microsecond, "timedelta datetime.timedelta(days=-1, seconds=86399, microseconds=999999)"},
		{py.Span(36 * time.Hour), "timedelta datetime.timedelta(days=1, seconds=43200)"},
		{time.Duration(math.MinInt64), "timedelta datetime.timedelta(days=-106752, seconds=763, microseconds=145225)"},
		{sample, "UUID UUID('12345678-1234-5678-1234-567812345678')"},
		{py.Decimal("-1.50E+3"), "Decimal Decimal('-1.50E+3')"},
		{py.Decimal("sNaN12"), "Decimal Decimal('sNaN12')"},
	}
	for _, row := range table {
		if got := hub.call(t, "text_of", row.in); got != row.want {
			t.Errorf("%T %v: got %v, want %s", row.in, row.in, got, row.want)
		}
	}
}

func TestPythonValuesHaveTheirCounterpartInGo(t *testing.T) {
	settled(t)
	table := []struct {
		in   string
		want any
	}{
		{"None", nil},
		{"True", true},
		{"-2**63", int64(math.MinInt64)},
		{"2**63", bigInt("9223372036854775808")},
		{"-2**63 - 1", bigInt("-9223372036854775809")},
		{"-(16**5000)", new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 20000))},
		{"float('inf')", math.Inf(1)},
		{"'a\\0b\\U0001f600'", "a\x00b\U0001f600"},
		{"'caf\\udce9'", "caf\xe9"},
		{"'\\ud800'", "\xed\xa0\x80"},
		{"b''", []byte{}},
		{"bytearray(b'ab')", []byte("ab")},
		{"memoryview(b'abcd')[::2]", []byte("ac")},
		{"[]", []any{}},
		{"((), [], {})", py.Tuple{py.Tuple{}, []any{}, py.Dict{}}},
		{"{1: 'a', (2, 'x'): b'y'}", py.Dict{{int64(1), "a"}, {py.Tuple{int64(2), "x"}, []byte("y")}}},
		{"{7}", []any{int64(7)}},
		{"(i * i for i in range(3))", []any{int64(0), int64(1), int64(4)}},
		{"range(2)", []any{int64(0), int64(1)}},
		{"{1: 2}.items()", []any{py.Tuple{int64(1), int64(2)}}},
		{"collections.OrderedDict(a=1)", py.Dict{{"a", int64(1)}}},
		{"collections.namedtuple('P', 'x y')(1, 2)", []any{int64(1), int64(2)}},
		{"http.HTTPStatus.NOT_FOUND", int64(404)},
		{"type('S', (str,), {})('sub')", "sub"},
		{"type('B', (bytes,), {})(b'sub')", []byte("sub")},
		{"type('F', (float,), {})(1.5)", 1.5},
		{"type('I', (int,), {})(2**70)", bigInt("1180591620717411303424")},
		{"datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)", py.LocalTime(noon)},
		{"datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc)", noon},
		{"datetime.datetime(1999, 12, 31, 23, 59, 59, tzinfo=datetime.timezone(datetime.timedelta(hours=4.5)))", kabul},
		{"datetime.datetime(2024, 2, 29, 12, 30, 15, 123456, fold=1)", py.LocalTime(noon)},
		{"datetime.date(2024, 2, 29)", py.Date(noon)},
		{"datetime.time(12, 30, 15, 123456)", py.Clock(noon)},
		{"datetime.timedelta(days=-1, microseconds=5)", -24*time.Hour + 5*time.Microsecond},
		{"datetime.timedelta(days=106750, seconds=86399)", 106750*24*time.Hour + 86399*time.Second},
		{"uuid.UUID('12345678123456781234567812345678')", sample},
		{"decimal.Decimal('-0E-7')", py.Decimal("-0E-7")},
		{"decimal.Decimal('-Infinity')", py.Decimal("-Infinity")},
	}
	for _, row := range table {
		got := hub.call(t, "evaluate", row.in)
		if a, b := encoded(t, got), encoded(t, row.want); !bytes.Equal(a, b) {
			t.Errorf("%s: got %T %v, want %T %v", row.in, got, got, row.want, row.want)
		}
	}
}

func TestWhatCanNotTravelIsRefusedWhereItIs(t *testing.T) {
	settled(t)
	fromPython := []struct{ in, kind, message string }{
		{"object()", "TypeError", "object can not travel to Go"},
		{"[1, [len]]", "TypeError", "builtin_function_or_method can not travel to Go"},
		{"_puff.Channel(1)", "TypeError", "a channel can not travel to Go"},
		{"datetime.timedelta.max", "OverflowError", "292 years"},
		{"bytes((1 << 30) + 1)", "ValueError", "larger than 1 GiB"},
		{"[bytes(1 << 30)]", "ValueError", "larger than 1 GiB"},
	}
	for _, row := range fromPython {
		_, err := thread.try(t, "evaluate", row.in)
		var e *py.Error
		if !errors.As(err, &e) || e.Kind != row.kind || !strings.Contains(e.Message, row.message) {
			t.Errorf("%s: got %v, want %s: …%s…", row.in, err, row.kind, row.message)
		}
	}
	large := make([]byte, 1<<30+1)
	fromGo := []struct {
		name string
		in   any
		want string
	}{
		{"a channel", make(chan int), "chan int can not travel"},
		{"a struct", struct{}{}, "struct {} can not travel"},
		{"a large value", large, "larger than 1 GiB"},
		{"a large list", []any{large[:1<<30]}, "larger than 1 GiB"},
		{"a far year", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "the year 10000"},
		{"a far zone", time.Date(2000, 1, 1, 0, 0, 0, 0, time.FixedZone("", 86400)), "86400 s from UTC"},
		{"no number", py.Decimal("1,5"), "no decimal number"},
		{"a deep list", nested(101), "nested too deeply"},
	}
	for _, row := range fromGo {
		if _, err := py.Append(nil, row.in); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want …%s…", row.name, err, row.want)
		}
	}
}

// nested is depth lists, one in the other.
func nested(depth int) any {
	v := any([]any{})
	for range depth - 1 {
		v = []any{v}
	}
	return v
}

func TestValuesNestToTheSameLimitOnBothSides(t *testing.T) {
	settled(t)
	// The arguments are a tuple, and so is what echo answers.
	v := nested(99)
	got, err := hub.lane.Call(t.Context(), echo, v)
	if err != nil || !bytes.Equal(encoded(t, got), encoded(t, py.Tuple{v})) {
		t.Errorf("99 lists: got %v, %v", got, err)
	}
	const build = "v = []\nfor _ in range(args[0] - 1): v = [v]\nout = v"
	if got := hub.call(t, "execute", build, 100); !bytes.Equal(encoded(t, got), encoded(t, nested(100))) {
		t.Errorf("100 lists: got %v", got)
	}
	_, err = hub.try(t, "execute", build, 101)
	if err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("101 lists: got %v, want that they are nested too deeply", err)
	}
	deep := append(bytes.Repeat([]byte{byte(py.TagList), 1, 0, 0, 0}, 100), byte(py.TagNone))
	if _, err := py.DecodeAll(deep); !errors.Is(err, py.ErrValue) {
		t.Errorf("Go decodes %d levels: got %v, want %v", 101, err, py.ErrValue)
	}
	if got := hub.call(t, "decode", deep); got != "refused" {
		t.Errorf("Python decodes %d levels: got %v, want that it refuses", 101, got)
	}
}

func TestValuesOfEverySizeArrive(t *testing.T) {
	settled(t)
	// The rings here hold 64 KiB to Python and 1 MiB to Go: small, wrapping, nearly a
	// quarter, spilled.
	for _, n := range []int{0, 1, 7, 8, 9, 1000, 16 << 10, 16<<10 - 50, 16<<10 + 1, 60 << 10, 64 << 10, 256 << 10, 256<<10 - 40, 1 << 20, 5 << 20} {
		in := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		got, err := hub.lane.Call(t.Context(), echo, in)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if out := got.(py.Tuple)[0].([]byte); !bytes.Equal(in, out) {
			t.Errorf("%d bytes: got %d others", n, len(out))
		}
	}
}

func TestAHundredMegabytesTravelBothWays(t *testing.T) {
	if testing.Short() {
		t.Skip("needs half a gigabyte")
	}
	settled(t)
	in := make([]byte, 100<<20)
	for i := range in {
		in[i] = byte(i * i >> 8)
	}
	got, err := hub.lane.Call(t.Context(), echo, in)
	if err != nil {
		t.Fatal(err)
	}
	if out := got.(py.Tuple)[0].([]byte); !bytes.Equal(in, out) {
		t.Errorf("got %d other bytes", len(out))
	}
}

// aValue draws a value as Decode returns it.
func aValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 17
		if depth == 0 {
			kinds = 14
		}
		at := func() time.Time {
			zone := time.FixedZone("", rapid.IntRange(-86399, 86399).Draw(t, "offset"))
			day := rapid.IntRange(2, 3652058).Draw(t, "day")
			us := rapid.Int64Range(0, 86400e6-1).Draw(t, "time")
			return time.Date(1, 1, day, 0, 0, 0, 0, zone).Add(time.Duration(us) * time.Microsecond)
		}
		local := func() time.Time { return at().UTC().Truncate(time.Microsecond) }
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.Int64().Draw(t, "int")
		case 3:
			i := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 8, 40).Draw(t, "big"))
			i.Add(i, new(big.Int).Lsh(big.NewInt(1), 64))
			if rapid.Bool().Draw(t, "minus") {
				i.Neg(i)
			}
			return i
		case 4:
			return rapid.Float64().Draw(t, "float")
		case 5:
			return rapid.String().Draw(t, "str")
		case 6: // any bytes at all
			return string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		case 7:
			return rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		case 8:
			return at()
		case 9:
			return py.LocalTime(local())
		case 10:
			y, m, d := local().Date()
			return py.Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
		case 11:
			return py.Clock(local())
		case 12:
			us := rapid.Int64Range(-106750*86400e6, 106750*86400e6).Draw(t, "delta")
			return time.Duration(us) * time.Microsecond
		case 13:
			return py.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
		case 14:
			return rapid.SliceOfN(aValue(depth-1), 0, 5).Draw(t, "list")
		case 15:
			return py.Tuple(rapid.SliceOfN(aValue(depth-1), 0, 5).Draw(t, "tuple"))
		}
		var d py.Dict
		for i := range rapid.IntRange(0, 5).Draw(t, "pairs") {
			d = append(d, py.Pair{fmt.Sprint(rapid.String().Draw(t, "key"), i), aValue(depth-1).Draw(t, "value")})
		}
		return d
	})
}

func TestAnyValueComesBackAsItWent(t *testing.T) {
	settled(t)
	rapid.Check(t, func(r *rapid.T) {
		v := aValue(4).Draw(r, "value")
		in := encoded(t, v)
		decoded, err := py.DecodeAll(in)
		if err != nil {
			r.Fatalf("decode %v: %v", v, err)
		}
		if again := encoded(t, decoded); !bytes.Equal(in, again) {
			r.Fatalf("%v: got %x, want %x", v, again, in)
		}
		out, err := hub.lane.Call(t.Context(), echo, v)
		if err != nil {
			r.Fatalf("echo of %v: %v", v, err)
		}
		if again := encoded(t, out.(py.Tuple)[0]); !bytes.Equal(in, again) {
			r.Fatalf("echo of %v: got %v\n%x, want\n%x", v, out, again, in)
		}
	})
}

func TestAppendsOfSingleValuesAreThoseOfAppend(t *testing.T) {
	at := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.FixedZone("", -5400))
	day, clock := py.Day{2024, 2, 29}, py.OfDay{1, 2, 3, 4}
	text, ok := py.AppendUTF8(nil, "žluť")
	if !ok {
		t.Fatal("AppendUTF8 refused UTF-8")
	}
	for _, c := range []struct {
		got  []byte
		want any
	}{
		{py.AppendNone(nil), nil},
		{py.AppendBool(nil, true), true},
		{py.AppendFloat(nil, 1.5), 1.5},
		{text, "žluť"},
		{py.AppendUUID(nil, py.UUID{1}), py.UUID{1}},
		{py.AppendDay(nil, day), py.Date(at)},
		{py.AppendOfDay(nil, clock), py.Clock(at)},
		{py.AppendMoment(nil, day, clock, false, 0), py.LocalTime(at)},
		{py.AppendMoment(nil, day, clock, true, -5400), at},
		{py.AppendSpan(nil, -1, 86399, 999999), -time.Microsecond},
	} {
		want, err := py.Append(nil, c.want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(c.got, want) {
			t.Errorf("%v: got % x, want % x", c.want, c.got, want)
		}
		inside, err := py.Append(nil, py.Tuple{py.Raw(c.got)})
		if err != nil {
			t.Fatal(err)
		}
		if plain, _ := py.Append(nil, py.Tuple{c.want}); !bytes.Equal(inside, plain) {
			t.Errorf("%v: as Raw got % x, want % x", c.want, inside, plain)
		}
	}
	if b, ok := py.AppendUTF8([]byte{7}, "\xff"); ok || len(b) != 1 {
		t.Error("AppendUTF8 took what is no UTF-8")
	}
}
