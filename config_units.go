package puff

// Times and sizes as operators write them: in puff.toml, in the environment
// and after a flag they read the same.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	wantDuration = `seconds or a duration such as "1m30s"`
	wantSize     = `bytes or a size such as "64KiB" or "10MB"`
)

// Duration is a time that is written in seconds ("75", "1.5") or as a Go
// duration ("1m30s"). It is never negative.
type Duration time.Duration

// String writes d in seconds, so that it reads as the documentation does:
// "75s", not "1m15s".
func (d Duration) String() string {
	if d == 0 {
		return "0"
	}
	return strconv.FormatFloat(time.Duration(d).Seconds(), 'f', -1, 64) + "s"
}

// Set reads d from text.
func (d *Duration) Set(text string) error {
	v, err := parseDuration(text)
	if err != nil {
		return fmt.Errorf("want %s, got %q", wantDuration, text)
	}
	*d = Duration(v)
	return nil
}

// Type names the kind of value for a flag's help.
func (d *Duration) Type() string { return "duration" }

// UnmarshalText reads d from text.
func (d *Duration) UnmarshalText(text []byte) error { return d.Set(string(text)) }

// errUnit says that a text is no number with a unit; its callers say what
// they want instead.
var errUnit = errors.New("no number with a unit")

func parseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if seconds, ok := parseNumber(text); ok {
		return durationOf(seconds)
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return 0, errUnit
	}
	return v, nil
}

// durationOf turns seconds into a duration, refusing what does not fit.
func durationOf(seconds float64) (time.Duration, error) {
	ns := seconds * float64(time.Second)
	if !(ns >= 0 && ns < math.MaxInt64) {
		return 0, errUnit
	}
	return time.Duration(math.Round(ns)), nil
}

// parseNumber reads plain decimal digits with at most one point. ParseFloat
// alone would also take "inf", "1e9" and "0x10".
func parseNumber(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}

// Size is a number of bytes that is written as a plain number or with a unit:
// "10MB" is 10,000,000 and "64KiB" is 65,536.
type Size int64

// units lists the suffixes of a Size. The longer ones come first, because
// each of them ends in "B" too.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
	{"B", 1},
}

// String writes s with the unit that leaves the smallest whole number.
func (s Size) String() string {
	n, suffix := int64(s), ""
	for _, u := range units {
		if u.bytes > 1 && int64(s)%u.bytes == 0 && int64(s)/u.bytes < n {
			n, suffix = int64(s)/u.bytes, u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + suffix
}

// Set reads s from text.
func (s *Size) Set(text string) error {
	v, err := parseSize(text)
	if err != nil {
		return fmt.Errorf("want %s, got %q", wantSize, text)
	}
	*s = Size(v)
	return nil
}

// Type names the kind of value for a flag's help.
func (s *Size) Type() string { return "size" }

// UnmarshalText reads s from text.
func (s *Size) UnmarshalText(text []byte) error { return s.Set(string(text)) }

func parseSize(text string) (int64, error) {
	text = strings.TrimSpace(text)
	unit := int64(1)
	for _, u := range units {
		if head, ok := cutSuffixFold(text, u.suffix); ok {
			text, unit = strings.TrimSpace(head), u.bytes
			break
		}
	}
	v, ok := parseNumber(text)
	bytes := v * float64(unit)
	if !ok || bytes >= math.MaxInt64 || bytes != math.Trunc(bytes) {
		return 0, errUnit
	}
	return int64(bytes), nil
}

func cutSuffixFold(text, suffix string) (string, bool) {
	cut := len(text) - len(suffix)
	if cut < 0 || !strings.EqualFold(text[cut:], suffix) {
		return text, false
	}
	return text[:cut], true
}
