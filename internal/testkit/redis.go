package testkit

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// RedisServer is a real redis-server of one test, on a socket, with nothing on disk.
type RedisServer struct {
	// URL is how to reach it.
	URL string
	// Socket is the path of its socket.
	Socket string
	// Address is host and port of one that listens there.
	Address string

	command []string
	process *exec.Cmd
}

// Redis starts a server that ends with the test. args are more of redis-server's.
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	return startRedis(t, nil, args)
}

// startRedis is Redis with arguments that stand before the others.
func startRedis(t testing.TB, before, args []string) *RedisServer {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		program, err = exec.LookPath("valkey-server")
	}
	if err != nil {
		t.Fatal("redis-server is missing: make setup installs it")
	}
	// The path of a socket is short; that of a test's folder may not be.
	dir, err := os.MkdirTemp("", "puff-redis-")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	s := &RedisServer{
		URL: "unix://" + socket, Socket: socket,
		command: slices.Concat([]string{program}, before,
			[]string{"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", ""}, args),
	}
	t.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	s.Start(t)
	return s
}

// Start starts it, again after Kill, and returns when it answers.
func (s *RedisServer) Start(t testing.TB) {
	t.Helper()
	s.process = exec.Command(s.command[0], s.command[1:]...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	Wait(t, "redis-server answers", func() bool {
		conn, err := net.DialTimeout("unix", s.Socket, time.Second)
		if err != nil {
			return false
		}
		defer conn.Close()
		reply := make([]byte, 5)
		_, _ = conn.Write([]byte("PING\r\n"))
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, err = conn.Read(reply)
		return err == nil && (string(reply) == "+PONG" || string(reply) == "-NOAU")
	})
}

// Kill ends it as the system would that is out of memory.
func (s *RedisServer) Kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// Signal sends it a signal: SIGSTOP makes it silent.
func (s *RedisServer) Signal(sig os.Signal) { _ = s.process.Process.Signal(sig) }

// option returns what was given for one of redis-server's options.
func (s *RedisServer) option(name string) string {
	return s.command[slices.Index(s.command, name)+1]
}
