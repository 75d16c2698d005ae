package pyfind

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAnInterpreterIsDescribedAsItDescribesItself(t *testing.T) {
	t.Parallel()
	forEachInterpreter(t, func(t *testing.T, python string) {
		p, err := Find(Options{Python: python, CacheDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(p.Version, p.VersionInfo, p.Implementation, p.Prefix, p.BasePrefix, p.GIL)
		want := ask(t, python, `import sys
print(sys.version.split()[0], list(sys.version_info[:3]), sys.implementation.name, sys.prefix, sys.base_prefix,
	str(getattr(sys, "_is_gil_enabled", lambda: True)()).lower())`)
		if squeeze(got) != squeeze(want) {
			t.Errorf("got %s, want %s", got, want)
		}
		if p.Executable != python {
			t.Errorf("executable: got %s, want it as it was given, %s", p.Executable, python)
		}
		if p.InVenv() {
			t.Error("taken for a venv")
		}
		if len(p.SitePackages) == 0 {
			t.Error("no site-packages")
		}
	})
}

// squeeze takes the commas and blanks out of two languages' ways to print a list.
func squeeze(s string) string { return strings.NewReplacer(" ", "", ",", "").Replace(s) }

func TestTheLibraryIsAbsoluteSharedAndOfTheSameVersion(t *testing.T) {
	t.Parallel()
	forEachInterpreter(t, func(t *testing.T, python string) {
		p := mustFind(t, newTestFinder(t, Options{Python: python}))
		if !filepath.IsAbs(p.Library) || !isLibraryOf(p.Library, p.Version) {
			t.Errorf("library of %s %s: got %s", python, p.Version, p.Library)
		}
	})
}

// A build that was moved after it was made names a folder in sysconfig that it no longer is in.
func TestTheMappedLibraryWinsOverBuildSettings(t *testing.T) {
	t.Parallel()
	tried := false
	for _, python := range interpreters(t) {
		p := mustFind(t, newTestFinder(t, Options{Python: python}))
		// Only a library that the linker looks for can be exchanged; a static python has none.
		moved := filepath.Join(tempDir(t), filepath.Base(p.Library))
		data, err := os.ReadFile(p.Library)
		if err != nil {
			t.Fatal(err)
		}
		write(t, moved, string(data))
		env := environment(map[string]string{"LD_LIBRARY_PATH": filepath.Dir(moved)})
		again := mustFind(t, newTestFinder(t, Options{Python: python, Env: env}))
		if again.Library == p.Library {
			continue // static, or built with an RPATH
		}
		tried = true
		if again.Library != moved {
			t.Errorf("%s: got %s, want %s", python, again.Library, moved)
		}
	}
	if !tried {
		t.Skip("no python here is linked to a shared library that could be moved")
	}
}

func TestBuildSettingsThatLeadNowhereAreNotBelieved(t *testing.T) {
	t.Parallel()
	tried := false
	for _, python := range interpreters(t) {
		built := ask(t, python,
			"import os, sysconfig; print(os.path.join(*map(sysconfig.get_config_var, ['LIBDIR', 'INSTSONAME'])))")
		if exists(built) {
			continue
		}
		tried = true
		p := mustFind(t, newTestFinder(t, Options{Python: makeVenv(t, python)}))
		if !isLibraryOf(p.Library, p.Version) {
			t.Errorf("%s: got %s; sysconfig says %s", python, p.Library, built)
		}
	}
	if !tried {
		t.Skip("no python here was moved after it was built; scripts/pythons fetches one")
	}
}

func TestAVenvIsGivenAsFolderOrExecutable(t *testing.T) {
	t.Parallel()
	forEachInterpreter(t, func(t *testing.T, python string) {
		base := mustFind(t, newTestFinder(t, Options{Python: python}))
		venv := makeVenv(t, python)
		for _, given := range []string{venv, filepath.Join(venv, "bin", "python3")} {
			p := mustFind(t, newTestFinder(t, Options{Python: given}))
			if want := filepath.Join(venv, "bin", "python3"); p.Executable != want {
				t.Errorf("%s: executable: got %s, want %s", given, p.Executable, want)
			}
			if p.Prefix != venv || p.BasePrefix != base.BasePrefix || !p.InVenv() {
				t.Errorf("%s: prefixes: got %s and %s, want %s and %s", given, p.Prefix, p.BasePrefix, venv, base.BasePrefix)
			}
			if p.Library != base.Library {
				t.Errorf("%s: library: got %s, want that of its base, %s", given, p.Library, base.Library)
			}
			if want := []string{sitePackages(t, venv)}; !slices.Equal(p.SitePackages, want) {
				t.Errorf("%s: site-packages: got %q, want %q", given, p.SitePackages, want)
			}
		}
	})
}

func TestAChainOfLinksIsNotResolved(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	first := symlink(t, anInterpreter(t), filepath.Join(dir, "first"))
	second := symlink(t, first, filepath.Join(dir, "second"))
	last := symlink(t, "second", filepath.Join(dir, "python3"))
	f := newTestFinder(t, Options{Python: last})
	if p := mustFind(t, f); p.Executable != last {
		t.Errorf("executable: got %s, want %s", p.Executable, last)
	}
	if second == last {
		t.Fatal("the chain is too short")
	}
}

func TestAShimIsReplacedByWhatItStarts(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	one, two := makeVenv(t, anInterpreter(t)), makeVenv(t, anInterpreter(t))
	// As version managers do, this shim chooses by a file it alone knows.
	choice := filepath.Join(dir, "choice")
	shim := program(t, filepath.Join(dir, "shims", "python3"),
		"#!/bin/sh\nread -r venv < '"+choice+"'\nexec \"$venv/bin/python\" \"$@\"\n")
	cache := filepath.Join(dir, "cache")
	for _, venv := range []string{one, two} {
		write(t, choice, venv+"\n")
		p := mustFind(t, newTestFinder(t, Options{Python: shim, CacheDir: cache}))
		if want := filepath.Join(venv, "bin", "python"); p.Executable != want {
			t.Errorf("executable: got %s, want %s", p.Executable, want)
		}
	}
}

// The folder keeps the name it was entered by, as in a shell: pyenv walks up that name.
func TestAShimChoosesByTheFolderThePuffIsIn(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	venv := makeVenv(t, anInterpreter(t))
	symlink(t, venv, filepath.Join(dir, "for-link"))
	write(t, filepath.Join(dir, "project", "app.py"), "")
	link := symlink(t, "project", filepath.Join(dir, "link"))
	shim := program(t, filepath.Join(dir, "python3"),
		"#!/bin/sh\nexec \"$(readlink '"+dir+"/for-'\"${PWD##*/}\")/bin/python\" \"$@\"\n")
	p := mustFind(t, newTestFinder(t, Options{Python: shim, Dir: link}))
	if want := filepath.Join(venv, "bin", "python"); p.Executable != want {
		t.Errorf("executable: got %s, want %s", p.Executable, want)
	}
}

func TestPackagesAreFoundWithoutBeingImported(t *testing.T) {
	t.Parallel()
	table := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"absent", nil, ""},
		{"installed", map[string]string{
			"greenlet/__init__.py": "raise SystemExit('imported')", "greenlet-3.5.6.dist-info/METADATA": "",
		}, "3.5.6"},
		{"an egg of a distribution", map[string]string{
			"greenlet/__init__.py": "", "greenlet-2.0.2.egg-info/PKG-INFO": "",
		}, "2.0.2"},
		{"an egg that names its python", map[string]string{
			"greenlet/__init__.py": "", "greenlet-2.0.2-py3.11-linux-x86_64.egg-info/PKG-INFO": "",
		}, "2.0.2"},
		{"without its papers", map[string]string{"greenlet/__init__.py": ""}, "unknown"},
		{"only a folder of that name", map[string]string{"greenlet/README": ""}, ""},
		{"only papers left behind", map[string]string{"greenlet-3.5.6.dist-info/METADATA": ""}, ""},
		{"another package that begins alike", map[string]string{
			"greenlet/__init__.py": "", "greenlet_tools-9.dist-info/METADATA": "", "greenlet-1.1.dist-info/METADATA": "",
		}, "1.1"},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			venv := makeVenv(t, anInterpreter(t))
			for name, text := range row.files {
				write(t, filepath.Join(sitePackages(t, venv), name), text)
			}
			p := mustFind(t, newTestFinder(t, Options{Python: venv}))
			if p.Greenlet != row.want || p.Uvloop != "" {
				t.Errorf("greenlet: got %q, want %q; uvloop: got %q, want none", p.Greenlet, row.want, p.Uvloop)
			}
		})
	}
}

