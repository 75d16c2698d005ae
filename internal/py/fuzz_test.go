package py_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/py"
)

// seeds are one value of each kind, whole and broken.
func seeds(f *testing.F) {
	f.Helper()
	values := []any{
		nil, true, false, 0, -1, bigInt("-123456789012345678901234567890"), 1.5, "text \u00e9\U0001f600", "\xed\xa0\x80", "caf\xe9",
		[]byte("bytes\x00"), []any{1, []any{}}, py.Tuple{py.Tuple{}, "x"}, py.Dict{{"k", 1}, {py.Tuple{1}, nil}}, py.Dict{{[]any{}, 1}},
		noon, kabul, py.LocalTime(noon), py.Date(noon), py.Clock(noon), -time.Second, sample, py.Decimal("-1.5E+3"), py.Decimal("sNaN1"),
		py.NewError("ValueError", "m"), py.Handle(1), nested(100),
	}
	for _, v := range values {
		b, err := py.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), 0))
	}
	for _, text := range []string{"0x", "-0x", "0x_1", "0x1_0", " 0x1", "0x1\x00", "+0x1", "1", "0xg", "-0xFf"} {
		f.Add(py.AppendText(nil, py.TagBig, text))
	}
	for _, text := range []string{"", ".", "1.", ".5", "1e5", "1e", "e5", "1_0", " 1", "inf", "nan", "NaN", "-Infinity", "1E+99999999999999999", "1\x00"} {
		f.Add(py.AppendText(nil, py.TagDecimal, text))
	}
	f.Add(py.AppendText(nil, py.TagLatin1, "\x80\xff"))
	f.Add(py.AppendText(nil, py.TagStr, "\xff"))
	f.Add(py.AppendText(nil, py.TagStr, "\xed\xb3\xbf\xed\xa0\x80"))
	f.Add(py.AppendHead(nil, py.TagList, 1<<31-1))
	f.Add(py.AppendHead(nil, py.TagDict, 1<<31-1))
	f.Add(bytes.Repeat([]byte{byte(py.TagTuple), 1, 0, 0, 0}, 200))
	f.Add(append([]byte{byte(py.TagDelta)}, bytes.Repeat([]byte{0xff}, 12)...))
	f.Add(append([]byte{byte(py.TagDatetime)}, bytes.Repeat([]byte{0xff}, 19)...))
	f.Add(append([]byte{byte(py.TagTime)}, bytes.Repeat([]byte{1}, 13)...))
	f.Add([]byte{byte(py.TagDate), 0xe7, 0x07, 0, 0, 2, 29})
}

func FuzzDecodeGo(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, rest, err := py.Decode(data)
		skip := py.NewReader(data)
		skip.Skip()
		if err != nil {
			if !errors.Is(err, py.ErrValue) {
				t.Fatalf("got %v, want %v", err, py.ErrValue)
			}
			return
		}
		if skip.Bad || skip.Len() != len(rest) {
			t.Fatalf("Skip: bad %v, %d bytes left, want the %d that Decode leaves", skip.Bad, skip.Len(), len(rest))
		}
		again := encoded(t, v)
		w, err := py.DecodeAll(again)
		if err != nil {
			t.Fatalf("%x is %v, and that is %x, which can not be decoded: %v", data, v, again, err)
		}
		if third := encoded(t, w); !bytes.Equal(again, third) {
			t.Fatalf("%x is %v, encoded first as %x, then as %x", data, v, again, third)
		}
	})
}

// FuzzDecodePython holds that Python gives a value or ValueError for any bytes, and that
// both sides agree on which are a value.
func FuzzDecodePython(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _ := thread.call(t, "decode", data).(string)
		if got != "ok" && got != "refused" {
			t.Fatalf("%x: got %s", data, got)
		}
		_, err := py.DecodeAll(data)
		if contextual(data) {
			return // only Python knows what these stand for
		}
		if (err == nil) != (got == "ok") {
			t.Fatalf("%x: in Go: %v, in Python: %s", data, err, got)
		}
	})
}

// contextual reports whether bytes may hold a handle, a shared value or a copy of one, or
// a decimal, of which Python takes more spellings.
func contextual(data []byte) bool {
	return bytes.ContainsAny(data, string([]byte{byte(py.TagHandle), byte(py.TagKey), byte(py.TagCopy), byte(py.TagDecimal)}))
}
