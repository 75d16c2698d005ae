package puff

// The kinds of value a setting may have. Each reads text, whatever the text
// came from, and says what it wants when the text is wrong.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is one setting's place in a ServeConfig.
type value interface {
	// Set reads text. Its error says what is wanted.
	Set(text string) error
	String() string
	// File turns what stands in puff.toml into text for Set; false when the
	// TOML type is the wrong one.
	File(v any) (text string, ok bool)
	// Want says what is wanted, for that case.
	Want() string
}

// adder is a value that a flag given once more adds to.
type adder interface{ Add(text string) error }

type textValue struct{ p *string }

func (v textValue) Set(text string) error     { *v.p = text; return nil }
func (v textValue) String() string            { return *v.p }
func (v textValue) File(x any) (string, bool) { s, ok := x.(string); return s, ok }
func (v textValue) Want() string              { return "text" }

// choiceValue is one of a few words, in any case.
type choiceValue struct {
	p     *string
	words []string
}

func (v choiceValue) Set(text string) error {
	word := strings.ToLower(text)
	if !slices.Contains(v.words, word) {
		return wanted(v, text)
	}
	*v.p = word
	return nil
}
func (v choiceValue) String() string            { return *v.p }
func (v choiceValue) File(x any) (string, bool) { s, ok := x.(string); return s, ok }
func (v choiceValue) Want() string              { return oneOf(v.words) }

type boolValue struct{ p *bool }

func (v boolValue) Set(text string) error {
	on, err := parseBool(text)
	if err != nil {
		return wanted(v, text)
	}
	*v.p = on
	return nil
}
func (v boolValue) String() string            { return strconv.FormatBool(*v.p) }
func (v boolValue) File(x any) (string, bool) { return boolText(x) }
func (v boolValue) Want() string              { return "true or false" }

// parseBool takes the words people put into environment variables.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, errors.New("neither true nor false")
}

func boolText(x any) (string, bool) {
	b, ok := x.(bool)
	return strconv.FormatBool(b), ok
}

type intValue struct {
	p        *int
	min, max int
}

func (v intValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < v.min || n > v.max {
		return wanted(v, text)
	}
	*v.p = n
	return nil
}
func (v intValue) String() string { return strconv.Itoa(*v.p) }
func (v intValue) File(x any) (string, bool) {
	n, ok := x.(int64)
	return strconv.FormatInt(n, 10), ok
}
func (v intValue) Want() string {
	return fmt.Sprintf("a whole number from %d to %d", v.min, v.max)
}

type durationValue struct{ p *time.Duration }

func (v durationValue) Set(text string) error     { return (*Duration)(v.p).Set(text) }
func (v durationValue) String() string            { return Duration(*v.p).String() }
func (v durationValue) File(x any) (string, bool) { return numberText(x) }
func (v durationValue) Want() string              { return wantDuration }

type sizeValue struct{ p *int64 }

func (v sizeValue) Set(text string) error     { return (*Size)(v.p).Set(text) }
func (v sizeValue) String() string            { return Size(*v.p).String() }
func (v sizeValue) File(x any) (string, bool) { return numberText(x) }
func (v sizeValue) Want() string              { return wantSize }

// numberText takes what a time or a size may be in TOML.
func numberText(x any) (string, bool) {
	switch x := x.(type) {
	case int64:
		return strconv.FormatInt(x, 10), true
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), true
	case string:
		return x, true
	}
	return "", false
}

// offValue empties a text: --no-server-header beside --server-header.
type offValue struct{ p *string }

func (v offValue) Set(text string) error {
	off, err := parseBool(text)
	if err != nil {
		return wanted(v, text)
	}
	if off {
		*v.p = ""
	}
	return nil
}
func (v offValue) String() string            { return strconv.FormatBool(*v.p == "") }
func (v offValue) File(x any) (string, bool) { return boolText(x) }
func (v offValue) Want() string              { return "true or false" }

// notValue is the opposite of another setting: --no-ws beside --ws.
type notValue struct{ p *bool }

func (v notValue) Set(text string) error {
	off, err := parseBool(text)
	if err != nil {
		return wanted(v, text)
	}
	*v.p = !off
	return nil
}
func (v notValue) String() string            { return strconv.FormatBool(!*v.p) }
func (v notValue) File(x any) (string, bool) { return boolText(x) }
func (v notValue) Want() string              { return "true or false" }

// switchValue is a bool whose flag takes a word: on or off.
type switchValue struct{ p *bool }

func (v switchValue) Set(text string) error {
	on, err := parseBool(text)
	if err != nil {
		return wanted(v, text)
	}
	*v.p = on
	return nil
}
func (v switchValue) String() string {
	if *v.p {
		return "on"
	}
	return "off"
}

func (v switchValue) File(x any) (string, bool) {
	if s, ok := x.(string); ok {
		return s, true
	}
	return boolText(x)
}
func (v switchValue) Want() string { return `"on" or "off"` }

// nameValue is a text that "false" switches off in the file.
type nameValue struct{ p *string }

func (v nameValue) Set(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return wanted(v, text)
	}
	*v.p = text
	return nil
}
func (v nameValue) String() string { return *v.p }
func (v nameValue) File(x any) (string, bool) {
	if x == false {
		return "", true
	}
	s, ok := x.(string)
	return s, ok
}
func (v nameValue) Want() string { return "printable text, or false" }

func wanted(v interface{ Want() string }, text string) error {
	return fmt.Errorf("want %s, got %q", v.Want(), text)
}

// oneOf joins words as a sentence does: "a", "b" or "c".
func oneOf(words []string) string {
	var b strings.Builder
	for i, w := range words {
		switch i {
		case 0:
		case len(words) - 1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(w))
	}
	return b.String()
}
