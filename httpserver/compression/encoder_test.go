package compression

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkWhole compresses a page of 10 KB by an encoder that was used before and by a new one.
func BenchmarkWhole(b *testing.B) {
	var page strings.Builder
	for i := 0; page.Len() < 10_000; i++ {
		fmt.Fprintf(&page, "<li class=\"item\"><a href=\"/items/%d\">item %x</a></li>\n", i*7919, i*104729)
	}
	for _, coding := range codings {
		for _, kept := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/kept=%t", coding, kept), func(b *testing.B) {
				var all encoders
				size := 0
				for b.Loop() {
					e := all.take(coding)
					e.Write([]byte(page.String()))
					e.Close()
					size = e.out.Len()
					if kept {
						all.give(e)
					}
				}
				b.ReportMetric(float64(size), "size")
			})
		}
	}
}
