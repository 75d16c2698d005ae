package puff

// The env file of a project. It is read as python-dotenv reads it, because
// that is what Python projects write theirs for. The libraries for Go were
// tried and refused: they lose an escaped quote at the end of a value, turn
// "$" in passwords into variables, and quote the rest of the file, secrets
// included, in their errors.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LoadDotenv puts the variables of the env file into the process's
// environment. Those that are there already stay as they are. The file is
// DotenvPath, or else the nearest .env of the current folder and those above
// it, if there is one. DotenvFile says which one it was.
func (c *Config) LoadDotenv() error {
	if !c.Dotenv {
		return nil
	}
	file := c.DotenvPath
	if file == "" {
		if file = findUpward(".env"); file == "" {
			return nil
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathError.Err
		}
		if at := c.Where("dotenv_path"); at != "" {
			return fmt.Errorf("read %s: %w (named by dotenv_path of %s)", file, err, at)
		}
		return fmt.Errorf("read %s: %w", file, err)
	}
	pairs, err := parseDotenv(file, string(data), os.LookupEnv)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if _, ok := os.LookupEnv(p.name); ok {
			continue
		}
		if err := os.Setenv(p.name, p.value); err != nil {
			return fmt.Errorf("read %s: set %s: %w", file, p.name, err)
		}
	}
	c.DotenvFile = file
	return nil
}

// findUpward returns the path of the nearest regular file of that name, or "".
func findUpward(name string) string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

type dotenvPair struct{ name, value string }

// dotenvParser reads one file from front to back.
type dotenvParser struct {
	file   string
	text   string
	rest   string
	lookup func(string) (string, bool)
	pairs  []dotenvPair
}

// parseDotenv returns the variables in the order of the file, each name once.
func parseDotenv(file, text string, lookup func(string) (string, bool)) ([]dotenvPair, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	p := &dotenvParser{file: file, text: text, rest: text, lookup: lookup}
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		if p.rest == "" {
			return p.pairs, nil
		}
		if p.rest[0] == '#' {
			p.line()
			continue
		}
		if err := p.statement(); err != nil {
			return nil, err
		}
	}
}

// line takes the rest of the line.
func (p *dotenvParser) line() string {
	line, rest, _ := strings.Cut(p.rest, "\n")
	p.rest = rest
	return line
}

// fail names the line, and never what stands in it: it may be a secret.
func (p *dotenvParser) fail(at string, problem string) error {
	line := 1 + strings.Count(p.text[:len(p.text)-len(at)], "\n")
	return fmt.Errorf("read %s:%d: %s", p.file, line, problem)
}

// statement reads one NAME=VALUE.
func (p *dotenvParser) statement() error {
	start := p.rest
	exported := p.export()
	end := strings.IndexAny(p.rest, " \t\n=#'\"")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = strings.TrimLeft(p.rest[end:], " \t")
	if exported && (p.rest == "" || p.rest[0] == '\n') {
		return nil // "export NAME" alone changes nothing in a shell either
	}
	if name == "" || !strings.HasPrefix(p.rest, "=") {
		return p.fail(start, "want NAME=VALUE")
	}
	p.rest = p.rest[1:]
	value, err := p.value()
	if err != nil {
		return err
	}
	for i := range p.pairs {
		if p.pairs[i].name == name {
			p.pairs[i].value = value
			return nil
		}
	}
	p.pairs = append(p.pairs, dotenvPair{name, value})
	return nil
}

// export drops the word in front of a name, and reports whether it was there.
func (p *dotenvParser) export() bool {
	after, ok := strings.CutPrefix(p.rest, "export")
	name := strings.TrimLeft(after, " \t")
	if !ok || name == after || strings.HasPrefix(name, "=") {
		return false
	}
	p.rest = name
	return true
}

// value reads what stands after the equals sign.
func (p *dotenvParser) value() (string, error) {
	if text := strings.TrimLeft(p.rest, " \t"); text != "" && (text[0] == '"' || text[0] == '\'') {
		p.rest = text
		return p.quoted(rune(text[0]))
	}
	line := p.line()
	// A "#" begins a comment only after a space: it may be part of a password.
	for i := 1; i < len(line); i++ {
		if line[i] == '#' && (line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return p.expand(strings.Trim(line, " \t\r")), nil
}

// escapes lists what a backslash makes of the letter after it in a value of
// each kind of quotes. Before any other letter the backslash stays.
var escapes = map[rune]map[rune]rune{
	'\'': {'\\': '\\', '\'': '\''},
	'"':  {'\\': '\\', '"': '"', 'n': '\n', 'r': '\r', 't': '\t', '$': '$'},
}

// quoted reads a value in quotes, which may span lines.
func (p *dotenvParser) quoted(quote rune) (string, error) {
	start := p.rest
	var value, plain strings.Builder
	flush := func() {
		text := plain.String()
		plain.Reset()
		if quote == '"' {
			text = p.expand(text)
		}
		value.WriteString(text)
	}
	escaped := false
	for i, r := range start[1:] {
		switch {
		case escaped:
			escaped = false
			if to, ok := escapes[quote][r]; ok {
				// What an escape yields is never the start of a variable.
				flush()
				value.WriteRune(to)
			} else {
				plain.WriteRune('\\')
				plain.WriteRune(r)
			}
		case r == '\\':
			escaped = true
		case r == quote:
			flush()
			p.rest = start[1+i+1:]
			after := strings.TrimLeft(p.line(), " \t\r")
			if after != "" && after[0] != '#' {
				return "", p.fail(start, "want nothing but a comment after the closing quote")
			}
			return value.String(), nil
		default:
			plain.WriteRune(r)
		}
	}
	return "", p.fail(start, "the closing quote is missing")
}

// expand replaces ${NAME} and ${NAME:-default}. The environment wins over the
// file, as it does for the variable itself. "$" alone means nothing.
func (p *dotenvParser) expand(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		inside, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			b.WriteString(text)
			return b.String()
		}
		name, otherwise, _ := strings.Cut(inside, ":-")
		b.WriteString(before)
		b.WriteString(p.variable(name, otherwise))
		text = rest
	}
}

func (p *dotenvParser) variable(name, otherwise string) string {
	if v, ok := p.lookup(name); ok {
		return v
	}
	for _, pair := range p.pairs {
		if pair.name == name {
			return pair.value
		}
	}
	return otherwise
}
