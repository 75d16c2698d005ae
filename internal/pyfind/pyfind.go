// Package pyfind finds the CPython a puff process is to load, and the shared library that holds it.
//
//	python, err := pyfind.Find(pyfind.Options{Executable: self})
//	if err != nil {
//		return err // names what was looked at and what to do
//	}
//	fmt.Println(python.Version, python.Library)
//
// The interpreter is run once and asked about itself, because nothing else knows: build
// settings are wrong in every build that was moved after it was made. The answer is kept in the
// user's cache folder until the interpreter, its venv or its packages change.
//
// The rest of the package follows the order of the work: candidates.go says where to look,
// probe.go asks, library.go picks the library, question.go and cache.go remember, errors.go says what
// went wrong.
package pyfind

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Options says where Find looks. The zero value looks around the current directory and on PATH.
type Options struct {
	// Python is the user's choice: a path, a name on PATH such as "python3.12", or a venv folder.
	// When it is set nothing else is tried. Default: none.
	Python string

	// Dir is the folder relative paths and .venv are looked up in. Default: the current directory.
	Dir string

	// Executable is the path of the running binary; a python beside it wins over the environment,
	// so a puff that was installed into a venv uses that venv. Default: not tried.
	Executable string

	// Env reads one environment variable. Default: os.Getenv.
	Env func(string) string

	// CacheDir is the folder answers are kept in. Default: puff/python in os.UserCacheDir.
	CacheDir string

	// Logger gets one debug line per answer. Default: silent.
	Logger *slog.Logger
}

// Python is one CPython that can be loaded: all that is known about it without loading it.
type Python struct {
	// Executable is the absolute path of the interpreter as it was found. Links are kept,
	// because python finds its venv beside the link and not beside what the link leads to.
	Executable string `json:"executable"`

	// Library is the absolute path of the shared libpython to load.
	Library string `json:"library"`

	// Version is what python calls its version, such as "3.12.1" or "3.15.0rc1".
	Version string `json:"version"`

	// VersionInfo is major, minor and micro.
	VersionInfo [3]int `json:"version_info"`

	// Implementation is always "cpython"; Find refuses the others.
	Implementation string `json:"implementation"`

	// Prefix is sys.prefix: the venv, when there is one.
	Prefix string `json:"prefix"`

	// BasePrefix is sys.base_prefix: the installation the venv was made from.
	BasePrefix string `json:"base_prefix"`

	// FreeThreaded tells a build that can run without the GIL.
	FreeThreaded bool `json:"free_threaded"`

	// GIL tells whether the GIL was on when the interpreter was asked. It differs from
	// !FreeThreaded under PYTHON_GIL=1.
	GIL bool `json:"gil"`

	// Greenlet is the version of greenlet that would be imported, "" when there is none.
	Greenlet string `json:"greenlet"`

	// Uvloop is the version of uvloop that would be imported, "" when there is none.
	Uvloop string `json:"uvloop"`

	// SitePackages are the folders on sys.path that installed packages live in, in order.
	SitePackages []string `json:"site_packages"`
}

// InVenv reports whether p is the python of a virtual environment.
func (p *Python) InVenv() bool { return p.Prefix != p.BasePrefix }

// Find returns the Python that o leads to. The first place that holds an interpreter decides; if
// that one cannot be used, Find fails rather than quietly take another. It takes a millisecond
// when the answer is known and 20 s at most.
func Find(o Options) (*Python, error) {
	f, err := newFinder(o)
	if err != nil {
		return nil, err
	}
	return f.find()
}

// A finder is Options with every default filled in, plus what only tests change.
type finder struct {
	Options

	timeout time.Duration
	probes  int // interpreters that were run, which a cached answer avoids
}

func newFinder(o Options) (*finder, error) {
	f := &finder{Options: o, timeout: 20 * time.Second}
	if f.Env == nil {
		f.Env = os.Getenv
	}
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(f.Dir)
	if err != nil {
		return nil, fmt.Errorf("find python: resolve folder %q: %w", f.Dir, err)
	}
	f.Dir = dir
	if f.CacheDir == "" {
		// Without a home there is no cache folder; every start then asks anew.
		if dir, err := os.UserCacheDir(); err == nil {
			f.CacheDir = filepath.Join(dir, "puff", "python")
		}
	}
	return f, nil
}

func (f *finder) find() (*Python, error) {
	c, err := f.locate()
	if err != nil {
		return nil, err
	}
	q := f.question(c.path)
	if p := f.load(q); p != nil {
		f.Logger.Debug("python found", "executable", p.Executable, "version", p.Version, "from", c.from, "cached", true)
		return p, nil
	}
	// What decides whether the answer stays true is noted before the question is asked:
	// a change in between must not be taken for known.
	before := q.stamps()
	a, err := f.probe(c.path)
	if err != nil {
		return nil, err
	}
	p, err := a.python(c.path)
	if err != nil {
		return nil, err
	}
	f.store(q, p, append(before, a.watch()...))
	f.Logger.Debug("python found", "executable", p.Executable, "version", p.Version, "from", c.from, "cached", false)
	return p, nil
}
