package puff

// What a misspelt word most likely means. Config, flags and commands share
// it, so that every "did you mean" of Puff behaves alike.

// Nearest returns the word of known that a misspelt word most likely means,
// or "" when none is near. Between equally near ones the first wins.
func Nearest(word string, known []string) string {
	best, limit := "", 1+len(word)/4
	for _, k := range known {
		if d := distance(word, k); d <= limit && d < len(k) {
			best, limit = k, d-1
		}
	}
	return best
}

// DidYouMean is Nearest as the end of a message: ` (did you mean "redis"?)`,
// or nothing.
func DidYouMean(word string, known []string) string {
	if k := Nearest(word, known); k != "" {
		return ` (did you mean "` + k + `"?)`
	}
	return ""
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	// Three rows of the usual table are enough: a swap looks two rows back.
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row = above, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := above[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
