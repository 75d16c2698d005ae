package launch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/puffstack/puff/internal/pyfind"
)

var faces = fstest.MapFS{
	"puff/__init__.py": {Data: []byte("one")},
	"puff/deep/x.py":   {Data: []byte("two")},
}

// given is a Python that is only talked about, and a binary to give its name to.
func given(t *testing.T) (*pyfind.Python, string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "puff")
	if err := os.WriteFile(binary, []byte("binary"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &pyfind.Python{
		Executable:  "/opt/venv/bin/python3",
		Library:     "/opt/lib/libpython3.13.so.1.0",
		VersionInfo: [3]int{3, 13, 0},
	}, binary
}

func prepare(t *testing.T, found *pyfind.Python, binary, cache string) *Boot {
	t.Helper()
	b, err := Prepare(found, faces, binary, cache)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheBootFileSaysWhatToLoad(t *testing.T) {
	found, binary := given(t)
	b := prepare(t, found, binary, t.TempDir())
	want := "library " + found.Library + "\nexecutable " + found.Executable + "\nfaces " + b.Faces +
		"\nname " + b.Name + "\nbinary " + binary + "\n"
	if got := read(t, b.File); got != want {
		t.Errorf("boot file: got %q, want %q", got, want)
	}
	if got, want := filepath.Dir(b.File), filepath.Dir(b.Name); got != want {
		t.Errorf("folder of the boot file: got %s, want the name's, %s", got, want)
	}
}

func TestTheNameIsTheInterpretersWhereItBeginsWithPython(t *testing.T) {
	for _, test := range []struct{ executable, want string }{
		{"/opt/bin/python", "python"},
		{"/opt/bin/python3.13", "python3.13"},
		{"/opt/bin/mine", "python3.13"},
	} {
		found, binary := given(t)
		found.Executable = test.executable
		if got := filepath.Base(prepare(t, found, binary, t.TempDir()).Name); got != test.want {
			t.Errorf("name for %s: got %s, want %s", test.executable, got, test.want)
		}
	}
}

func TestTheNameIsTheBinaryItself(t *testing.T) {
	found, binary := given(t)
	b := prepare(t, found, binary, t.TempDir())
	one, err := os.Lstat(b.Name)
	if err != nil {
		t.Fatal(err)
	}
	if !one.Mode().IsRegular() {
		t.Errorf("mode of the name: got %s, want a regular file: realpath must not lead elsewhere", one.Mode())
	}
	if got := read(t, b.Name); got != "binary" {
		t.Errorf("content of the name: got %q, want the binary's", got)
	}
}

func TestABinaryBuiltAnewGetsTheName(t *testing.T) {
	found, binary := given(t)
	cache := t.TempDir()
	before := prepare(t, found, binary, cache)
	fresh := binary + ".new"
	if err := os.WriteFile(fresh, []byte("built anew"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, binary); err != nil {
		t.Fatal(err)
	}
	after := prepare(t, found, binary, cache)
	if after.Name != before.Name {
		t.Errorf("name: got %s, want %s as before", after.Name, before.Name)
	}
	if got := read(t, after.Name); got != "built anew" {
		t.Errorf("content of the name: got %q, want the new binary's", got)
	}
}

func TestALinkToTheBinaryIsFollowed(t *testing.T) {
	found, binary := given(t)
	link := filepath.Join(t.TempDir(), "puff")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	b := prepare(t, found, link, t.TempDir())
	if got := read(t, b.Name); got != "binary" {
		t.Errorf("content of the name: got %q, want the binary's", got)
	}
	// Nothing is made a second time.
	before, err := os.Stat(b.Name)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(prepare(t, found, link, filepath.Dir(filepath.Dir(filepath.Dir(b.Name)))).Name); err != nil || !os.SameFile(before, after) {
		t.Errorf("the second time: got another file (%v), want the same", err)
	}
}

func TestACopyIsAsGoodUntilTheBinaryChanges(t *testing.T) {
	_, binary := given(t)
	name := filepath.Join(t.TempDir(), "python3")
	want, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := copyBinary(name, binary, want); err != nil {
		t.Fatal(err)
	}
	have, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if !sameBinary(have, want) {
		t.Errorf("copy of %s: got another binary, want the same", binary)
	}
	if have.Mode().Perm()&0o100 == 0 {
		t.Errorf("mode of the copy: got %s, want one that runs", have.Mode())
	}
	later := want.ModTime().Add(time.Second)
	if err := os.Chtimes(binary, later, later); err != nil {
		t.Fatal(err)
	}
	changed, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if sameBinary(have, changed) {
		t.Error("copy of a binary that changed: got the same, want another")
	}
}

func TestTheFacesAreUnpackedOnce(t *testing.T) {
	found, binary := given(t)
	cache := t.TempDir()
	b := prepare(t, found, binary, cache)
	for path, file := range faces {
		if got := read(t, filepath.Join(b.Faces, path)); got != string(file.Data) {
			t.Errorf("%s: got %q, want %q", path, got, file.Data)
		}
	}
	mark := filepath.Join(b.Faces, "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found.Executable = "/another/bin/python3"
	if again := prepare(t, found, binary, cache); again.Faces != b.Faces || again.Name == b.Name {
		t.Errorf("for another Python: got faces %s and name %s, want the same faces and another name than %s", again.Faces, again.Name, b.Name)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("faces after the second time: %v, want them left alone", err)
	}
}

func TestFoldersOfBinariesThatAreGoneAreRemoved(t *testing.T) {
	found, binary := given(t)
	cache := t.TempDir()
	gone := prepare(t, found, binary, cache)
	_, kept := given(t)
	stays := prepare(t, found, kept, cache)
	if err := os.Remove(binary); err != nil {
		t.Fatal(err)
	}
	found.Executable = "/another/bin/python3"
	prepare(t, found, kept, cache)
	if _, err := os.Stat(gone.File); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder of %s, which is gone: got %v, want it removed", binary, err)
	}
	if _, err := os.Stat(stays.File); err != nil {
		t.Errorf("folder of %s, which is there: %v", kept, err)
	}
}

func TestAPathWithALineBreakIsRefused(t *testing.T) {
	found, binary := given(t)
	found.Library = "/opt/lib\nexecutable /etc/passwd"
	_, err := Prepare(found, faces, binary, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "line break") {
		t.Errorf("library %q: got %v, want an error about the line break", found.Library, err)
	}
}

func TestTheUsersCacheIsTheDefault(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	found, binary := given(t)
	b := prepare(t, found, binary, "")
	if !strings.HasPrefix(b.Name, filepath.Join(home, "puff")+"/") {
		t.Errorf("name: got %s, want it below %s", b.Name, home)
	}
	info, err := os.Stat(filepath.Join(home, "puff"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the cache: got %s, want it closed to others", info.Mode())
	}
}

func TestWithoutACacheTheTemporaryFolderServes(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", "/dev/null")
	t.Setenv("TMPDIR", temp)
	found, binary := given(t)
	b := prepare(t, found, binary, "")
	if !strings.HasPrefix(b.Name, temp+"/puff-") {
		t.Errorf("name: got %s, want it below %s", b.Name, temp)
	}
	open := filepath.Dir(filepath.Dir(filepath.Dir(b.Name)))
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := Prepare(found, faces, binary, "")
	if err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("cache that others can write to: got %v, want an error that names XDG_CACHE_HOME", err)
	}
}

func TestAnExecThatFailsSaysWhat(t *testing.T) {
	found, binary := given(t) // which is no program
	b := prepare(t, found, binary, t.TempDir())
	for _, program := range []bool{false, true} {
		err := b.Exec(program, []string{"puff"})
		if err == nil || !strings.HasPrefix(err.Error(), "start Python: run ") {
			t.Errorf("Exec(%t): got %v, want an error that says what was run", program, err)
		}
	}
}
