package pyfind

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

//go:embed probe.py
var probeScript string

// answerMark starts the line of the answer; anything else on standard output is somebody's noise.
const answerMark = "puff-python: "

// An answer is what probe.py says. A refused interpreter gives its version and implementation only.
type answer struct {
	Executable     rawPath   `json:"executable"`
	Version        string    `json:"version"`
	VersionInfo    [3]int    `json:"version_info"`
	Implementation string    `json:"implementation"`
	Prefix         rawPath   `json:"prefix"`
	BasePrefix     rawPath   `json:"base_prefix"`
	Mapped         rawPath   `json:"mapped"`
	Guesses        []rawPath `json:"guesses"`
	FreeThreaded   bool      `json:"free_threaded"`
	GIL            bool      `json:"gil"`
	Greenlet       string    `json:"greenlet"`
	Uvloop         string    `json:"uvloop"`
	SitePackages   []rawPath `json:"site_packages"`
	Stamps         []struct {
		Path rawPath `json:"path"`
		stamp
	} `json:"stamps"`
}

// A rawPath crosses JSON one character per byte, because a path need not be UTF-8.
type rawPath string

// UnmarshalText undoes what raw in probe.py does.
func (p *rawPath) UnmarshalText(text []byte) error {
	path := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r > 0xff {
			return fmt.Errorf("read path %q: character %q is not a byte", text, r)
		}
		path = append(path, byte(r))
	}
	*p = rawPath(path)
	return nil
}

// probe runs the interpreter at path once and returns what it says of itself.
func (f *finder) probe(path string) (*answer, error) {
	f.probes++
	ctx, cancel := context.WithTimeout(context.Background(), f.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-c", probeScript)
	cmd.Dir = f.Dir // what a shim starts may depend on it
	cmd.Env = f.probeEnv()
	var stdout, stderr tail
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A shim is a shell with children, and killing the shell alone would leave them behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second

	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, &ProbeError{Executable: path, Err: fmt.Errorf("no answer within %s", f.timeout)}
	}
	line, found := answerLine(stdout.bytes())
	if !found {
		if err == nil {
			err = errors.New("no answer, is this a Python?")
		}
		return nil, &ProbeError{Executable: path, Output: output(&stderr, &stdout), Err: err}
	}
	a := new(answer)
	if err := json.Unmarshal(line, a); err != nil {
		return nil, &ProbeError{Executable: path, Output: string(line), Err: fmt.Errorf("read its answer: %w", err)}
	}
	return a, nil
}

// probeEnv is our own environment as Env sees it, without what would make the interpreter talk,
// stay or trip. Everything that decides what it finds is left in: the real start has it too.
func (f *finder) probeEnv() []string {
	silenced := []string{
		"PYTHONINSPECT", "PYTHONVERBOSE", "PYTHONDEBUG", "PYTHONWARNINGS", "PYTHONDUMPREFS",
		"PYTHONMALLOCSTATS", "PYTHONPROFILEIMPORTTIME", "PYTHONTRACEMALLOC", "PYTHONSTARTUP",
		"PYTHONIOENCODING", "__PYVENV_LAUNCHER__", "PWD",
	}
	through := append(decidingEnv(), "PATH", "VIRTUAL_ENV", "PYENV_DIR", "PYENV_ROOT", "PYENV_VERSION")
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(silenced, name) || slices.Contains(through, name)
	})
	env = append(env, "PWD="+f.Dir) // shell shims believe it over getcwd
	for _, name := range through {
		if value := f.Env(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// python turns the answer of the interpreter started as path into a Python, or says why it cannot.
func (a *answer) python(path string) (*Python, error) {
	if a.Implementation != "cpython" {
		return nil, &NotCPythonError{Executable: path, Implementation: a.Implementation, Version: a.Version}
	}
	if slices.Compare(a.VersionInfo[:2], oldest()) < 0 {
		return nil, &TooOldError{Executable: path, Version: a.Version}
	}
	p := &Python{
		Executable:     realExecutable(path, string(a.Executable)),
		Version:        a.Version,
		VersionInfo:    a.VersionInfo,
		Implementation: a.Implementation,
		Prefix:         string(a.Prefix),
		BasePrefix:     string(a.BasePrefix),
		FreeThreaded:   a.FreeThreaded,
		GIL:            a.GIL,
		Greenlet:       a.Greenlet,
		Uvloop:         a.Uvloop,
	}
	for _, dir := range a.SitePackages {
		p.SitePackages = append(p.SitePackages, string(dir))
	}
	library, err := a.library(p)
	if err != nil {
		return nil, err
	}
	p.Library = library
	return p, nil
}

// oldest is the first CPython that works: those before 3.10 install signal handlers without
// SA_ONSTACK, on which a Go process aborts.
func oldest() []int { return []int{3, 10} }

// realExecutable is the interpreter behind started. A shim starts another one, which then names
// itself; a link does not count as one, however long the chain.
func realExecutable(started, named string) string {
	if !filepath.IsAbs(named) || !isExecutable(named) {
		return started
	}
	a, err := os.Stat(started)
	if err != nil {
		return started
	}
	if b, err := os.Stat(named); err != nil || os.SameFile(a, b) {
		return started
	}
	return filepath.Clean(named)
}

// answerLine finds the line of the answer in standard output; the last one counts.
func answerLine(out []byte) (line []byte, found bool) {
	for l := range bytes.Lines(out) {
		if rest, ok := bytes.CutPrefix(l, []byte(answerMark)); ok {
			line, found = rest, true
		}
	}
	return line, found
}

// output is what there is to show of a failed interpreter: what it complained of, else what it said.
func output(stderr, stdout *tail) string {
	for _, t := range []*tail{stderr, stdout} {
		if text := strings.TrimSpace(string(t.bytes())); text != "" {
			return text
		}
	}
	return ""
}

// A tail keeps the end of what is written to it, so a program that talks without end costs no memory.
type tail struct{ kept []byte }

const tailSize = 256 << 10

// Write implements io.Writer and never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if len(t.kept) > 2*tailSize {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-tailSize:]...)
	}
	return len(b), nil
}

func (t *tail) bytes() []byte { return t.kept }
