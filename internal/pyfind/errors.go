package pyfind

import (
	"fmt"
	"path/filepath"
	"strings"
)

// NotFoundError says that there is no interpreter, or none where the user said.
type NotFoundError struct {
	Wanted string   // the user's choice, "" when there was none
	Looked []string // every place that was looked at, in order

	reason string // why what is there is no interpreter
}

func (e *NotFoundError) Error() string {
	looked := strings.Join(e.Looked, ", ")
	if e.Wanted == "" {
		return fmt.Sprintf("find python: no Python found: looked at %s; install python3 or give --python PATH", looked)
	}
	if e.reason != "" {
		looked += ": " + e.reason
	}
	return fmt.Sprintf("find python %q: no Python found: looked at %s; give --python a path, a name on PATH or a venv folder",
		e.Wanted, looked)
}

// NotSharedError says that the interpreter is there and its shared library is not.
type NotSharedError struct {
	Executable string
	Version    string
	Refused    string // a library that was there and belongs to another version, or ""

	advice string
}

func (e *NotSharedError) Error() string {
	refused := ""
	if e.Refused != "" {
		refused = fmt.Sprintf(" (%s is not of this version)", e.Refused)
	}
	return fmt.Sprintf("load %s: Python %s has no shared library libpython%s; %s",
		e.Executable, e.Version, refused, e.advice)
}

// TooOldError says that the interpreter is a CPython before 3.10.
type TooOldError struct {
	Executable string
	Version    string
}

func (e *TooOldError) Error() string {
	return fmt.Sprintf("load %s: Python %s is too old; install Python 3.10 or newer, or give --python PATH of one",
		e.Executable, e.Version)
}

// NotCPythonError says that the interpreter is a Python and not CPython.
type NotCPythonError struct {
	Executable     string
	Implementation string
	Version        string // of the language
}

func (e *NotCPythonError) Error() string {
	return fmt.Sprintf("load %s: this is %s and puff loads CPython only; give --python PATH of a CPython 3.10 or newer",
		e.Executable, e.Implementation)
}

// ProbeError says that what was started did not answer as a Python does.
type ProbeError struct {
	Executable string
	Output     string // the end of what it printed, its complaints first
	Err        error
}

func (e *ProbeError) Error() string {
	said := ""
	if e.Output != "" {
		said = ": " + lastLines(e.Output, 4)
	}
	return fmt.Sprintf("ask %s about itself: %v%s; give --python PATH of a working Python", e.Executable, e.Err, said)
}

// Unwrap returns the cause.
func (e *ProbeError) Unwrap() error { return e.Err }

// lastLines shortens text for a message: a traceback says what matters at its end.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.ToValidUTF8(text, "?"), "\n")
	kept := lines[max(0, len(lines)-n):]
	for i, line := range kept {
		kept[i] = strings.TrimSpace(line)
		if runes := []rune(kept[i]); len(runes) > 200 {
			kept[i] = string(runes[:200]) + "…"
		}
	}
	return strings.Join(kept, " | ")
}

// advice says how to get the shared library of p from where p came from. Distributions differ in
// nothing but the name of the package, so this is a table; the first row that fits is used.
func advice(p *Python, exists func(string) bool) string {
	minor := fmt.Sprintf("%d.%d", p.VersionInfo[0], p.VersionInfo[1])
	system := p.BasePrefix == "/usr"
	table := []struct {
		fits bool
		say  string
	}{
		{strings.Contains(p.BasePrefix, "pyenv"+string(filepath.Separator)+"versions"),
			"install it again with PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force " + filepath.Base(p.BasePrefix)},
		{exists(filepath.Join(p.BasePrefix, "conda-meta")),
			"install it again with conda install --force-reinstall python=" + p.Version},
		{strings.Contains(p.BasePrefix, filepath.Join("uv", "python")),
			"install it again with uv python install --reinstall " + minor},
		{system && exists("/etc/debian_version"), "install it with apt-get install libpython" + minor},
		{system && exists("/etc/redhat-release"), "install it with dnf install python3-libs"},
		{system && exists("/etc/alpine-release"), "install it with apk add python3"},
	}
	for _, row := range table {
		if row.fits {
			return row.say
		}
	}
	return "build it again with ./configure --enable-shared, or give --python PATH of a Python that was"
}
