package puff_test

// The examples as they stand, and the wheel, each through the real binary.

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff/internal/testkit"
)

// built is bin/puff of this tree, made once for all tests; TestMain removes it.
var built struct {
	once   sync.Once
	folder string
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// binary returns the path of a puff built from this tree.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "puff-test-"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", built.folder, "./cmd/puff").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("build puff: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.folder, "puff")
}

// interpreter returns a Python that can import what the examples do.
func interpreter(t *testing.T) string {
	t.Helper()
	found, err := testkit.Find()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), found.Executable, "-c", "import fastapi, flask, greenlet").CombinedOutput()
	if err != nil {
		t.Fatalf("%s can not run the examples: type make pythons\n%s", found.Executable, out)
	}
	return found.Executable
}

// run runs a program to its end and returns its standard output.
func run(t *testing.T, folder, program string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = folder
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

// serve starts "puff serve ARGS" on a free port and returns its URL. When the test is
// over the server must end well on SIGTERM.
func serve(t *testing.T, folder, puff string, args ...string) (url string) {
	t.Helper()
	command := exec.Command(puff, append([]string{"serve", "--port", "0"}, args...)...)
	command.Dir = folder
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	errs, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(errs)
	var before strings.Builder
	for url == "" {
		line, err := said.ReadString('\n')
		before.WriteString(line)
		if m := regexp.MustCompile(`http://\S+`).FindString(line); m != "" {
			url = m
		}
		if err != nil {
			_ = command.Wait()
			t.Fatalf("puff serve %s ended:\n%s", strings.Join(args, " "), before.String())
		}
	}
	rest := make(chan string, 1)
	go func() {
		data, _ := io.ReadAll(said)
		rest <- string(data)
	}()
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		log := <-rest
		if err := command.Wait(); err != nil {
			t.Errorf("puff serve %s: %v\n%s", strings.Join(args, " "), err, log)
		}
	})
	return url
}

// request is one question to an example, and what has to come back.
type request struct {
	name, method, target, body string
	status                     int
	want                       string
}

func ask(t *testing.T, url string, r request) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), r.method, url+r.target, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != r.status || !strings.Contains(string(body), r.want) {
		t.Errorf("%s %s %s: got %d %q, want %d with %q", r.method, r.target, r.body, a.StatusCode, body, r.status, r.want)
	}
}

func TestTheFlaskExampleIsServedAsItStands(t *testing.T) {
	url := serve(t, "examples/flask", binary(t), "app:app", "--python", interpreter(t))
	for _, r := range []request{
		{"page", "GET", "/", "", 200, "<h1>Flask under Puff</h1>"},
		{"query", "GET", "/hello?name=A%26B", "", 200, "Hello, A&amp;B!"},
		{"post", "POST", "/echo", `{"a": [1, "é"]}`, 200, `{"as":"application/json","you_sent":{"a":[1,"\u00e9"]}}`},
		{"stream", "GET", "/count?to=3", "", 200, "1\n2\n3\n"},
		{"missing", "GET", "/nothing", "", 404, "Not Found"},
		{"refused", "POST", "/echo", `{"a"`, 400, "Bad Request"},
	} {
		t.Run(r.name, func(t *testing.T) { ask(t, url, r) })
	}
}

func TestTheFastAPIExampleIsServedAsItStands(t *testing.T) {
	url := serve(t, "examples/fastapi", binary(t), "app:app", "--python", interpreter(t))
	for _, r := range []request{
		{"page", "GET", "/", "", 200, "<h1>FastAPI under Puff</h1>"},
		{"lifespan", "GET", "/", "", 200, "Up since 2"},
		{"query", "GET", "/hello?name=Ada", "", 200, `{"message":"Hello, Ada!"}`},
		{"post", "POST", "/total", `{"name": "tea", "price": 2.5, "amount": 4}`, 200, `{"name":"tea","total":10.0}`},
		{"stream", "GET", "/count?to=3", "", 200, "1\n2\n3\n"},
		{"missing", "GET", "/nothing", "", 404, "Not Found"},
		{"refused", "POST", "/total", `{"name": "tea"}`, 422, "Field required"},
		{"interface", "GET", "/openapi.json", "", 200, `"FastAPI under Puff"`},
	} {
		t.Run(r.name, func(t *testing.T) { ask(t, url, r) })
	}
}

func TestTheCommandsExampleRunsAsItStands(t *testing.T) {
	puff, python := binary(t), interpreter(t)
	got := run(t, "examples/commands", puff, "--python", python, "greet", "Ada", "Grace")
	if want := "Hello, Ada!\nHello, Grace!\n"; got != want {
		t.Errorf("puff greet: got %q, want %q", got, want)
	}
	got = run(t, "examples/commands", puff, "--python", python, "clock")
	if strings.Count(got, "tick\n") != 3 || strings.Count(got, "tock\n") != 3 || len(got) != 30 {
		t.Errorf("puff clock: got %q, want three of tick and tock each", got)
	}
}

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
