package pyfind

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
)

func TestAKnownAnswerRunsNothing(t *testing.T) {
	t.Parallel()
	forEachInterpreter(t, func(t *testing.T, python string) {
		o := Options{Python: makeVenv(t, python), CacheDir: filepath.Join(t.TempDir(), "a", "b")}
		first := newTestFinder(t, o)
		want := mustFind(t, first)
		second := newTestFinder(t, o)
		got := mustFind(t, second)
		if first.probes != 1 || second.probes != 0 {
			t.Errorf("interpreter was run %d and %d times, want once and never", first.probes, second.probes)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestAnAnswerIsForgottenWhenWhatItRestsOnChanges(t *testing.T) {
	t.Parallel()
	table := []struct {
		name   string
		change func(t *testing.T, venv string, set map[string]string)
	}{
		{"a package was installed", func(t *testing.T, venv string, _ map[string]string) {
			write(t, filepath.Join(sitePackages(t, venv), "greenlet/__init__.py"), "")
		}},
		{"pyvenv.cfg was edited", func(t *testing.T, venv string, _ map[string]string) {
			cfg := filepath.Join(venv, "pyvenv.cfg")
			text, err := os.ReadFile(cfg)
			if err != nil {
				t.Fatal(err)
			}
			write(t, cfg, string(bytes.Replace(text, []byte("= false"), []byte("= true"), 1)))
		}},
		{"the venv was made again", func(t *testing.T, venv string, _ map[string]string) {
			again := makeVenv(t, anInterpreter(t))
			if err := os.RemoveAll(venv); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(again, venv); err != nil {
				t.Fatal(err)
			}
		}},
		{"the executable leads elsewhere", func(t *testing.T, venv string, _ map[string]string) {
			python := filepath.Join(venv, "bin", "python3")
			data, err := os.ReadFile(python)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(python); err != nil {
				t.Fatal(err)
			}
			program(t, python, string(data))
			if err := exec.Command(python, "-c", "").Run(); err != nil {
				t.Skipf("this interpreter finds its library by where it lies: %v", err)
			}
		}},
		{"PYTHONPATH was set", func(t *testing.T, _ string, set map[string]string) {
			set["PYTHONPATH"] = t.TempDir()
		}},
		{"LD_LIBRARY_PATH was set", func(t *testing.T, _ string, set map[string]string) {
			set["LD_LIBRARY_PATH"] = t.TempDir()
		}},
		{"user packages appeared", func(t *testing.T, venv string, set map[string]string) {
			folder := ask(t, filepath.Join(venv, "bin", "python3"),
				"import os, sys; print(os.path.join('lib', 'python%d.%d' % sys.version_info[:2], 'site-packages'))")
			write(t, filepath.Join(set["PYTHONUSERBASE"], folder, "greenlet.py"), "")
		}},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			venv := makeVenv(t, anInterpreter(t))
			// Only a venv that sees the system's packages sees the user's.
			cfg := filepath.Join(venv, "pyvenv.cfg")
			if row.name == "user packages appeared" {
				text, err := os.ReadFile(cfg)
				if err != nil {
					t.Fatal(err)
				}
				write(t, cfg, string(bytes.Replace(text, []byte("= false"), []byte("= true"), 1)))
			}
			set := map[string]string{"PYTHONUSERBASE": t.TempDir()}
			o := Options{Python: venv, CacheDir: t.TempDir(), Env: environment(set)}
			mustFind(t, newTestFinder(t, o))
			row.change(t, venv, set)
			f := newTestFinder(t, o)
			if mustFind(t, f); f.probes != 1 {
				t.Errorf("interpreter was run %d times after the change, want once", f.probes)
			}
			f = newTestFinder(t, o)
			if mustFind(t, f); f.probes != 0 {
				t.Errorf("the new answer was not kept")
			}
		})
	}
}

// This is pyenv as its shims see it: a script that execs what the version in force holds.
func TestWhatAPyenvShimLeadsToIsForgottenWhenItChooses(t *testing.T) {
	t.Parallel()
	root, dir := filepath.Join(tempDir(t), "pyenv"), tempDir(t)
	for _, version := range []string{"one", "two", "three"} {
		venv := makeVenv(t, anInterpreter(t))
		symlink(t, venv, filepath.Join(root, "versions", version))
	}
	shim := program(t, filepath.Join(root, "shims", "python3"), `#!/bin/sh
# pyenv exec
version=$PYENV_VERSION
[ -n "$version" ] || read -r version < .python-version || read -r version < ../.python-version || read -r version < '`+root+`/version'
exec "`+root+`/versions/$version/bin/python3" "$@"
`)
	set := map[string]string{"PYENV_VERSION": ""}
	project := filepath.Join(dir, "project")
	write(t, filepath.Join(project, "app.py"), "")
	write(t, filepath.Join(root, "version"), "one\n")
	o := Options{Python: shim, Dir: project, CacheDir: t.TempDir(), Env: environment(set)}
	steps := []struct {
		name, want string
		change     func()
		runs       int
	}{
		{"at first", "one", func() {}, 1},
		{"again", "one", func() {}, 0},
		{"in a folder that says otherwise", "two", func() { write(t, filepath.Join(dir, ".python-version"), "two\n") }, 1},
		{"in a nearer one", "three", func() { write(t, filepath.Join(project, ".python-version"), "three\n") }, 1},
		{"by the environment", "one", func() { set["PYENV_VERSION"] = "one" }, 1},
		{"still", "one", func() {}, 0},
		{"after an installation", "one", func() { write(t, filepath.Join(root, "versions/four/x"), "") }, 1},
		{"after a package", "one", func() {
			write(t, filepath.Join(sitePackages(t, filepath.Join(root, "versions/one")), "greenlet/__init__.py"), "")
		}, 1},
	}
	for _, step := range steps {
		step.change()
		f := newTestFinder(t, o)
		p := mustFind(t, f)
		if want := filepath.Join(root, "versions", step.want, "bin/python3"); p.Executable != want || f.probes != step.runs {
			t.Errorf("%s: got %s after %d runs, want %s after %d", step.name, p.Executable, f.probes, want, step.runs)
		}
	}
	o.Dir = t.TempDir()
	if f := newTestFinder(t, o); mustFind(t, f) != nil && f.probes != 1 {
		t.Error("the answer of one folder was believed in another")
	}
}

func TestACacheFileThatCannotBeBelievedIsReplaced(t *testing.T) {
	t.Parallel()
	venv := makeVenv(t, anInterpreter(t))
	edit := func(change func(*entry)) func([]byte) []byte {
		return func(data []byte) []byte {
			var e entry
			if err := json.Unmarshal(data, &e); err != nil {
				t.Fatal(err)
			}
			change(&e)
			data, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
	table := []struct {
		name  string
		spoil func([]byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"garbage", func([]byte) []byte { return []byte("\x00\xff{") }},
		{"null", func([]byte) []byte { return []byte("null") }},
		{"cut off", func(data []byte) []byte { return data[:len(data)/2] }},
		{"another format", edit(func(e *entry) { e.Format = "0" })},
		{"of another question", edit(func(e *entry) { e.Path = "/usr/bin/python3" })},
		{"of another folder", edit(func(e *entry) { e.Dir = "/" })},
		{"of another executable", edit(func(e *entry) { e.Python.Executable = "/usr/bin/python3" })},
		{"without a Python", edit(func(e *entry) { e.Python = nil })},
		{"without stamps", edit(func(e *entry) { e.Files = nil })},
		{"without variables", edit(func(e *entry) { e.Env = nil })},
		{"with a library nobody looked at", edit(func(e *entry) { e.Python.Library = "/tmp/libpython.so" })},
		{"of a library that is gone", edit(func(e *entry) {
			e.Python.Library = "/nonexistent"
			e.Files = append(e.Files, stamp{Path: "/nonexistent"})
		})},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Python: venv, CacheDir: t.TempDir()}
			f := newTestFinder(t, o)
			want := mustFind(t, f)
			file := f.cacheFile(f.question(want.Executable))
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, file, string(row.spoil(data)))
			f = newTestFinder(t, o)
			if got := mustFind(t, f); f.probes != 1 || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v after %d runs, want %+v after one", got, f.probes, want)
			}
			f = newTestFinder(t, o)
			if mustFind(t, f); f.probes != 0 {
				t.Error("the file was not replaced")
			}
		})
	}
}

