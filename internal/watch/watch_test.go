package watch

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// start watches a folder; told gets each change, with names from that folder.
func start(t *testing.T, c Config) (told <-chan []string) {
	t.Helper()
	top := c.Folders[0]
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	out, ended := make(chan []string, 100), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- w.Run(ctx, func(files []string) {
			for i, f := range files {
				files[i], _ = filepath.Rel(top, f)
			}
			out <- files
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
	})
	return out
}

func write(t *testing.T, parts ...string) {
	t.Helper()
	name := filepath.Join(parts...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
		t.Fatal(err)
	}
}

// next returns what is told next.
func next(t *testing.T, told <-chan []string) []string {
	t.Helper()
	select {
	case files := <-told:
		return files
	case <-time.After(20 * time.Second):
		t.Fatal("no change is told")
		return nil
	}
}

// until takes what is told until a file is.
func until(t *testing.T, told <-chan []string, file string) {
	t.Helper()
	for !slices.Contains(next(t, told), file) {
	}
}

func TestAChangeIsToldOnceForAllItsFiles(t *testing.T) {
	top := t.TempDir()
	write(t, top, "deep/er/b.py")
	told := start(t, Config{Folders: []string{top}})
	write(t, top, "a.py")
	write(t, top, "a.py")
	write(t, top, "deep/er/b.py")
	got := next(t, told)
	for len(got) < 2 { // the machine may have been slow between two of them
		got = slices.Compact(append(got, next(t, told)...))
	}
	if want := []string{"a.py", "deep/er/b.py"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFilesOfNewFoldersAreTold(t *testing.T) {
	top := t.TempDir()
	told := start(t, Config{Folders: []string{top}})
	write(t, top, "new/deep/a.py")
	until(t, told, "new/deep/a.py")
	write(t, top, "new/deep/b.py")
	until(t, told, "new/deep/b.py")
	if err := os.RemoveAll(filepath.Join(top, "new")); err != nil {
		t.Fatal(err)
	}
	until(t, told, "new")
	write(t, top, "new/deep/c.py")
	until(t, told, "new/deep/c.py")
}

func TestAFolderThatIsMovedInIsWatched(t *testing.T) {
	top, aside := t.TempDir(), t.TempDir()
	write(t, aside, "package/inner/a.py")
	told := start(t, Config{Folders: []string{top}})
	if err := os.Rename(filepath.Join(aside, "package"), filepath.Join(top, "package")); err != nil {
		t.Fatal(err)
	}
	until(t, told, "package/inner/a.py")
	if err := os.Rename(filepath.Join(top, "package"), filepath.Join(top, "other")); err != nil {
		t.Fatal(err)
	}
	until(t, told, "other/inner/a.py")
	write(t, top, "other/inner/b.py")
	until(t, told, "other/inner/b.py")
}

func TestFilesThatReplaceOthersAreTold(t *testing.T) {
	top := t.TempDir()
	write(t, top, "app.py")
	told := start(t, Config{Folders: []string{top}})
	write(t, top, "app.py.tmp12")
	if err := os.Rename(filepath.Join(top, "app.py.tmp12"), filepath.Join(top, "app.py")); err != nil {
		t.Fatal(err)
	}
	if got, want := next(t, told), []string{"app.py"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsNoSourceIsPassedOver(t *testing.T) {
	top := t.TempDir()
	write(t, top, "env/pyvenv.cfg")
	told := start(t, Config{Folders: []string{top}})
	for _, name := range []string{
		".git/hooks/a.py", "__pycache__/a.cpython-313.pyc", ".venv/a.py", "node_modules/x/a.py", "env/lib/a.py",
		".puff/state.json", "a.pyc", "a.py~", ".#a.py", ".a.py.swp", "4913", "#a.py#", "db.sqlite3", "app.log", ".env.swp",
	} {
		write(t, top, name)
	}
	write(t, top, "z.py")
	if got, want := next(t, told), []string{"z.py"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheNumberOfFoldersIsBounded(t *testing.T) {
	top := t.TempDir()
	for _, name := range []string{"a/deep/x.py", "b/x.py", "c/x.py"} {
		write(t, top, name)
	}
	var log bytes.Buffer
	w, err := New(Config{Folders: []string{top}, MaxFolders: 3, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := map[string]bool{top: true, filepath.Join(top, "a"): true, filepath.Join(top, "b"): true}
	for folder := range want {
		if !w.folders[folder] {
			t.Errorf("%s is not watched", folder)
		}
	}
	if len(w.folders) != 3 {
		t.Errorf("%d folders are watched, want 3", len(w.folders))
	}
	if n := strings.Count(log.String(), "not every folder is watched"); n != 1 {
		t.Errorf("it was said %d times, want once:\n%s", n, &log)
	}
}

func TestAFolderThatIsMissingIsAnError(t *testing.T) {
	_, err := New(Config{Folders: []string{filepath.Join(t.TempDir(), "none")}})
	if err == nil || !strings.HasPrefix(err.Error(), "watch ") {
		t.Errorf("got %v", err)
	}
}
