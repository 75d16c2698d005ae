package static

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzAPathNamesNothingOutsideOfItsFolder(f *testing.F) {
	for _, s := range []string{"/a/b.txt", "/..", "/a/../b", "/%2e%2e/a", "/a%2fb", "/.well-known/a", "/a//b", "/a/", "/%", "/\\a", "/a%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		decoded, ok := decode([]byte(path))
		if !ok || decoded == "" || decoded[0] != '/' {
			return
		}
		name, _, ok := clean(decoded)
		if !ok {
			return
		}
		if !filepath.IsLocal(name) || filepath.Clean(name) != name || strings.ContainsAny(name, "\x00\\\n") {
			t.Errorf("%q names %q", path, name)
		}
		for segment := range strings.SplitSeq(name, "/") {
			if segment[0] == '.' && segment != ".well-known" && name != "." {
				t.Errorf("%q names %q, which is hidden", path, name)
			}
		}
	})
}

func FuzzRangesLieWithinTheFileAndDoNotOverlap(f *testing.F) {
	for _, s := range []string{"bytes=0-9", "bytes=-5", "bytes=5-", "bytes=0-1,3-4,-1", "bytes=9-1", "x=0-1", "bytes=99999999999999999999-"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, value string, size int64) {
		size = max(size, 0)
		spans, ok := readRanges(value, size)
		var total int64
		for _, s := range spans {
			if s.from < 0 || s.length <= 0 || s.from > size-s.length {
				t.Errorf("%q of %d bytes: got %v", value, size, s)
			}
			total += s.length
		}
		if total > size || len(spans) > maxRanges || !ok && len(spans) > 0 {
			t.Errorf("%q of %d bytes: got %v, %t", value, size, spans, ok)
		}
	})
}
