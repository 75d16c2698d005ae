package puff

// Reading TOML, and finding out in which line each key stands: the library's
// decoder forgets that, its parser does not.

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// parseTOML returns what stands in a file, and the line of each key. Keys are
// joined with dots and places in lists: "postgres[0].name".
func parseTOML(file string, data []byte) (map[string]any, map[string]int, error) {
	raw := map[string]any{}
	if err := toml.Unmarshal(data, &raw); err != nil {
		decode, ok := errors.AsType[*toml.DecodeError](err)
		if !ok {
			return nil, nil, fmt.Errorf("read %s: %w", file, err)
		}
		line, column := decode.Position()
		problem := strings.TrimPrefix(decode.Error(), "toml: ")
		return nil, nil, fmt.Errorf("read %s:%d:%d: %s", file, line, column, problem)
	}
	return raw, keyLines(data), nil
}

// lineFinder walks the syntax tree of a file.
type lineFinder struct {
	parser unstable.Parser
	data   []byte
	lines  map[string]int
	counts map[string]int // entries of each list of tables so far
}

// keyLines needs data that has been found to be valid TOML.
func keyLines(data []byte) map[string]int {
	f := lineFinder{data: data, lines: map[string]int{}, counts: map[string]int{}}
	f.parser.Reset(data)
	table := ""
	for f.parser.NextExpression() {
		switch e := f.parser.Expression(); e.Kind {
		case unstable.Table:
			table = f.walk("", e.Key())
		case unstable.ArrayTable:
			table = f.entry(e)
		case unstable.KeyValue:
			f.keyValue(table, e)
		}
	}
	return f.lines
}

// entry notes one more entry of a list of tables and returns its path.
func (f *lineFinder) entry(e *unstable.Node) string {
	it := e.Key()
	var last *unstable.Node
	for it.Next() {
		last = it.Node()
	}
	list := ""
	for it = e.Key(); it.Next(); {
		list = join(f.current(list), string(it.Node().Data))
		f.note(list, it.Node())
	}
	n := f.counts[list]
	f.counts[list]++
	path := fmt.Sprintf("%s[%d]", list, n)
	f.note(path, last)
	return path
}

// walk notes the parts of a key under path and returns where it leads.
func (f *lineFinder) walk(path string, key unstable.Iterator) string {
	for key.Next() {
		path = join(f.current(path), string(key.Node().Data))
		f.note(path, key.Node())
	}
	return f.current(path)
}

// current is path, or the newest entry of it when it is a list of tables.
func (f *lineFinder) current(path string) string {
	if n := f.counts[path]; n > 0 {
		return fmt.Sprintf("%s[%d]", path, n-1)
	}
	return path
}

func (f *lineFinder) keyValue(table string, e *unstable.Node) {
	path := f.walk(table, e.Key())
	f.value(path, e.Value())
}

func (f *lineFinder) value(path string, v *unstable.Node) {
	it := v.Children()
	switch v.Kind {
	case unstable.InlineTable:
		for it.Next() {
			f.keyValue(path, it.Node())
		}
	case unstable.Array:
		for n := 0; it.Next(); n++ {
			if it.Node().Kind == unstable.Comment {
				n--
				continue
			}
			f.value(fmt.Sprintf("%s[%d]", path, n), it.Node())
		}
	}
}

// note keeps the first line of a key: a list of tables begins where its first
// entry does.
func (f *lineFinder) note(path string, key *unstable.Node) {
	if _, ok := f.lines[path]; !ok {
		f.lines[path] = 1 + bytes.Count(f.data[:key.Raw.Offset], []byte("\n"))
	}
}