func TestNothingAroundItDisturbsTheQuestion(t *testing.T) {
	t.Parallel()
	python := makeVenv(t, anInterpreter(t))
	dir := tempDir(t)
	for _, name := range []string{"json.py", "os.py", "site.py", "sysconfig.py", "sitecustomize.py", "greenlet.py"} {
		write(t, filepath.Join(dir, name), "raise SystemExit('the folder puff was started in was imported')")
	}
	write(t, filepath.Join(sitePackages(t, python), "sitecustomize.py"),
		"import sys\nprint('puff-python: no')\nprint('noise', end='')\nprint('more', file=sys.stderr)\n")
	env := environment(map[string]string{"PYTHONSAFEPATH": ""})
	p := mustFind(t, newTestFinder(t, Options{Python: python, Dir: dir, Env: env}))
	if p.Greenlet != "" {
		t.Errorf("greenlet: got %q from the current folder", p.Greenlet)
	}
}

func TestAPathNeedNotBeUTF8(t *testing.T) {
	t.Parallel()
	venv := makeVenv(t, anInterpreter(t))
	odd := filepath.Join(tempDir(t), "caf\xe9 \u00fc")
	if err := os.Rename(venv, odd); err != nil {
		t.Skipf("this file system wants UTF-8: %v", err)
	}
	f := newTestFinder(t, Options{Python: odd})
	for range 2 { // JSON cannot carry the path, so the cache must not claim to know it
		p := mustFind(t, f)
		if want := filepath.Join(odd, "bin", "python3"); p.Executable != want || p.Prefix != odd {
			t.Errorf("got %q in %q, want %q in %q", p.Executable, p.Prefix, want, odd)
		}
	}
}

