package puff

// From TOML to Config. Tags on the fields say what is allowed: toml names the
// key (and its other spellings), oneof, min and required bound the value, and
// loose lets a table hold unknown keys. Each error names file, line and key.

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder fills Go values and collects what is wrong, so that the first line
// with an error is reported, in whatever order the keys are visited.
type decoder struct {
	file    string
	lines   map[string]int
	written map[string]string // what the file calls a key that goes by a new name
	errors  []lineError
}

type lineError struct {
	line int
	err  error
}

// defaulter is what an entry of a table starts from.
type defaulter interface{ setDefaults() }

// fail records what is wrong with the value of key.
func (d *decoder) fail(key, problem string) {
	d.errors = append(d.errors, lineError{d.line(key), &ValueError{
		From: FromFile(d.where(key)), Key: d.spelling(key), Problem: problem,
	}})
}

// first returns the error that comes first in the file.
func (d *decoder) first() error {
	if len(d.errors) == 0 {
		return nil
	}
	return slices.MinFunc(d.errors, func(a, b lineError) int { return a.line - b.line }).err
}

// spelling is key as the file writes it, without the places in lists.
func (d *decoder) spelling(key string) string {
	if name, ok := d.written[key]; ok {
		key = name
	}
	for {
		head, tail, ok := strings.Cut(key, "[")
		if !ok {
			return key
		}
		_, tail, _ = strings.Cut(tail, "]")
		key = head + tail
	}
}

