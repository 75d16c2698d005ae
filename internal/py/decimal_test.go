package py_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/puffstack/puff/internal/py"
)

// Decimals are written where their class keeps them: all that can be seen of one has to be
// as if the class had made it, and all that can be done with it too. The digits around 19, 38
// and 76 are where its words end.
func TestDecimalsAreAsTheirClassMakesThem(t *testing.T) {
	settled(t)
	ctx := t.Context()
	same := func(t interface{ Fatalf(string, ...any) }, texts []string) {
		pairs := make([]any, len(texts))
		for i, s := range texts {
			pairs[i] = py.Tuple{s, py.Decimal(s)}
		}
		got, err := hub.lane.Call(ctx, hub.run, "decimals_that_differ", pairs)
		if err != nil {
			t.Fatalf("compare %q: %v", texts, trace(err))
		}
		if list, ok := got.([]any); !ok || len(list) > 0 {
			t.Fatalf("got other decimals (text, got, want): %v", got)
		}
	}
	same(t, []string{
		"0", "-0", "0.0", "-0.000", "000", "1", "-1", "+1", "1.", ".5", "-.5", "007", "10", "1e5", "-1.5E-7",
		"0.14285714285714285714", "1428.5714285714285714", "9999999999999999999", "10000000000000000000",
		"99999999999999999999999999999999999999", "100000000000000000000000000000000000000",
		"0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
		"NaN", "-NaN", "sNaN", "NaN12", "Infinity", "-Infinity", "Inf",
	})
	sign := rapid.SampledFrom([]string{"", "-"})
	rapid.Check(t, func(r *rapid.T) {
		texts := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) string {
			whole := rapid.StringMatching(`(0{0,3}[0-9]{1,20}|[0-9]{30,90})`).Draw(r, "whole")
			return sign.Draw(r, "sign") + whole + rapid.StringMatching(`(\.[0-9]{0,25})?`).Draw(r, "fraction")
		}), 1, 50).Draw(r, "texts")
		same(r, texts)
	})
}
