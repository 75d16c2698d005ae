package puff

// Which keys puff.toml may have, read off the types that the decoder fills.

import (
	"reflect"
	"strings"
)

// ConfigKeys lists every key of puff.toml, those of tables as "serve.port", for
// documents that must name them all. Old spellings are left out.
func ConfigKeys() []string {
	list := keysOf(reflect.TypeFor[Config](), "")
	list = append(list, keysOf(reflect.TypeFor[corsTable](), "cors.")...)
	for _, s := range settings {
		list = append(list, "serve."+s.Key())
	}
	return list
}

func keysOf(t reflect.Type, prefix string) []string {
	var list []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case name == "" || name == "-":
		case f.Type.Kind() == reflect.Slice:
			list = append(list, keysOf(f.Type.Elem(), name+".")...)
		default:
			list = append(list, prefix+name)
		}
	}
	return list
}
