package watch

// What a program is read from, and what not.

import (
	"os"
	"path/filepath"
	"strings"
)

// sources are the endings of files that programs, their templates and their settings are
// in. Others, as databases and logs, are often written by the program itself, which would
// have it start again for ever.
var sources = map[string]bool{
	".py": true, ".pyx": true, ".so": true,
	".toml": true, ".ini": true, ".cfg": true, ".yaml": true, ".yml": true, ".json": true, ".env": true,
	".html": true, ".htm": true, ".jinja": true, ".jinja2": true, ".j2": true, ".mako": true,
	".graphql": true, ".gql": true, ".sql": true,
}

// isSource reports whether a program may be read from a file of that name. What editors
// leave for a moment is named otherwise: .#app.py, app.py~, .app.py.swp.
func isSource(name string) bool {
	if strings.HasPrefix(name, ".env") {
		return !strings.HasSuffix(name, "~") && !strings.HasSuffix(name, ".swp")
	}
	return !strings.HasPrefix(name, ".") && sources[strings.ToLower(filepath.Ext(name))]
}

// others are folders without the program's own code. Those that begin with a dot, as .git
// and .venv, are too.
var others = map[string]bool{
	"__pycache__": true, "node_modules": true, "site-packages": true, "__pypackages__": true,
}

// isIgnored reports whether a folder is passed over: by its name, or since it is a virtual
// environment, whatever its name.
func isIgnored(folder string) bool {
	name := filepath.Base(folder)
	if strings.HasPrefix(name, ".") || others[name] {
		return true
	}
	_, err := os.Lstat(filepath.Join(folder, "pyvenv.cfg"))
	return err == nil
}