// line is where key stands, or else the table around it.
func (d *decoder) line(key string) int {
	for key != "" {
		if n, ok := d.lines[key]; ok {
			return n
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 1
}

func (d *decoder) where(key string) string { return d.file + ":" + strconv.Itoa(d.line(key)) }

// config fills c from the whole file. [cors] and [serve] are not shaped like
// their Go types and are read by hand.
func (d *decoder) config(c *Config, raw map[string]any) {
	rest := maps.Clone(raw)
	delete(rest, "cors")
	delete(rest, "serve")
	d.table(reflect.ValueOf(c).Elem(), rest, "", false, "cors", "serve")
	d.urls(c)
	if v, ok := raw["cors"]; ok {
		var t corsTable
		if d.value(reflect.ValueOf(&t).Elem(), v, "cors", "") {
			c.CORS = d.cors(t)
		}
	}
	if c.Python != "" {
		d.set(&c.Serve, "python", c.Python, "python")
	}
	if v, ok := raw["serve"]; ok {
		d.serve(&c.Serve, v)
	}
	c.Python = c.Serve.Python
	d.graphql(c)
	for i, k := range c.Commands {
		if strings.HasPrefix(k.Name, "-") || strings.ContainsAny(k.Name, " \t\r\n") {
			d.fail(fmt.Sprintf("commands[%d].command_name", i), "want one word that does not begin like a flag, got "+strconv.Quote(k.Name))
		}
	}
}

// urls notes which URLs the file gives, and refuses names that would need the
// same variable.
func (d *decoder) urls(c *Config) {
	at := map[string]int{}
	for _, u := range c.ServiceURLs() {
		table := strings.ReplaceAll(u.Kind, "-", "_")
		key := fmt.Sprintf("%s[%d]", table, at[table])
		at[table]++
		if _, ok := d.lines[key+".url"]; ok {
			*u.from = FromFile(d.where(key + ".url"))
		}
		for _, other := range c.ServiceURLs() {
			if other.Kind == u.Kind && other.Name < u.Name && other.Env() == u.Env() {
				d.fail(key+".name", fmt.Sprintf("%q and %q are too much alike, both would be %s: rename one", other.Name, u.Name, u.Env()))
			}
		}
	}
}

func (d *decoder) graphql(c *Config) {
	for i, g := range c.GraphQL {
		if g.PlaygroundURL != "" && g.URL == "" {
			d.fail(fmt.Sprintf("graphql[%d].playground_url", i), `the playground needs "url" too: the path that takes its queries`)
		}
	}
}

// serve reads [serve] by the table of settings.
func (d *decoder) serve(s *ServeConfig, v any) {
	raw, ok := v.(map[string]any)
	if !ok {
		d.fail("serve", "want a table [serve], got "+describe(v))
		return
	}
	known := map[string]bool{}
	for _, setting := range settings {
		key := setting.Key()
		known[key] = true
		v, ok := raw[key]
		if !ok {
			continue
		}
		kind := setting.value(s)
		text, ok := kind.File(v)
		if !ok {
			d.fail("serve."+key, "want "+kind.Want()+", got "+describe(v))
			continue
		}
		d.set(s, setting.Name, text, "serve."+key)
	}
	d.unknown(raw, known, "serve")
}

func (d *decoder) set(s *ServeConfig, name, text, key string) {
	if err := s.Set(name, text, FromFile(d.where(key))); err != nil {
		d.fail(key, err.(*ValueError).Problem)
	}
}

// unknown refuses the keys of raw that nobody knows.
func (d *decoder) unknown(raw map[string]any, known map[string]bool, path string) {
	names := slices.Sorted(maps.Keys(known))
	for key := range raw {
		if known[key] {
			continue
		}
		full := join(path, key)
		problem := fmt.Sprintf("unknown key %q%s", key, DidYouMean(key, names))
		if path == "" && slices.ContainsFunc(settings, func(s Setting) bool { return s.Key() == key }) {
			problem = fmt.Sprintf("unknown key %q (it belongs under [serve])", key)
		}
		d.errors = append(d.errors, lineError{d.line(full), &ValueError{
			From: FromFile(d.where(full)), Key: d.spelling(path), Problem: problem,
		}})
	}
}

// table fills the struct dst. also names keys that are read elsewhere.
func (d *decoder) table(dst reflect.Value, raw map[string]any, path string, loose bool, also ...string) {
	known := map[string]bool{}
	for _, name := range also {
		known[name] = true
	}
	for _, f := range reflect.VisibleFields(dst.Type()) {
		names := strings.Split(f.Tag.Get("toml"), ",")
		if names[0] == "" || names[0] == "-" {
			continue
		}
		good := true
		// The first spelling is the proper one and is read last, to win.
		for _, name := range slices.Backward(names) {
			known[name] = true
			if v, ok := raw[name]; ok {
				good = d.value(dst.FieldByIndex(f.Index), v, join(path, name), f.Tag)
			}
		}
		if what := f.Tag.Get("required"); what != "" && good && dst.FieldByIndex(f.Index).Len() == 0 {
			d.fail(path, fmt.Sprintf("%q is missing: %s", names[0], what))
		}
	}
	if !loose {
		d.unknown(raw, known, path)
	}
}

// value fills dst from v and reports whether it could.
func (d *decoder) value(dst reflect.Value, v any, key string, tag reflect.StructTag) bool {
	want, ok := "", false
	switch p := dst.Addr().Interface().(type) {
	case *bool:
		want = "true or false"
		*p, ok = v.(bool)
	case *string:
		want, ok = d.text(p, v, tag)
	case *int:
		want, ok = d.number(p, v, tag)
	case *time.Duration:
		want = wantDuration
		var s string
		if s, ok = numberText(v); ok {
			ok = (*Duration)(p).Set(s) == nil
		}
	case *Size:
		want = wantSize
		var s string
		if s, ok = numberText(v); ok {
			ok = p.Set(s) == nil && *p > 0
		}
	case *AllowList:
		want = `"*" or a list of texts`
		ok = p.fill(v)
	case *IndexFile:
		want = "the name of a file, or true for index.html"
		ok = p.fill(v)
	default:
		return d.compound(dst, v, key, tag)
	}
	if !ok {
		d.fail(key, "want "+want+", got "+describe(v))
	}
	return ok
}

// compound fills pointers, tables and lists of tables.
func (d *decoder) compound(dst reflect.Value, v any, key string, tag reflect.StructTag) bool {
	switch dst.Kind() {
	case reflect.Pointer:
		dst.Set(reflect.New(dst.Type().Elem()))
		return d.value(dst.Elem(), v, key, tag)
	case reflect.Struct:
		raw, ok := v.(map[string]any)
		if !ok {
			d.fail(key, "want a table ["+d.spelling(key)+"], got "+describe(v))
			return false
		}
		if p, ok := dst.Addr().Interface().(defaulter); ok {
			p.setDefaults()
		}
		if f := dst.FieldByName("Where"); f.IsValid() {
			f.SetString(d.where(key))
		}
		d.table(dst, raw, key, tag.Get("loose") != "")
		return true
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			d.fail(key, "want [["+d.spelling(key)+"]], got "+describe(v))
			return false
		}
		dst.Set(reflect.MakeSlice(dst.Type(), len(list), len(list)))
		for i, x := range list {
			d.value(dst.Index(i), x, fmt.Sprintf("%s[%d]", key, i), tag)
		}
		return true
	}
	panic("puff: a field of Config has a type that its decoder does not know: " + dst.Type().String())
}

func (d *decoder) text(p *string, v any, tag reflect.StructTag) (want string, ok bool) {
	words := strings.Fields(tag.Get("oneof"))
	if s, isText := v.(string); isText && (len(words) == 0 || slices.Contains(words, s)) {
		*p, ok = s, true
	}
	if len(words) > 0 {
		return oneOf(words), ok
	}
	return "text", ok
}

func (d *decoder) number(p *int, v any, tag reflect.StructTag) (want string, ok bool) {
	least, err := strconv.Atoi(tag.Get("min"))
	if err != nil {
		least = math.MinInt32
	}
	n, isInt := v.(int64)
	if ok = isInt && n >= int64(least) && n <= noLimit; ok {
		*p = int(n)
	}
	return fmt.Sprintf("a whole number from %d to %d", least, noLimit), ok
}

func (a *AllowList) fill(v any) bool {
	if v == "*" {
		*a = AllowList{Any: true}
		return true
	}
	list, ok := v.([]any)
	*a = AllowList{Words: make([]string, len(list))}
	for i, x := range list {
		word, isText := x.(string)
		a.Words[i], ok = word, ok && isText
	}
	// A list with the star in it means the star.
	if slices.Contains(a.Words, "*") {
		*a = AllowList{Any: true}
	}
	return ok
}

func (f *IndexFile) fill(v any) bool {
	switch v := v.(type) {
	case string:
		*f = IndexFile(v)
	case bool:
		*f = ""
		if v {
			*f = "index.html"
		}
	default:
		return false
	}
	return true
}

// describe names a TOML value in a message.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	}
	return "a date or time"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
