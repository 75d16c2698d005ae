// Package testkit is what tests of the border and the glue share: a Python that runs
// inside the test process, ways to wait for the world, and a look for leaks.
//
//	func TestMain(m *testing.M) {
//		var err error
//		if python, err = testkit.Start(testkit.Program{Path: "testdata", Module: "border"}); err != nil {
//			fmt.Fprintln(os.Stderr, err)
//			os.Exit(1)
//		}
//		os.Exit(m.Run())
//	}
//
// The interpreter is the one that PUFF_TEST_PYTHON names, else the newest below
// .venvs in the project, else what a puff started there would find.
package testkit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/pyfind"
)

// patience is how long tests wait for what must happen: only a failing one needs it.
const patience = 20 * time.Second

// Program says what Python's main thread runs: Function of Module, found in the folder
// Path, with Options as keywords. It calls "testkit.ready" with whatever the tests need
// to know, then "testkit.end", which answers when they are over.
type Program struct {
	Path     string
	Module   string
	Function string // Default: "run".
	Options  map[string]any
}

// Python is the interpreter in this process.
type Python struct {
	*py.Runtime
	Found *pyfind.Python
	Ready []any // what the program passed to "testkit.ready"

	end   chan struct{} // closed: the program may end
	ended chan int      // its status
}

// Root returns the folder of the project.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Interpreters returns the pythons below .venvs in the project, newest first.
func Interpreters() []string {
	found, _ := filepath.Glob(filepath.Join(Root(), ".venvs", "*", "bin", "python"))
	slices.SortFunc(found, func(a, b string) int { return slices.Compare(versionOf(b), versionOf(a)) })
	return found
}

// versionOf reads the version in the name of a venv's folder.
func versionOf(python string) (version []int) {
	for part := range strings.SplitSeq(filepath.Base(filepath.Dir(filepath.Dir(python))), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return []int{-1}
		}
		version = append(version, n)
	}
	return version
}

// Find returns the interpreter that tests use.
func Find() (*pyfind.Python, error) {
	choice := os.Getenv("PUFF_TEST_PYTHON")
	if all := Interpreters(); choice == "" && len(all) > 0 {
		choice = all[0]
	}
	return pyfind.Find(pyfind.Options{Python: choice, Dir: Root()})
}

// Inputs has go test know what the results depend on, so that it does not take old ones
// from its cache: the choice of Python, the faces, and the files below dirs. It sees
// only what is read while tests run, and Start comes before.
func Inputs(t testing.TB, dirs ...string) {
	t.Helper()
	if os.Getenv("PUFF_TEST_PYTHON") == "" {
		Interpreters()
	}
	for _, dir := range append(dirs, filepath.Join(Root(), "python", "puff")) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".py" {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Start has Python run a program in this process and returns when that is ready. Once
// per process, so it belongs into TestMain.
func Start(p Program) (*Python, error) {
	found, err := Find()
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(p.Path)
	if err != nil {
		return nil, fmt.Errorf("start Python: resolve %q: %w", p.Path, err)
	}
	// Python reads it once, when it starts.
	if err := os.Setenv("PYTHONPATH", path); err != nil {
		return nil, fmt.Errorf("start Python: %w", err)
	}
	rt, err := py.Open(nil, nil)
	if err != nil {
		return nil, err
	}
	function := p.Function
	if function == "" {
		function = "run"
	}
	python := &Python{Runtime: rt, Found: found, end: make(chan struct{}), ended: make(chan int, 1)}
	ready, attended := make(chan []any, 1), make(chan struct{})
	rt.Handle("boot.order", func(context.Context, []any) (any, error) {
		return py.Tuple{p.Module, function, p.Options}, nil
	})
	rt.Handle("testkit.ready", func(_ context.Context, args []any) (any, error) {
		ready <- args
		return nil, nil
	})
	rt.Handle("testkit.end", func(ctx context.Context, _ []any) (any, error) {
		close(attended)
		select {
		case <-python.end:
		case <-ctx.Done():
		}
		return nil, nil
	})
	wait, err := py.Start(py.Boot{
		Library:    found.Library,
		Executable: found.Executable,
		Faces:      filepath.Join(Root(), "python"),
	})
	if err != nil {
		return nil, err
	}
	go func() { python.ended <- wait() }()
	select {
	case status := <-python.ended:
		return nil, fmt.Errorf("start Python: the program ended with status %d before it was ready", status)
	case <-attended: // the last goroutine that is there all the time
		python.Ready = <-ready
		return python, nil
	case <-time.After(patience):
		return nil, errors.New("start Python: the program is not ready; its traceback is above")
	}
}

// End lets the program end and returns the status of its main thread.
func (p *Python) End() int {
	close(p.end)
	return <-p.ended
}
