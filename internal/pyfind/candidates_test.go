package pyfind

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A layout is a machine in a folder: which of the places hold a python.
func layout(t *testing.T, places ...string) (root string, o Options) {
	t.Helper()
	root = tempDir(t)
	for _, place := range places {
		program(t, filepath.Join(root, place), "#!/bin/sh\n")
	}
	return root, Options{
		Dir:        filepath.Join(root, "project"),
		Executable: filepath.Join(root, "opt/bin/puff"),
		Env: environment(map[string]string{
			"HOME":        filepath.Join(root, "home"),
			"PATH":        filepath.Join(root, "empty") + ":relative:" + filepath.Join(root, "usr/bin"),
			"VIRTUAL_ENV": filepath.Join(root, "active"),
		}),
	}
}

func TestTheFirstPlaceThatHoldsAPythonDecides(t *testing.T) {
	t.Parallel()
	order := []string{
		"opt/bin/python3", "opt/bin/python", "active/bin/python3", "active/bin/python",
		"project/.venv/bin/python3", "project/.venv/bin/python", "usr/bin/python3", "usr/bin/python",
	}
	for i, want := range order {
		root, o := layout(t, order[i:]...)
		c, err := newTestFinder(t, o).locate()
		if err != nil || c.path != filepath.Join(root, want) {
			t.Errorf("with %q: got %s, %v, want %s", order[i:], c.path, err, want)
		}
	}
}

func TestAChoiceIsAPathANameOrAVenv(t *testing.T) {
	t.Parallel()
	table := []struct{ in, want string }{
		{"python3.12", "usr/bin/python3.12"},
		{"./python3.12", "project/python3.12"},
		{"tools/python", "project/tools/python"},
		{"../active", "active/bin/python3"},
		{"env", "project/env/bin/python"},
		{"./env/", "project/env/bin/python"},
		{"python", "usr/bin/python"}, // and not the folder of that name
		{"~/env", "home/env/bin/python3"},
	}
	for _, row := range table {
		root, o := layout(t, "opt/bin/python3", "usr/bin/python3.12", "usr/bin/python", "project/python3.12",
			"project/tools/python", "active/bin/python3", "project/env/bin/python", "project/python/bin/python3",
			"home/env/bin/python3")
		o.Python = row.in
		c, err := newTestFinder(t, o).locate()
		if err != nil || c.path != filepath.Join(root, row.want) {
			t.Errorf("%s: got %s, %v, want %s", row.in, c.path, err, row.want)
		}
		o.Python = filepath.Join(root, row.want)
		if c, err := newTestFinder(t, o).locate(); err != nil || c.path != o.Python {
			t.Errorf("%s: got %s, %v", o.Python, c.path, err)
		}
	}
}

func TestAChoiceThatIsNotThereIsNotReplaced(t *testing.T) {
	t.Parallel()
	table := []struct{ in, want string }{
		{"python3.99", "looked at python3.99 on PATH, "},
		{"./nowhere", "project/nowhere"},
		{"../bare", "bare has no bin/python3"},
		{"../readme", "readme is not executable"},
	}
	for _, row := range table {
		root, o := layout(t, "opt/bin/python3", "active/bin/python3", "usr/bin/python3")
		write(t, filepath.Join(root, "bare/lib/x"), "")
		write(t, filepath.Join(root, "readme"), "")
		write(t, filepath.Join(root, "project/x"), "")
		o.Python = row.in
		_, err := Find(o)
		e, ok := errors.AsType[*NotFoundError](err)
		if !ok || e.Wanted != row.in || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q in it", row.in, err, row.want)
		}
	}
}

func TestNothingFoundNamesEveryPlaceAndWhatToDo(t *testing.T) {
	t.Parallel()
	root, o := layout(t)
	_, err := Find(o)
	e, ok := errors.AsType[*NotFoundError](err)
	if !ok || len(e.Looked) != 5 {
		t.Fatalf("got %v, want a NotFoundError of five places", err)
	}
	for _, want := range []string{
		"no Python found: looked at ", "beside " + filepath.Join(root, "opt/bin/puff"),
		"$VIRTUAL_ENV (" + filepath.Join(root, "active") + ")", filepath.Join(root, "project/.venv"),
		"python3 on PATH", "python on PATH", "install python3 or give --python PATH",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
}

func TestAnInterpreterIsAFileThatMayBeRun(t *testing.T) {
	t.Parallel()
	root, o := layout(t, "usr/bin/python")
	if err := os.MkdirAll(filepath.Join(root, "opt/bin/python3"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "active/bin/python3"), "not executable")
	symlink(t, "nowhere", filepath.Join(root, "project/.venv/bin/python3"))
	c, err := newTestFinder(t, o).locate()
	if want := filepath.Join(root, "usr/bin/python"); err != nil || c.path != want {
		t.Errorf("got %s, %v, want %s", c.path, err, want)
	}
}
