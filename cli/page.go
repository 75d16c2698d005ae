package cli

// Laying out help for a terminal of 80 columns.

import (
	"strings"
	"unicode/utf8"
)

const (
	pageWidth   = 80
	pageIndent  = 2
	columnWidth = 26 // of the left column, where that is wide enough
)

// row is a name and what it means.
type row struct{ left, right string }

// page collects the lines of a help text.
type page struct{ strings.Builder }

// text writes a paragraph.
func (p *page) text(s string) {
	for _, l := range wrap(s, pageWidth) {
		p.WriteString(l + "\n")
	}
}

// line writes one line as it is, indented.
func (p *page) line(s string) {
	p.WriteString(strings.Repeat(" ", pageIndent) + s + "\n")
}

func (p *page) gap() { p.WriteString("\n") }

func (p *page) heading(s string) { p.WriteString("\n" + s + "\n") }

// rows writes two columns. A name that is too long for its column has a line
// of its own.
func (p *page) rows(rows []row) {
	margin := strings.Repeat(" ", pageIndent+columnWidth)
	for _, r := range rows {
		lines := wrap(r.right, pageWidth-len(margin))
		n := utf8.RuneCountInString(r.left)
		if n > columnWidth-2 {
			p.line(r.left)
		} else {
			p.line(r.left + strings.Repeat(" ", columnWidth-n) + lines[0])
			lines = lines[1:]
		}
		for _, l := range lines {
			p.WriteString(margin + l + "\n")
		}
	}
}

// wrap breaks s into lines of at most width characters, but for longer words.
func wrap(s string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(s) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
