package relay

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

func TestEveryNameIsFoundInAnyCase(t *testing.T) {
	for i, n := range Names {
		for _, in := range []string{n, strings.ToUpper(n), strings.ToUpper(n[:1]) + n[1:]} {
			if got := Known([]byte(in)); got != i {
				t.Errorf("Known(%q) = %d, want %d", in, got, i)
			}
		}
	}
}

func TestNamesFitTheSetOfTheEnviron(t *testing.T) {
	if len(Names) > 64 {
		t.Errorf("there are %d names; the set that finds repeated ones has 64 bits", len(Names))
	}
	seen := map[string]bool{}
	for _, n := range Names {
		if seen[n] || n != strings.ToLower(n) {
			t.Errorf("%q is repeated, or not in lower case", n)
		}
		seen[n] = true
	}
}

func TestOtherNamesAreNotKnown(t *testing.T) {
	for _, in := range []string{"", "x", "hos", "hostt", "hose", "x-own", "content_type", "content-typ\x00", "\xff"} {
		if got := Known([]byte(in)); got != -1 {
			t.Errorf("Known(%q) = %d, want -1", in, got)
		}
	}
}

func TestLowerCaseIsThatOfASCII(t *testing.T) {
	if got := string(AppendLower([]byte("is "), []byte("X-Own\xc9"))); got != "is x-own\xc9" {
		t.Errorf("got %q", got)
	}
}

func TestPercentEncodingIsUndoneWhereItIsOne(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"/a", "/a"},
		{"/%C3%a9", "/\xc3\xa9"},
		{"/a%2Fb", "/a/b"},
		{"%00", "\x00"},
		{"100%", "100%"},
		{"%4", "%4"},
		{"%zz%41", "%zzA"},
		{"%%41", "%A"},
		{"%2541", "%41"},
	} {
		if got := string(AppendDecoded(nil, []byte(c.in))); got != c.want {
			t.Errorf("AppendDecoded(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzDecodingAgreesWithNetURL(f *testing.F) {
	for _, s := range []string{"/a%20b", "%", "%4", "%zz", "%C3%A9", "%2541"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := AppendDecoded(nil, []byte(s))
		if want, err := url.PathUnescape(s); err == nil && string(got) != want {
			t.Errorf("AppendDecoded(%q) = %q, want %q", s, got, want)
		}
		if len(got) > len(s) {
			t.Errorf("AppendDecoded(%q) grew to %q", s, got)
		}
	})
}

func TestLatin1IsWhatWSGIMeansByText(t *testing.T) {
	for _, c := range []struct {
		in, want string
		bad      bool
	}{
		{"", "", false},
		{"plain", "plain", false},
		{"caf\u00e9", "caf\xe9", false},
		{"\u00ff\u0080", "\xff\x80", false},
		{"\u0100", "", true},
		{"\u20ac", "", true},
		{"a\U0001f600", "", true},
		{"a\xff", "", true},
		{"\ufffd", "", true},
	} {
		got, err := Latin1([]byte(c.in))
		if (err != nil) != c.bad || !bytes.Equal(got, []byte(c.want)) {
			t.Errorf("Latin1(%q) = %q, %v; want %q, an error: %t", c.in, got, err, c.want, c.bad)
		}
	}
}

func TestNumbersOfSharedValuesAreTheCallersAlone(t *testing.T) {
	a, b := NewIDs(3), NewIDs(1)
	if a == 0 || b < a+3 {
		t.Errorf("NewIDs(3) = %d, then NewIDs(1) = %d", a, b)
	}
}