func TestACacheThatCannotBeWrittenIsGoneWithout(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	o := Options{Python: anInterpreter(t), CacheDir: filepath.Join(file, "cache")}
	for range 2 {
		f := newTestFinder(t, o)
		if mustFind(t, f); f.probes != 1 {
			t.Errorf("interpreter was run %d times, want once", f.probes)
		}
	}
}

func TestManyAtOnceLeaveOneWholeFile(t *testing.T) {
	t.Parallel()
	o := Options{Python: makeVenv(t, anInterpreter(t)), CacheDir: t.TempDir()}
	var wg sync.WaitGroup
	for range 8 {
		f := newTestFinder(t, o)
		wg.Go(func() {
			if _, err := f.find(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	f := newTestFinder(t, o)
	if mustFind(t, f); f.probes != 0 {
		t.Error("nothing was kept")
	}
	if entries, err := os.ReadDir(o.CacheDir); err != nil || len(entries) != 1 {
		t.Errorf("cache folder: got %v, %v, want one file", entries, err)
	}
}

// Whatever is in the file, an answer that comes out of it is about the executable that was asked for.
func FuzzCacheFileIsNeverBelievedBlindly(f *testing.F) {
	f.Add([]byte(`{"format":"","python":{"executable":"/x"}}`))
	f.Add([]byte(`{"env":{},"files":[{"path":"/x","inode":1}],"python":{"executable":"/x","library":"/x"}}`))
	f.Add([]byte(`[`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		fd, err := newFinder(Options{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		q := fd.question("/nonexistent")
		write(t, fd.cacheFile(q), string(data))
		if p := fd.load(q); p != nil {
			t.Errorf("got %+v for an executable that is not there", p)
		}
	})
}

// An answer of any shape is an error or a Python with a library, never a panic.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("x\n" + answerMark + `{"version":"3.12.1","version_info":[3,12,1],"implementation":"cpython","mapped":"/l"}`))
	f.Add([]byte(answerMark + `{"executable":"\u00e9\u0100"}`))
	f.Add([]byte(answerMark))
	f.Fuzz(func(t *testing.T, out []byte) {
		line, found := answerLine(out)
		var a answer
		if !found || json.Unmarshal(line, &a) != nil {
			return
		}
		a.Guesses = nil // the fuzzer has no business reading files of this machine
		if p, err := a.python("/nonexistent"); err == nil && p.Library == "" {
			t.Errorf("%q: got a Python without a library", line)
		}
	})
}

func BenchmarkFindKnown(b *testing.B) {
	o := Options{CacheDir: b.TempDir(), Dir: b.TempDir()}
	if _, err := Find(o); err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if _, err := Find(o); err != nil {
			b.Fatal(err)
		}
	}
}
