package puff_test

// The examples as they stand, through the real binary.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

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

func TestMakeDemoServesThreeExamplesUntilItIsInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("makes .venv with pip")
	}
	port := testkit.FreePorts(t, 3)
	command := exec.Command("make", "demo", fmt.Sprintf("PORT=%d", port))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a terminal would
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	var log strings.Builder
	for !strings.Contains(log.String(), "Ctrl-C ends them.") {
		line, err := said.ReadString('\n')
		log.WriteString(line)
		if err != nil {
			_ = command.Wait()
			t.Fatalf("make demo ended:\n%s", log.String())
		}
	}
	for i, page := range []string{"Flask under Puff", "FastAPI under Puff", "<title>Chat</title>"} {
		url := fmt.Sprintf("http://127.0.0.1:%d", port+i)
		if !strings.Contains(log.String(), url+"/\n") {
			t.Errorf("make demo does not print %s/:\n%s", url, log.String())
		}
		ask(t, url, request{"", "GET", "/", "", 200, page})
	}
	if err := syscall.Kill(-command.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when the last process that could write to it has.
	rest, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // make's status says that it was interrupted
	if strings.Contains(string(rest), "Traceback") {
		t.Errorf("make demo did not end well:\n%s", rest)
	}
	for i := range 3 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port+i)); err == nil {
			c.Close()
			t.Errorf("port %d is still served", port+i)
		}
	}
}

func TestThePuffOfOnesOwnInTheDocumentsAnswersPython(t *testing.T) {
	data, err := os.ReadFile("docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	program := parseDocument(t, "docs/embedding.md", string(data)).fences[0].body
	folder := t.TempDir()
	main, overlay := filepath.Join(folder, "main.go"), filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(main, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	// To Go it is a package of this module, as it would be with a go.mod of its own.
	place, err := filepath.Abs("cmd/own/main.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := json.Marshal(map[string]any{"Replace": map[string]string{place: main}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, files, 0o600); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(folder, "own")
	run(t, ".", "go", "build", "-overlay", overlay, "-o", own, "./cmd/own")
	got := run(t, folder, own, "--python", interpreter(t), "python", "-c", `import puff; print(puff.call("shout", "hello"))`)
	if want := "HELLO\n"; got != want {
		t.Errorf("puff.call: got %q, want %q", got, want)
	}
}
