package sockets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/puffstack/puff/internal/sockets"
)

// children are what a child process of a test does, by name.
var children = map[string]func() error{
	"inherit":  acceptInherited,
	"activate": acceptActivated,
}

// acceptInherited says "hello" to one client of each socket, which the variable HANDOVERS
// describes.
func acceptInherited() error {
	var handovers []sockets.Handover
	if err := json.Unmarshal([]byte(os.Getenv("HANDOVERS")), &handovers); err != nil {
		return err
	}
	var all []*sockets.Socket
	for i, h := range handovers {
		s, err := sockets.Inherit(3+i, h)
		if err != nil {
			return err
		}
		s.Adopt(h)
		all = append(all, s)
	}
	if err := greet(all); err != nil {
		return err
	}
	return sockets.CloseAll(all)
}

// acceptActivated does the same with what systemd passes.
func acceptActivated() error {
	pid := os.Getpid()
	if os.Getenv("NOT_MINE") != "" {
		pid++
	}
	os.Setenv("LISTEN_PID", strconv.Itoa(pid))
	all, err := sockets.Activated()
	if err != nil {
		return err
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if v, ok := os.LookupEnv(name); ok {
			return fmt.Errorf("%s=%s is left", name, v)
		}
	}
	for _, s := range all {
		fmt.Printf("%s %s shared=%t\n", s.Name(), s.Addr().Network(), s.Shared())
	}
	if err := greet(all); err != nil {
		return err
	}
	return sockets.CloseAll(all)
}

func greet(all []*sockets.Socket) error {
	for _, s := range all {
		l, err := s.Listener()
		if err != nil {
			return err
		}
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			return err
		}
		_, err = c.Write([]byte("hello"))
		if err := errors.Join(err, c.Close()); err != nil {
			return err
		}
	}
	return nil
}

// child starts this program again with the sockets as its descriptors from 3 on.
func child(t *testing.T, name string, all []*sockets.Socket, env ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "SOCKETS_TEST_CHILD="+name)...)
	for _, s := range all {
		cmd.ExtraFiles = append(cmd.ExtraFiles, s.File())
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func wantHello(t *testing.T, a net.Addr) {
	t.Helper()
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 16)
	if n, err := c.Read(b); string(b[:n]) != "hello" {
		t.Errorf("%s: got %q, %v, want hello", a, b[:n], err)
	}
}

func TestAChildAcceptsFromWhatItInherits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	all := []*sockets.Socket{
		open(t, "127.0.0.1:0", sockets.Config{}), open(t, "[::1]:0", sockets.Config{}), open(t, "unix:"+path, sockets.Config{}),
	}
	handovers, err := json.Marshal(make([]sockets.Handover, len(all)))
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := child(t, "inherit", all, "HANDOVERS="+string(handovers))
	for _, s := range all {
		wantHello(t, s.Addr())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the child has removed the path of the parent: %v", err)
	}
}

func TestAnHeirRemovesThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	all := []*sockets.Socket{open(t, "unix:"+path, sockets.Config{})}
	handovers, err := json.Marshal([]sockets.Handover{all[0].Handover()})
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := child(t, "inherit", all, "HANDOVERS="+string(handovers))
	all[0].Release()
	wantHello(t, all[0].Addr())
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the path is left: %v", err)
	}
}

func TestSocketsOfSystemdAreTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	all := []*sockets.Socket{open(t, "127.0.0.1:0", sockets.Config{}), open(t, "unix:"+path, sockets.Config{})}
	cmd, out := child(t, "activate", all, "LISTEN_FDS=2", "LISTEN_FDNAMES=web:local")
	for _, s := range all {
		wantHello(t, s.Addr())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if want := "web tcp shared=true\nlocal unix shared=true\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the child has removed the path of systemd: %v", err)
	}
}

func TestVariablesOfSystemdAreForTheProcessTheyName(t *testing.T) {
	cmd, out := child(t, "activate", nil, "LISTEN_FDS=2", "NOT_MINE=yes")
	if err := cmd.Wait(); err != nil || out.Len() > 0 {
		t.Errorf("got %q, %v, want no socket", out, err)
	}
}

func TestWhatSystemdPassesIsChecked(t *testing.T) {
	for _, c := range []struct{ fds, want string }{
		{"many", `read LISTEN_FDS: want a number from 0 to 1024, got "many"`},
		{"-1", `got "-1"`},
		{"1", "take socket 1 of LISTEN_FDS: inherit the socket with descriptor 3: it is no"},
	} {
		cmd := exec.Command(os.Args[0])
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		cmd.ExtraFiles = []*os.File{null}
		cmd.Env = append(os.Environ(), "LISTEN_FDS="+c.fds, "SOCKETS_TEST_CHILD=activate")
		out, err := cmd.Output()
		null.Close()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("LISTEN_FDS=%s: got %q, %v, want %q", c.fds, out, err, c.want)
		}
	}
}
