package pyfind

import (
	"bytes"
	"os"
	"path/filepath"
)

// A question is what an answer is kept under, and all it is known to depend on before it is asked.
type question struct {
	path  string   // what is started
	dir   string   // where, when that matters
	shim  bool     // whether what is started starts another interpreter
	env   []string // variables that decide the answer
	files []string // files and folders that do
}

// question returns what decides the answer of the executable at path.
func (f *finder) question(path string) question {
	q := question{path: path, env: decidingEnv(), files: append(venvFiles(path), path)}
	if root := pyenvRoot(path); root != "" {
		q.shim = true
		q.dir = f.Dir
		q.env = append(q.env, "PATH", "PYENV_DIR", "PYENV_ROOT", "PYENV_VERSION")
		q.files = append(q.files, f.pyenvFiles(root)...)
	}
	return q
}

// decidingEnv names the variables that change the answer of one and the same interpreter.
func decidingEnv() []string {
	return []string{
		"HOME", "PYTHONHOME", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONNOUSERSITE",
		"PYTHONSAFEPATH", "PYTHON_GIL", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH",
		"DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "DYLD_INSERT_LIBRARIES",
	}
}

// venvFiles are the two places where python looks for the file that makes it a venv's.
func venvFiles(executable string) []string {
	dir := filepath.Dir(executable)
	return []string{filepath.Join(dir, "pyvenv.cfg"), filepath.Join(filepath.Dir(dir), "pyvenv.cfg")}
}

// pyenvRoot returns the folder of the pyenv that the executable is a shim of, "" when it is none.
// Other version managers choose by rules of their own, so their shims are asked every time; this one
// is common, slow (it is a shell script that starts more of them) and its rules are simple.
func pyenvRoot(path string) string {
	dir, root := filepath.Dir(path), filepath.Dir(filepath.Dir(path))
	if filepath.Base(dir) != "shims" || !exists(filepath.Join(root, "versions")) {
		return ""
	}
	script, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(script, []byte("#!")) || !bytes.Contains(script, []byte("pyenv")) {
		return ""
	}
	return root
}

// pyenvFiles are what pyenv reads to choose a version: .python-version from here upwards, then the
// global one. A version that is not written in full means the newest that is installed.
func (f *finder) pyenvFiles(root string) []string {
	files := []string{filepath.Join(root, "version"), filepath.Join(root, "versions")}
	for _, start := range []string{f.Dir, f.Env("PYENV_DIR")} {
		if !filepath.IsAbs(start) {
			continue
		}
		for dir := start; ; dir = filepath.Dir(dir) {
			files = append(files, filepath.Join(dir, ".python-version"))
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return files
}

func (q question) stamps() []stamp {
	var stamps []stamp
	for _, path := range q.files {
		stamps = append(stamps, stampOf(path))
	}
	return stamps
}
