package pyfind

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A candidate is an executable to ask, and why it is the one.
type candidate struct {
	path string
	from string
}

// A place is one line of the order Find documents. It says what it stands for when nothing is there.
type place struct {
	from   string
	looked string
	path   string // "" when nothing is there
}

// locate picks the interpreter: the user's choice, else the first place that holds one.
func (f *finder) locate() (candidate, error) {
	if f.Python != "" {
		return f.chosen()
	}
	var looked []string
	for _, p := range f.places() {
		if p.path != "" {
			return candidate{p.path, p.from}, nil
		}
		looked = append(looked, p.looked)
	}
	return candidate{}, &NotFoundError{Looked: looked}
}

// places lists where a Python may be when the user chose none, first wins.
func (f *finder) places() []place {
	var places []place
	if f.Executable != "" {
		dir := filepath.Dir(f.Executable)
		places = append(places, place{"beside puff", "beside " + f.Executable, inFolder(dir)})
	}
	if venv := f.Env("VIRTUAL_ENV"); venv != "" {
		places = append(places, place{"VIRTUAL_ENV", "$VIRTUAL_ENV (" + venv + ")", inVenv(f.absolute(venv))})
	} else {
		places = append(places, place{"VIRTUAL_ENV", "$VIRTUAL_ENV (not set)", ""})
	}
	dotVenv := filepath.Join(f.Dir, ".venv")
	places = append(places, place{".venv", dotVenv, inVenv(dotVenv)})
	for _, name := range names() {
		places = append(places, place{"PATH", name + " on PATH", f.onPath(name)})
	}
	return places
}

// chosen resolves the user's choice. A name is looked for on PATH first, since a project may well
// have a folder that is called python.
func (f *finder) chosen() (candidate, error) {
	var looked []string
	if !strings.ContainsRune(f.Python, filepath.Separator) {
		if path := f.onPath(f.Python); path != "" {
			return candidate{path, "given"}, nil
		}
		looked = append(looked, f.Python+" on PATH")
	}
	path := f.absolute(f.Python)
	looked = append(looked, path)
	if isExecutable(path) {
		return candidate{path, "given"}, nil
	}
	if in := inVenv(path); in != "" {
		return candidate{in, "given"}, nil
	}
	return candidate{}, &NotFoundError{Wanted: f.Python, Looked: looked, reason: reason(path)}
}

// reason says why path, which exists, is no interpreter, since "not found" would be a lie there.
func reason(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return ""
	case info.IsDir():
		return fmt.Sprintf("folder %s has no bin/python3", path)
	default:
		return fmt.Sprintf("file %s is not executable", path)
	}
}

// absolute resolves path against Dir. The tilde is for puff.toml, where no shell expands it.
func (f *finder) absolute(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok && f.Env("HOME") != "" {
		return filepath.Join(f.Env("HOME"), rest)
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(f.Dir, path)
}

// onPath looks name up on PATH. Relative entries are skipped, as os/exec does: a folder that
// happens to be current must not decide what runs.
func (f *finder) onPath(name string) string {
	for _, dir := range filepath.SplitList(f.Env("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path := filepath.Join(dir, name); isExecutable(path) {
			return path
		}
	}
	return ""
}

// names are what an interpreter is called, best first: python may still be Python 2.
func names() []string { return []string{"python3", "python"} }

func inVenv(dir string) string { return inFolder(filepath.Join(dir, "bin")) }

func inFolder(dir string) string {
	for _, name := range names() {
		if path := filepath.Join(dir, name); isExecutable(path) {
			return path
		}
	}
	return ""
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
