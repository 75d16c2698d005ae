package puff_test

// The wheel: what is in it, and what pip makes of it.

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheWheelGivesAVenvThePackageAndTheCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary again and installs with pip")
	}
	python := interpreter(t)
	folder := t.TempDir()
	wheel := strings.TrimSpace(run(t, ".", python, "scripts/wheel", folder))
	checkWheel(t, wheel)

	venv := filepath.Join(folder, "venv")
	run(t, folder, python, "-m", "venv", venv)
	run(t, folder, filepath.Join(venv, "bin", "pip"), "install", "-q", wheel, "flask")
	if got := run(t, folder, filepath.Join(venv, "bin", "puff"), "version"); !strings.HasPrefix(got, "puff ") {
		t.Errorf("puff version: got %q", got)
	}
	got := run(t, folder, filepath.Join(venv, "bin", "python"), "-c", "import puff; print(puff.__file__)")
	if !strings.HasPrefix(got, venv) {
		t.Errorf("import puff: got %q, want it from %s", got, venv)
	}
	example, err := filepath.Abs("examples/flask")
	if err != nil {
		t.Fatal(err)
	}
	// Nothing says which Python: the one beside the command it is.
	url := serve(t, folder, filepath.Join(venv, "bin", "puff"), "app:app", "--app-dir", example)
	ask(t, url, request{"", "GET", "/hello?name=wheel", "", 200, "Hello, wheel!"})
	got = run(t, folder, filepath.Join(venv, "bin", "puff"), "python", "-c", "import sys; print(sys.prefix)")
	if strings.TrimSpace(got) != venv {
		t.Errorf("puff python: got the prefix %q, want %s", got, venv)
	}
}

func TestTheSameFilesMakeTheSameWheel(t *testing.T) {
	const program = `
import hashlib, pathlib, sys, backend
for name in "one", "two":
    folder = pathlib.Path(sys.argv[1], name)
    wheel = folder / backend.write_wheel(folder, b"the binary")
    print(hashlib.sha256(wheel.read_bytes()).hexdigest())
`
	got := strings.Fields(run(t, "python", interpreter(t), "-c", program, t.TempDir()))
	if len(got) != 2 || got[0] != got[1] {
		t.Errorf("two wheels have the hashes %q", got)
	}
}

// checkWheel compares RECORD with what is there.
func checkWheel(t *testing.T, name string) {
	t.Helper()
	if !regexp.MustCompile(`/puff_py-[0-9.]+-py3-none-[a-z0-9_]+\.whl$`).MatchString(name) {
		t.Errorf("the wheel is called %s", name)
	}
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	got, want := map[string]string{}, map[string]string{}
	for _, f := range archive.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		got[f.Name] = "sha256=" + base64.RawURLEncoding.EncodeToString(sum[:])
		if strings.HasSuffix(f.Name, ".data/scripts/puff") != (f.Mode().Perm() == 0o755) {
			t.Errorf("%s has the mode %v", f.Name, f.Mode())
		}
		if !strings.HasSuffix(f.Name, "/RECORD") {
			continue
		}
		got[f.Name] = ""
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			want[row[0]] = row[1]
		}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("the wheel (-) and its RECORD (+) differ:\n%s", diff)
	}
}
