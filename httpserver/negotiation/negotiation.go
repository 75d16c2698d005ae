// Package negotiation reads what a client accepts, and notes in an answer what it depends on (RFC 9110, section 12).
//
//	accepted := negotiation.ReadCodings(x.Fields)
//	if accepted.Quality("gzip") > 0 {
//		…
//	}
package negotiation

import (
	"bytes"
	"strings"

	"github.com/puffstack/puff/httpserver"
)

// maxCodings bounds how many items of Accept-Encoding count; who sends more gets what the first ones say.
const maxCodings = 32

// Codings is what the Accept-Encoding fields of a request say. The zero value is that of a request without one.
type Codings struct {
	items []item
	asked bool
}

// item is one coding and its weight, in thousandths.
type item struct {
	name    string
	quality int
}

// ReadCodings reads the Accept-Encoding fields among fields. The result does not keep them.
func ReadCodings(fields []httpserver.Field) (c Codings) {
	for i := range fields {
		if Same(fields[i].Name, "accept-encoding") {
			c.asked = true
			c.add(string(fields[i].Value))
		}
	}
	return c
}

// Asked reports whether there was an Accept-Encoding field: without one no coding should be used.
func (c *Codings) Asked() bool { return c.asked }

func (c *Codings) add(value string) {
	for part := range strings.SplitSeq(value, ",") {
		name, weight, weighted := strings.Cut(part, ";")
		name = strings.ToLower(strings.Trim(name, " \t"))
		if name == "" || len(c.items) == maxCodings {
			continue
		}
		quality := 1000
		if weighted {
			quality = readQuality(weight)
		}
		if name == "x-gzip" {
			name = "gzip"
		}
		c.items = append(c.items, item{name, quality})
	}
}

// readQuality reads "q=0.5", in thousandths. What is none refuses the coding: that is safe.
func readQuality(text string) int {
	text = strings.Trim(text, " \t")
	if len(text) < 3 || text[0]|0x20 != 'q' || text[1] != '=' {
		return 0
	}
	whole, rest, _ := strings.Cut(text[2:], ".")
	if len(rest) > 3 || whole != "0" && whole != "1" {
		return 0
	}
	n := int(whole[0]-'0') * 1000
	for i, unit := 0, 100; i < len(rest); i, unit = i+1, unit/10 {
		if rest[i] < '0' || rest[i] > '9' {
			return 0
		}
		n += int(rest[i]-'0') * unit
	}
	if n > 1000 {
		return 0
	}
	return n
}

// Quality returns the weight of a coding, named in lower case, from 0, not acceptable, to 1000. That of "identity" is never
// named and always acceptable unless refused: then it is 1.
func (c *Codings) Quality(name string) int {
	quality, star := -1, -1
	for _, i := range c.items {
		switch i.name {
		case name:
			quality = max(quality, i.quality)
		case "*":
			star = max(star, i.quality)
		}
	}
	switch {
	case quality >= 0:
		return quality
	case name == "identity" && star != 0:
		return 1
	case star >= 0:
		return star
	}
	return 0
}

// Best returns the one of names, in the order of preference, that the client likes best, "" for none: also when it likes
// identity better than any.
func (c *Codings) Best(names ...string) string {
	best, most := "", 0
	if named := c.Quality("identity"); named > 1 {
		most = named - 1
	}
	for _, name := range names {
		if q := c.Quality(name); q > most {
			best, most = name, q
		}
	}
	return best
}

// Vary returns fields with name among those of Vary; it may write to the room behind fields.
func Vary(fields []httpserver.Field, name string) []httpserver.Field {
	for i := range fields {
		if !Same(fields[i].Name, "vary") {
			continue
		}
		for part := range bytes.SplitSeq(fields[i].Value, []byte{','}) {
			part = bytes.Trim(part, " \t")
			if string(part) == "*" || bytes.EqualFold(part, []byte(name)) {
				return fields
			}
		}
	}
	return append(fields, httpserver.Field{Name: []byte("Vary"), Value: []byte(name)})
}

// Same reports whether name, in any case, is the lower-case name known.
func Same(name []byte, known string) bool {
	if len(name) != len(known) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != known[i] {
			return false
		}
	}
	return true
}

// Find returns the value of the first field called name, given in lower case, or nil.
func Find(fields []httpserver.Field, name string) []byte {
	for i := range fields {
		if Same(fields[i].Name, name) {
			return fields[i].Value
		}
	}
	return nil
}
