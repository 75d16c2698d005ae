package pyfind

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// says is an executable that answers as an interpreter with these words would.
func says(t *testing.T, answer string) string {
	t.Helper()
	return program(t, filepath.Join(tempDir(t), "python3"), "#!/bin/sh\ncat <<'END'\n"+answerMark+answer+"\nEND\n")
}

func TestWhatCannotBeLoadedIsRefusedByName(t *testing.T) {
	t.Parallel()
	is := map[string]func(error) bool{
		"old":   func(err error) bool { _, ok := errors.AsType[*TooOldError](err); return ok },
		"other": func(err error) bool { _, ok := errors.AsType[*NotCPythonError](err); return ok },
		"probe": func(err error) bool { _, ok := errors.AsType[*ProbeError](err); return ok },
		"share": func(err error) bool { _, ok := errors.AsType[*NotSharedError](err); return ok },
	}
	script := func(text string) string { return program(t, filepath.Join(tempDir(t), "python3"), text) }
	table := []struct {
		name, python, kind string
		want               []string
	}{
		{"old", says(t, `{"version":"3.8.18","version_info":[3,8,18],"implementation":"cpython"}`),
			"old", []string{"Python 3.8.18 is too old", "3.10 or newer", "--python PATH"}},
		{"older", says(t, `{"version":"2.7.18","version_info":[2,7,18],"implementation":"cpython"}`),
			"old", []string{"Python 2.7.18 is too old"}},
		{"pypy", says(t, `{"version":"3.10.14","version_info":[3,10,14],"implementation":"pypy"}`),
			"other", []string{"this is pypy", "CPython only"}},
		{"static", says(t, `{"version":"3.12.1","version_info":[3,12,1],"implementation":"cpython","base_prefix":"/opt/py"}`),
			"share", []string{"Python 3.12.1 has no shared library", "--enable-shared"}},
		{"garbage", script("#!/bin/sh\necho $$\necho this is no Python\n"),
			"probe", []string{"is this a Python?", "this is no Python"}},
		{"silent", script("#!/bin/sh\n"), "probe", []string{"no answer"}},
		{"broken answer", says(t, `{"version":`), "probe", []string{"read its answer"}},
		{"answer of another shape", says(t, `{"version":[]}`), "probe", []string{"read its answer"}},
		{"failing", script("#!/bin/sh\necho pyenv: python3: command not found >&2\nexit 127\n"),
			"probe", []string{"exit status 127", "command not found", "--python PATH"}},
		{"killed", script("#!/bin/sh\nkill -9 $$\n"), "probe", []string{"signal: killed"}},
		{"no program", script("\x7fELF"), "probe", []string{"exec format error"}},
		{"lost shebang", script("#!/nonexistent/python\n"), "probe", []string{"no such file"}},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newTestFinder(t, Options{Python: row.python})
			_, err := f.find()
			if err == nil || !is[row.kind](err) {
				t.Fatalf("got %v (%T), want kind %s", err, err, row.kind)
			}
			for _, want := range append(row.want, row.python) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if entries, err := os.ReadDir(f.CacheDir); err == nil && len(entries) > 0 {
				t.Errorf("a failure was cached: %v", entries)
			}
		})
	}
}

func TestOldPythonsOfThisMachineAreRefusedByVersion(t *testing.T) {
	t.Parallel()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	var olds []string
	for _, pattern := range []string{"2.7.*/bin/python", "3.[6-9].*/bin/python3"} {
		found, err := filepath.Glob(filepath.Join(home, ".pyenv/versions", pattern))
		if err != nil {
			t.Fatal(err)
		}
		olds = append(olds, found...)
	}
	if len(olds) == 0 {
		t.Skip("no Python before 3.10 on this machine")
	}
	for _, python := range olds {
		_, err := newTestFinder(t, Options{Python: python}).find()
		e, ok := errors.AsType[*TooOldError](err)
		if want := filepath.Base(filepath.Dir(filepath.Dir(python))); !ok || e.Version != want {
			t.Errorf("%s: got %v, want that %s is too old", python, err, want)
		}
	}
}

func TestATwinOfAnotherVersionIsNotTaken(t *testing.T) {
	t.Parallel()
	python := anInterpreter(t)
	p := mustFind(t, newTestFinder(t, Options{Python: python}))
	text := tempDir(t) + "/libpython.so"
	write(t, text, "INPUT(libpython3.so)")
	guesses := fmt.Sprintf(`["/nonexistent/libpython3.so",%q,%q]`, text, p.Library)
	answer := func(version string) string {
		return fmt.Sprintf(`{"version":%q,"version_info":[3,12,1],"implementation":"cpython","guesses":%s}`, version, guesses)
	}

	twin := mustFind(t, newTestFinder(t, Options{Python: says(t, answer(p.Version))}))
	if twin.Library != p.Library {
		t.Errorf("library: got %s, want %s", twin.Library, p.Library)
	}

	_, err := newTestFinder(t, Options{Python: says(t, answer("3.12.99"))}).find()
	e, ok := errors.AsType[*NotSharedError](err)
	if !ok || e.Refused != text || e.Version != "3.12.99" {
		t.Errorf("got %v, want a NotSharedError that refuses %s", err, text)
	}
}

func TestAdviceFitsWhereThePythonCameFrom(t *testing.T) {
	t.Parallel()
	table := []struct{ prefix, there, want string }{
		{"/usr", "/etc/debian_version", "apt-get install libpython3.11"},
		{"/usr", "/etc/redhat-release", "dnf install python3-libs"},
		{"/usr", "/etc/alpine-release", "apk add python3"},
		{"/usr/local", "/etc/debian_version", "./configure --enable-shared"},
		{"/home/x/.pyenv/versions/3.11.7", "", "PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force 3.11.7"},
		{"/home/x/.local/share/uv/python/cpython-3.11.7-linux-x86_64-gnu", "", "uv python install --reinstall 3.11"},
		{"/opt/conda", "/opt/conda/conda-meta", "conda install --force-reinstall python=3.11.7"},
	}
	for _, row := range table {
		p := &Python{BasePrefix: row.prefix, Version: "3.11.7", VersionInfo: [3]int{3, 11, 7}}
		got := advice(p, func(path string) bool { return path == row.there })
		if !strings.Contains(got, row.want) {
			t.Errorf("%s with %q: got %q, want %q in it", row.prefix, row.there, got, row.want)
		}
	}
}

func TestALongComplaintIsShownFromItsEnd(t *testing.T) {
	t.Parallel()
	python := program(t, filepath.Join(tempDir(t), "python3"),
		"#!/bin/sh\ni=0\nwhile [ $i -lt 20000 ]; do echo \"line $i of a traceback that goes on\"; i=$((i+1)); done >&2\nexit 1\n")
	_, err := newTestFinder(t, Options{Python: python}).find()
	if err == nil || !strings.Contains(err.Error(), "line 19999 of") || len(err.Error()) > 1000 {
		t.Errorf("got %v, want the last lines only", err)
	}
}
