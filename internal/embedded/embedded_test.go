package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/puffstack/puff/internal/embedded"
	"github.com/puffstack/puff/internal/testkit"
)

// userVariable has this binary be somebody who uses a server until stdin ends.
const userVariable = "PUFF_TEST_EMBEDDED_USER"

func TestMain(m *testing.M) {
	switch {
	case embedded.Guarding():
		os.Exit(embedded.Guard())
	case os.Getenv(userVariable) != "":
		kind, dir, _ := strings.Cut(os.Getenv(userVariable), ":")
		s, err := embedded.New(dir, os.Args[0], func(string) {}).Start(context.Background(), kind)
		fmt.Println(s.PID, err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// project returns a project in dir that ends with the test, and what it says.
func project(t *testing.T, dir string) (*embedded.Project, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var lines []string
	p := embedded.New(dir, os.Args[0], func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	})
	t.Cleanup(p.Close)
	return p, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return lines
	}
}

// folder returns a folder that is removed when no server uses it any more.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "puff-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p := embedded.New(dir, os.Args[0], nil)
		testkit.Wait(t, "all servers have ended", func() bool { return len(p.Running()) == 0 })
		testkit.Wait(t, "nothing is left in the folder", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

func start(t *testing.T, p *embedded.Project, kind string) *embedded.State {
	t.Helper()
	s, err := p.Start(testkit.Context(t), kind)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(data), ") Z ")
}

// redis says one line to the server and returns what that says.
func redis(t *testing.T, s *embedded.State, line string) string {
	t.Helper()
	conn, err := net.Dial("unix", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\n", line)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}

func TestServersAreSharedAndEndWithTheirLastUser(t *testing.T) {
	for _, kind := range []string{embedded.Redis, embedded.Postgres} {
		t.Run(kind, func(t *testing.T) {
			dir := folder(t)
			first, said := project(t, dir)
			second, saidSecond := project(t, dir)
			s := start(t, first, kind)
			if got := start(t, second, kind); got.PID != s.PID || got.URL != s.URL {
				t.Errorf("the second user got process %d, %s; the first %d, %s", got.PID, got.URL, s.PID, s.URL)
			}
			if got := said(); len(got) != 1 || !strings.Contains(got[0], s.Program) || !strings.Contains(got[0], s.Address) {
				t.Errorf("who started it said %q", got)
			}
			if got := saidSecond(); len(got) != 0 {
				t.Errorf("who joined said %q", got)
			}
			if got := first.Running(); len(got) != 1 || got[0].Kind != kind || got[0].Since.IsZero() {
				t.Errorf("Running: got %+v", got)
			}
			first.Close()
			if !alive(s.PID) {
				t.Error("it ended while somebody used it")
			}
			second.Close()
			testkit.Wait(t, "it ends", func() bool { return !alive(s.PID) && !alive(s.Guardian) })
		})
	}
}

func TestDataOutlivesTheServer(t *testing.T) {
	dir := folder(t)
	p, _ := project(t, dir)
	s := start(t, p, embedded.Redis)
	redis(t, s, "SET k kept")
	p.Close()
	if s = start(t, p, embedded.Redis); redis(t, s, "STRLEN k") != ":4" {
		t.Error("the value is gone")
	}
}

func TestManyWhoStartAtOnceGetOneServer(t *testing.T) {
	dir := folder(t)
	var starts sync.WaitGroup
	pids := make([]int, 8)
	for i := range pids {
		p, _ := project(t, dir)
		starts.Go(func() {
			if s, err := p.Start(testkit.Context(t), embedded.Redis); err != nil {
				t.Error(err)
			} else {
				pids[i] = s.PID
			}
		})
	}
	starts.Wait()
	for _, pid := range pids {
		if pid != pids[0] {
			t.Fatalf("got the processes %v", pids)
		}
	}
}

func TestTheServerOfAUserThatWasKilledEnds(t *testing.T) {
	for _, kind := range []string{embedded.Redis, embedded.Postgres} {
		t.Run(kind, func(t *testing.T) {
			dir := folder(t)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), userVariable+"="+kind+":"+dir)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var pid int
			var failure string
			if _, err := fmt.Fscan(out, &pid, &failure); err != nil || failure != "<nil>" {
				t.Fatal(err, failure)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			testkit.Wait(t, "its server ends", func() bool { return !alive(pid) })
		})
	}
}

func TestAServerThatWasKilledIsStartedAgain(t *testing.T) {
	for _, kind := range []string{embedded.Redis, embedded.Postgres} {
		t.Run(kind, func(t *testing.T) {
			p, _ := project(t, folder(t))
			s := start(t, p, kind)
			if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			testkit.Wait(t, "it is killed", func() bool { return !alive(s.PID) })
			if again := start(t, p, kind); again.PID == s.PID || again.URL != s.URL || again.Guardian != s.Guardian {
				t.Errorf("got %+v, then %+v", s, again)
			}
		})
	}
}

func TestTheNextStartHealsWhatAKilledGuardianLeft(t *testing.T) {
	for _, kind := range []string{embedded.Redis, embedded.Postgres} {
		t.Run(kind, func(t *testing.T) {
			p, _ := project(t, folder(t))
			s := start(t, p, kind)
			if err := syscall.Kill(s.Guardian, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			testkit.Wait(t, "its server ends", func() bool { return !alive(s.PID) })
			if again := start(t, p, kind); again.Guardian == s.Guardian || again.URL != s.URL {
				t.Errorf("got %+v, then %+v", s, again)
			}
		})
	}
}

func TestStaleFilesOfACrashedMachineAreNoObstacle(t *testing.T) {
	dir := folder(t)
	p, _ := project(t, dir)
	start(t, p, embedded.Postgres)
	p.Close()
	testkit.Wait(t, "it ends", func() bool { return len(p.Running()) == 0 })
	// Numbers of processes that live, but are none of ours.
	pid := fmt.Sprint(os.Getpid())
	files := map[string]string{
		"data/postmaster.pid":       pid + "\n/somewhere\n1\n5432\n",
		"run/.s.PGSQL.5432.lock":    pid + "\n/somewhere\n",
		"state.json":                `{"pid": ` + pid + `, "guardian": 1, "began": "1"}`,
		"data.new/PG_VERSION":       "half",
		"../redis/state.json":       `not JSON`,
		"../redis/redis.sock":       "",
		"../redis/data/nonsense.db": "",
	}
	for name, text := range files {
		path := filepath.Join(dir, ".puff", "postgres", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, p, embedded.Postgres)
	start(t, p, embedded.Redis)
}

func TestTheFolderMayHaveALongNameAndBeClosedToOthers(t *testing.T) {
	dir := filepath.Join(folder(t), strings.Repeat("a long name/", 12))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p, _ := project(t, dir)
	if s := start(t, p, embedded.Redis); redis(t, s, "PING") != "+PONG" {
		t.Error("Redis does not answer")
	}
	start(t, p, embedded.Postgres)
}

func TestWithoutAnInstalledRedisThereIsOneInMemory(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p, said := project(t, folder(t))
	s := start(t, p, embedded.Redis)
	if s.Data != "" || s.Note == "" || !strings.HasPrefix(s.URL, "redis://:") {
		t.Errorf("got %+v", s)
	}
	if got := said(); len(got) != 1 || !strings.Contains(got[0], "in memory") || strings.Contains(got[0], s.URL) {
		t.Errorf("said %q", got)
	}
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "*1\r\n$4\r\nPING\r\n")
	if line, _ := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "-NOAUTH") {
		t.Errorf("without its password it says %q", line)
	}
}

func TestAnErrorSaysWhyThereIsNoServer(t *testing.T) {
	dir := folder(t)
	data := filepath.Join(dir, ".puff", "postgres", "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _ := project(t, dir)
	_, err := p.Postgres(testkit.Context(t))
	if err == nil || !strings.Contains(err.Error(), "version 7") || !strings.Contains(err.Error(), "install") {
		t.Errorf("got %v", err)
	}
}
