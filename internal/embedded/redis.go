package embedded

// Redis: a server that is installed, which keeps what it is told, else one in the
// guardian's memory.

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type redisServer struct {
	process
	program, version string
	socket, data     string
}

func newRedis(dir string, log *os.File) (server, error) {
	program := ""
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		return newMemory(), nil
	}
	at, err := short(dir)
	if err != nil {
		return nil, err
	}
	s := &redisServer{
		program: program, version: versionOf(program, "v="),
		socket: filepath.Join(at, "redis.sock"), data: filepath.Join(dir, "data"),
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, err
	}
	s.ask = syscall.SIGTERM
	s.command = func() *exec.Cmd {
		cmd := exec.Command(program, "--port", "0", "--unixsocket", s.socket, "--unixsocketperm", "700",
			"--dir", s.data, "--appendonly", "yes", "--save", "", "--daemonize", "no")
		cmd.Stdout, cmd.Stderr = log, log
		return cmd
	}
	return s, nil
}

func (s *redisServer) start() (*State, error) {
	_ = os.Remove(s.socket) // of one that was killed
	pid, err := s.launch()
	return &State{
		Program: filepath.Base(s.program) + " " + s.version, PID: pid, Address: s.socket, Data: s.data,
		URL: (&url.URL{Scheme: "unix", Path: s.socket}).String(),
	}, err
}

func (s *redisServer) ready() error {
	conn, err := net.DialTimeout("unix", s.socket, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") {
		err = fmt.Errorf("it says %q", strings.TrimSpace(line)) // it loads its data
	}
	return err
}

// versionOf returns the word behind mark of what a program says of its version.
func versionOf(program, mark string) string {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(string(out), mark)
	if fields := strings.Fields(rest); ok && len(fields) > 0 {
		return fields[0]
	}
	return ""
}