func TestTheDynamicLinkerKnowsTheLibraryWhereThereIsNoProc(t *testing.T) {
	t.Parallel()
	forEachInterpreter(t, func(t *testing.T, python string) {
		script := strings.Replace(probeScript, `"/proc/self/maps"`, `"/nonexistent"`, 1)
		if script == probeScript {
			t.Fatal("probe.py no longer names /proc/self/maps")
		}
		mapped := func(script string) string {
			return ask(t, python, strings.Split(script, "if __name__")[0]+"\nprint(mapped())")
		}
		if got, want := mapped(script), mapped(probeScript); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAnInterpreterThatHangsIsEndedWithItsChildren(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	fifo := filepath.Join(dir, "alive")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	// Both the shell and its child hold the fifo open for as long as they live.
	python := program(t, filepath.Join(dir, "python3"), "#!/bin/sh\nexec 3> '"+fifo+"'\nsleep 600\nsleep 600\n")
	f := newTestFinder(t, Options{Python: python})
	f.timeout = 300 * time.Millisecond
	if _, err := f.find(); err == nil || !strings.Contains(err.Error(), "no answer within 300ms") {
		t.Errorf("got %v, want that there was no answer", err)
	}
	if _, err := io.ReadAll(alive); err != nil {
		t.Error(err)
	}
}
