package py_test

import (
	"strings"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/py"
)

// rowsOf is a list of tuples under the head of rows.
func rowsOf(t *testing.T, class py.Handle, rows ...any) py.Raw {
	t.Helper()
	b := py.AppendRows([]byte("...."), 0)
	py.PatchRows(b, 4, class)
	return py.Raw(append(b, encoded(t, rows)...)[4:])
}

func classOf(t *testing.T, source string) py.Handle {
	t.Helper()
	h := py.Handle(hub.call(t, "evaluate", "_puff.handle("+source+")").(int64))
	t.Cleanup(func() { hub.call(t, "evaluate", "_puff.release(args[0])", int64(h)) })
	return h
}

func TestRowsAreOfTheClassThatAHandleNames(t *testing.T) {
	settled(t)
	class := classOf(t, "type('Row', (tuple,), {'__slots__': ()})")
	const show = "[(type(row).__name__, row, gc.is_tracked(row), hash(row)) for row in args[0]] == " +
		"[('Row', row, tracked, hash(row)) for row, tracked in args[1]] and type(args[0]) is list"
	for _, rows := range [][]any{
		{},
		{py.Tuple{}, py.Tuple{1, "a", nil}, py.Tuple{2, "b", true}},
		{py.Tuple{py.Tuple{1, py.Tuple{}}}},
	} {
		want := make([]any, len(rows))
		for i, row := range rows {
			tracked := len(row.(py.Tuple)) == 0
			for _, v := range row.(py.Tuple) {
				_, tracked = v.(py.Tuple)
			}
			want[i] = py.Tuple{row, tracked}
		}
		if got := hub.call(t, "evaluate", show, rowsOf(t, class, rows...), want); got != true {
			t.Errorf("%v: got %v", rows, hub.call(t, "text_of", rowsOf(t, class, rows...)))
		}
	}
}

func TestRowsThatCanNotBeAreRefused(t *testing.T) {
	settled(t)
	class := classOf(t, "type('Row', (tuple,), {'__slots__': ()})")
	for _, row := range []struct {
		name, want string
		value      py.Raw
	}{
		{"no handle", "no class of tuples", rowsOf(t, 12345)},
		{"a class of lists", "no class of tuples", rowsOf(t, classOf(t, "list"))},
		{"no class", "no class of tuples", rowsOf(t, classOf(t, "(1, 2)"))},
		{"a row that is a list", "a row that is no tuple", rowsOf(t, class, py.Tuple{1}, []any{1})},
		{"an end in the middle", "a row that is no tuple", rowsOf(t, class, py.Tuple{1}, py.Tuple{2})[:30]},
		{"an end in the head", "end too soon", rowsOf(t, class)[:5]},
	} {
		_, err := hub.try(t, "same", row.value)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want …%s…", row.name, err, row.want)
		}
	}
}

// The days seen last are kept: each is what it is, also where two share a place.
func TestDatesAreWhatTheyAreWhicheverCameBefore(t *testing.T) {
	settled(t)
	const days = "[d for n, d in enumerate(args[0]) if d != datetime.date(2020, 1, 1) + datetime.timedelta(n % 1500)]"
	const n = 3000
	b := py.AppendHead(nil, py.TagList, n)
	first := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		d := first.AddDate(0, 0, i%1500)
		b = py.AppendDay(b, py.Day{Year: d.Year(), Month: int(d.Month()), Day: d.Day()})
	}
	if got, ok := hub.call(t, "evaluate", days, py.Raw(b)).([]any); !ok || len(got) > 0 {
		t.Errorf("got wrong days: %v", got)
	}
	for _, d := range []py.Day{{2023, 2, 29}, {2023, 13, 1}, {0, 1, 1}, {10000, 1, 1}, {2023, 1, 0}, {-5, -1, -1}, {2023, 4, 31}} {
		for range 2 {
			if _, err := hub.try(t, "same", py.Raw(py.AppendDay(nil, d))); err == nil {
				t.Errorf("%v: got no error", d)
			}
		}
	}
}
