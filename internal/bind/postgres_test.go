package bind

// Values between PostgreSQL's text and Python's: what the tests of the faces, which go
// through a server, do not reach.

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

// decoded returns the value that d makes of a text, nil and false if it makes none.
func decoded(t *testing.T, d decode, text string) (any, bool) {
	t.Helper()
	b, ok := d(nil, []byte(text))
	if !ok {
		return nil, false
	}
	v, err := py.DecodeAll(b)
	if err != nil {
		t.Fatalf("%q: the value is malformed: %v", text, err)
	}
	return v, true
}

func TestTextsBecomeValues(t *testing.T) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name string
		d    decode
		in   string
		want any // nil: none
	}{
		{"bool", textBool, "t", true},
		{"int", textInt, "-9223372036854775808", int64(math.MinInt64)},
		{"int", textInt, "007", int64(7)},
		{"int of no digits", textInt, "-", nil},
		{"int beyond", textInt, "9223372036854775808", nil},
		{"float", textFloat, "-1e-300", -1e-300},
		{"float", textFloat, "Infinity", math.Inf(1)},
		{"decimal", textDecimal, "-0.10", py.Decimal("-0.10")},
		{"decimal", textDecimal, "NaN", py.Decimal("NaN")},
		{"bytea", textBytea, `\x00fF`, []byte{0, 255}},
		{"bytea", textBytea, `\x`, []byte{}},
		{"bytea of old", textBytea, `\000`, nil},
		{"bytea that is odd", textBytea, `\x0`, nil},
		{"date", textDate, "2024-02-29", py.Date(day(2024, 2, 29))},
		{"date of five digits", textDate, "10000-01-01", nil},
		{"date of old", textDate, "0044-03-15 BC", nil},
		{"date without end", textDate, "infinity", nil},
		{"date without end", nativeDate, "infinity", py.Date(day(9999, 12, 31))},
		{"time", textTime, "23:59:59.5", py.Clock(time.Date(1, 1, 1, 23, 59, 59, 5e8, time.UTC))},
		{"time at the end of a day", textTime, "24:00:00", nil},
		{"moment", textTimestamp, "2024-01-02 03:04:05.000001", py.LocalTime(time.Date(2024, 1, 2, 3, 4, 5, 1000, time.UTC))},
		{"moment of another style", textTimestamp, "Tue Jan 02 03:04:05 2024", nil},
		{"moment and zone", textTimestamptz, "2024-01-02 03:04:05+00", time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)},
		{"moment without zone", textTimestamptz, "2024-01-02 03:04:05", nil},
		{"interval", nativeInterval, "-1 days +00:00:00.5", -24*time.Hour + 500*time.Millisecond},
		{"interval of months", nativeInterval, "1 mon", nil},
		{"interval of another style", nativeInterval, "P1D", nil},
		{"uuid", nativeUUID, "00000000-0000-0000-0000-0000000000ff", py.UUID{15: 255}},
		{"str", textStr, "žluť", "žluť"},
		{"str that is none", textStr, "\xff", nil},
	} {
		got, ok := decoded(t, c.d, c.in)
		if ok != (c.want != nil) {
			t.Errorf("%s %q: got %v, %v, want %v", c.name, c.in, got, ok, c.want)
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
			cmp.Comparer(func(a, b py.Date) bool { return time.Time(a).Equal(time.Time(b)) }),
			cmp.Comparer(func(a, b py.Clock) bool {
				return time.Time(a).Format(time.TimeOnly) == time.Time(b).Format(time.TimeOnly)
			}),
			cmp.Comparer(func(a, b py.LocalTime) bool { return time.Time(a).Equal(time.Time(b)) })); ok && diff != "" {
			t.Errorf("%s %q: want (-), got (+)\n%s", c.name, c.in, diff)
		}
	}
}

func TestArraysBecomeLists(t *testing.T) {
	ints := func(b, v []byte) ([]byte, bool) { return array(b, v, textInt) }
	texts := func(b, v []byte) ([]byte, bool) { return array(b, v, textStr) }
	for _, c := range []struct {
		d    decode
		in   string
		want any
	}{
		{ints, "{}", []any{}},
		{ints, "{1,NULL,-3}", []any{int64(1), nil, int64(-3)}},
		{ints, "{{1,2},{3,4}}", []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}},
		{ints, "[0:1]={1,2}", []any{int64(1), int64(2)}},
		{texts, `{"",a b,"NULL","x\"y\\z","{,}"}`, []any{"", "a b", "NULL", `x"y\z`, "{,}"}},
		{ints, "{1,x}", nil}, {ints, "{1", nil}, {ints, "", nil}, {ints, "{1}}", nil}, {texts, `{"a`, nil},
		{ints, strings.Repeat("{", 9) + "1" + strings.Repeat("}", 9), nil},
	} {
		got, _ := decoded(t, c.d, c.in)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: want (-), got (+)\n%s", c.in, diff)
		}
	}
}

