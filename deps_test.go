package puff_test

// The shape of the project: which package may import which, and what else holds for
// all of them. ARCHITECTURE.md explains it; the map here is what counts.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/python"
)

const module = "github.com/puffstack/puff"

// mayImport names every package by its folder, and what it may import of the project.
// The root is "."; a test may import testkit besides.
var mayImport = map[string][]string{
	// A command line, and what it is made of.
	"cmd/puff": {".", "cli"},
	"cli":      {"."},
	".": {
		"httpclient", "httpserver", "httpserver/accesslog", "httpserver/compression", "httpserver/cors",
		"httpserver/forwarded", "httpserver/limits", "httpserver/observe", "httpserver/static",
		"postgres", "pubsub", "redis",
		"internal/asgi", "internal/bind", "internal/certs", "internal/dev", "internal/embedded", "internal/launch",
		"internal/proxied", "internal/py", "internal/pyfind", "internal/relay", "internal/sockets", "internal/status",
		"internal/supervisor", "internal/systemd", "internal/tracing", "internal/watch", "internal/wsgi",
		"python",
	},

	// Engines: pure Go, of use to anybody, knowing nothing of each other.
	"httpclient":             {},
	"httpserver":             {},
	"httpserver/accesslog":   {"httpserver", "httpserver/observe"},
	"httpserver/compression": {"httpserver", "httpserver/negotiation"},
	"httpserver/cors":        {"httpserver", "httpserver/negotiation"},
	"httpserver/forwarded":   {"httpserver"},
	"httpserver/limits":      {"httpserver"},
	"httpserver/negotiation": {"httpserver"},
	"httpserver/observe":     {"httpserver"},
	"httpserver/static":      {"httpserver", "httpserver/negotiation"},
	"postgres":               {},
	"internal/supervisor":    {},
	"internal/watch":         {},
	"pubsub":                 {"redis"}, // its connections
	"redis":                  {},
	"websocket":              {},

	// Glue: knows an engine and the border.
	"internal/asgi":    {"httpserver", "internal/py", "internal/relay", "websocket"},
	"internal/bind":    {"httpclient", "internal/py", "postgres", "pubsub", "redis"},
	"internal/relay":   {"httpserver", "internal/py"},
	"internal/status":  {"httpserver/observe"},
	"internal/tracing": {"httpserver"},
	"internal/wsgi":    {"httpserver", "internal/py", "internal/relay"},

	"internal/dev": {"httpserver"},

	// The border, and the way to a process that has crossed it.
	"internal/launch": {"internal/pyfind"},
	"internal/py":     {},
	"internal/pyfind": {},

	// The servers of a project that was given none.
	"internal/embedded": {},

	// What a server has to do with its system.
	"internal/certs":   {},
	"internal/proxied": {},
	"internal/sockets": {},
	"internal/systemd": {},

	// Faces.
	"python": {},

	// For tests and measurements.
	"internal/testkit": {"httpserver", "internal/py", "internal/pyfind"},
	"bench/load":       {},
	"bench/wsload":     {},
}

// source is one parsed file of Go.
type source struct {
	path   string // from the root, with slashes
	folder string
	test   bool
	file   *ast.File
}

// imports lists what the file imports, without quotes.
func (s source) imports() []string {
	var paths []string
	for _, i := range s.file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

// ours returns the folder of a package of the project.
func ours(imported string) (folder string, ok bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// sources parses every file of Go in the project.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, name := range tree(t, ".go") {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
		all = append(all, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), file})
	}
	return all
}

// tree lists the files with an ending, without what git ignores and without test data.
func tree(t *testing.T, ending string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && name != "."
		if d.IsDir() && (hidden || slices.Contains([]string{"bin", "dist", "testdata"}, d.Name())) {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ending) {
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestEveryPackageIsOnTheMapAndTheMapHasNoOther(t *testing.T) {
	found := map[string]bool{}
	for _, s := range sources(t) {
		found[s.folder] = true
		if _, ok := mayImport[s.folder]; !ok {
			t.Errorf("%s: package %s is not in mayImport", s.path, s.folder)
		}
	}
	for folder := range mayImport {
		if !found[folder] {
			t.Errorf("mayImport has %s, which does not exist", folder)
		}
	}
}

func TestPackagesImportOnlyWhatTheMapAllows(t *testing.T) {
	for _, s := range sources(t) {
		allowed := slices.Clone(mayImport[s.folder])
		if s.test {
			allowed = append(allowed, s.folder, "internal/testkit")
		}
		for _, imported := range s.imports() {
			if folder, ok := ours(imported); ok && !slices.Contains(allowed, folder) {
				t.Errorf("%s imports %s; package %s may import %q", s.path, folder, s.folder, allowed)
			}
		}
	}
}

func TestOnlyTheBorderImportsC(t *testing.T) {
	for _, s := range sources(t) {
		if s.folder != "internal/py" && slices.Contains(s.imports(), "C") {
			t.Errorf(`%s imports "C", which belongs to internal/py`, s.path)
		}
	}
}

func TestNoProgramImportsTestCode(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.folder == "internal/testkit" {
			continue
		}
		for _, imported := range s.imports() {
			if imported == "testing" || strings.HasPrefix(imported, "testing/") || imported == module+"/internal/testkit" {
				t.Errorf("%s imports %s, which is for tests", s.path, imported)
			}
		}
	}
}

func TestEveryPackageHasOneDocComment(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if docs[s.folder] == nil {
			docs[s.folder] = []string{}
		}
		if s.file.Doc == nil {
			continue
		}
		docs[s.folder] = append(docs[s.folder], s.path)
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command " + path.Base(s.folder) + " "
		}
		if text := s.file.Doc.Text(); !strings.HasPrefix(text, want) {
			t.Errorf("%s: the doc comment begins %q, want %q", s.path, text[:min(len(text), 40)], want)
		}
	}
	for folder, files := range docs {
		if len(files) != 1 {
			t.Errorf("package %s has doc comments in %q, want one", folder, files)
		}
	}
}

func TestTheBorderKnowsNoProtocol(t *testing.T) {
	words := regexp.MustCompile(`(?i)http|wsgi|asgi|redis|postgres|graphql`)
	files := slices.Concat(tree(t, ".c"), tree(t, ".h"))
	if len(files) == 0 {
		t.Fatal("there is no C")
	}
	for _, name := range files {
		if path.Dir(name) != "internal/py" {
			t.Errorf("%s: C belongs to internal/py", name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(data), "\n") {
			if word := words.FindString(line); word != "" {
				t.Errorf("%s:%d says %q, which the border does not know", name, i+1, word)
			}
		}
	}
}

func TestTheBinaryCarriesEveryFace(t *testing.T) {
	list := func(files fs.FS) (names []string) {
		t.Helper()
		err := fs.WalkDir(files, "puff", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && path.Base(path.Dir(name)) != "__pycache__" {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if diff := cmp.Diff(list(python.Faces), list(os.DirFS("python"))); diff != "" {
		t.Errorf("embedded (-) and on disk (+) differ:\n%s", diff)
	}
}
