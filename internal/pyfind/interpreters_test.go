package pyfind

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// interpreters are the real Pythons of this machine that must be found, one per installation.
func interpreters(t *testing.T) []string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, pattern := range []string{
		filepath.Join(home, ".pyenv/versions/3.1[0-9].*/bin/python3"),
		filepath.Join(home, ".local/share/uv/python/cpython-3.1[0-9]*/bin/python3"),
		"../../.cache/cpython-*/bin/python3",
		"/usr/local/bin/python3.1[0-9]",
		"/usr/bin/python3.1[0-9]",
	} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range matches {
			path, err := filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Fatal("no CPython 3.10 or newer on this machine; install one, or run scripts/pythons")
	}
	return found
}

// anInterpreter is one real Python, for tests in which any will do.
func anInterpreter(t *testing.T) string {
	t.Helper()
	return interpreters(t)[0]
}

// forEachInterpreter runs one parallel subtest per real Python.
func forEachInterpreter(t *testing.T, test func(t *testing.T, python string)) {
	t.Helper()
	for _, python := range interpreters(t) {
		t.Run(python, func(t *testing.T) {
			t.Parallel()
			test(t, python)
		})
	}
}

// ask runs code in a real Python and returns what it printed.
func ask(t *testing.T, python, code string) string {
	t.Helper()
	cmd := exec.Command(python, "-c", code)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", python, err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// makeVenv makes a venv of python without pip and returns its folder, whose path has no links in it.
func makeVenv(t *testing.T, python string) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), "venv")
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
		t.Fatalf("make venv of %s: %v: %s", python, err, out)
	}
	return dir
}

func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sitePackages is where a venv keeps its packages.
func sitePackages(t *testing.T, venv string) string {
	t.Helper()
	matches, err := filepath.Glob(filepath.Join(venv, "lib/python3.*/site-packages"))
	if err != nil || len(matches) != 1 {
		t.Fatalf("site-packages of %s: %q, %v", venv, matches, err)
	}
	return matches[0]
}

// program writes an executable and returns its path.
func program(t *testing.T, path, script string) string {
	t.Helper()
	write(t, path, script)
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, to, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is an Env of fixed variables over those of the test.
func environment(set map[string]string) func(string) string {
	return func(name string) string {
		if value, ok := set[name]; ok {
			return value
		}
		return os.Getenv(name)
	}
}

// newTestFinder is a finder that keeps its answers to itself.
func newTestFinder(t *testing.T, o Options) *finder {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = filepath.Join(t.TempDir(), "cache")
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	f, err := newFinder(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustFind(t *testing.T, f *finder) *Python {
	t.Helper()
	p, err := f.find()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