func TestValuesBecomeParameters(t *testing.T) {
	for _, c := range []struct {
		in   any
		oid  uint32
		want string // "": refused
	}{
		{true, oidBool, "t"},
		{big.NewInt(-5), oidNumeric, "-5"},
		{math.Inf(-1), oidFloat8, "-Infinity"},
		{[]any{"a\"\\", nil, []any{int64(1)}}, 1009, `{"a\"\\",NULL,{"1"}}`},
		{py.Tuple{int64(1), nil, `a"`}, 0, `("1",,"a""")`},
		{-36 * time.Hour, oidInterval, "-1 days -43200000000 microseconds"},
		{py.Date(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)), oidDate, "infinity"},
		{py.Date(time.Date(44, 3, 15, 0, 0, 0, 0, time.UTC)), oidDate, "0044-03-15"},
		{py.Dict{{"a", []any{nil, 1.5, "\u2028"}}}, oidJSONB, "{\"a\":[null,1.5,\"\\u2028\"]}"},
		{"x", oidJSON, `"x"`},
		{[]any{py.Dict{{"a", int64(1)}}}, 3807, `{"{\"a\":1}"}`},
		{math.NaN(), oidJSON, ""},
		{py.Dict{{int64(1), nil}}, oidJSON, ""},
		{py.Dict{}, oidText, ""},
		{"a\x00b", oidText, ""},
	} {
		got, err := argument([]byte{}, c.in, c.oid)
		if err != nil {
			got = nil
		}
		if string(got) != c.want {
			t.Errorf("%v as %d: got %s, %v, want %s", c.in, c.oid, got, err, c.want)
		}
	}
}

func TestAResultComesInPiecesAndMarksWhatPythonCanNotHold(t *testing.T) {
	r := &result{utf8: true}
	r.Columns([]postgres.Field{{Name: []byte("d"), DataTypeOID: oidDate}, {Name: []byte("t"), DataTypeOID: oidText}})
	for range pieceRows + 1 {
		if err := r.Row([][]byte{[]byte("10000-01-01"), nil}); err != nil {
			t.Fatal(err)
		}
	}
	r.Done("SELECT 4097")
	if len(r.pieces) != 2 || r.rows != pieceRows+1 {
		t.Fatalf("got %d pieces of %d rows, want 2 of %d", len(r.pieces), r.rows, pieceRows+1)
	}
	got, err := py.DecodeAll(r.pieces[1])
	if err != nil {
		t.Fatal(err)
	}
	want := py.Tuple{[]any{py.Tuple{"10000-01-01", nil}}, []any{py.Tuple{int64(0), int64(0)}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+)\n%s", diff)
	}
}

func TestOnlyTheLastOfSeveralResultsCounts(t *testing.T) {
	r := &result{utf8: true}
	r.Columns([]postgres.Field{{Name: []byte("a"), DataTypeOID: oidInt4}})
	if err := r.Row([][]byte{[]byte("1")}); err != nil {
		t.Fatal(err)
	}
	r.Done("SELECT 1")
	r.Done("UPDATE 3")
	if r.has || r.rows != 0 || r.describe() != nil || r.tag != "UPDATE 3" {
		t.Errorf("got %+v, want nothing but the tag", r)
	}
}

func FuzzTextsNeverMakeMalformedValues(f *testing.F) {
	for _, s := range []string{"{1,2}", `{"a\"",NULL}`, "2024-01-02 03:04:05.6+01:02", "1 day -02:03:04", `\x00`, "[1:2]={1,2}", "NaN", "0001-20-00", "1900-02-29", "10000000:00:00", "-9999999 days"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range nativeDecoders {
			decoded(t, d, s)
			decoded(t, func(b, v []byte) ([]byte, bool) { return array(b, v, d) }, s)
		}
	})
}

func TestAPoolThatTheServerRefusesIsNamedInTheClassOfItsError(t *testing.T) {
	said := &postgres.Error{Severity: "FATAL", Code: "57P03", Message: "the database system is starting up"}
	down := &postgres.DownError{Server: `postgres "shop" at postgres://db`, Since: time.Now(), Hint: "wait", Err: said}
	got, _ := failure(fmt.Errorf("begin: %w", down)).(py.Tuple)
	if len(got) < 3 || got[1] != "57P03" || got[2] != down.Error() {
		t.Errorf("got %v, want the code, and which pool it is about", got)
	}
	down.Since = time.Time{} // a connection that Python asked for by its URL
	if got, _ := failure(down).(py.Tuple); len(got) < 3 || got[2] != said.Message {
		t.Errorf("got %v, want what the server said", got)
	}
}
