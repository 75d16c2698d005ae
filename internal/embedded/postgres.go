package embedded

// PostgreSQL: a cluster of the project's own, made by the programs that are installed.
// They refuse to run as root: then another user of this machine does it, who reaches its
// folders by descriptor, wherever the project lies.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type postgresServer struct {
	process
	programs, version string
	dir               string // of the project's, with folders data and run
	socket            string // of the clients
	user              *syscall.Credential
	log               *os.File
}

func newPostgres(dir string, log *os.File) (server, error) {
	s := &postgresServer{dir: dir, log: log}
	var err error
	if s.user, err = clusterUser(s.path("data")); err != nil {
		return nil, err
	}
	if s.programs, err = clusterPrograms(s.path("data")); err != nil {
		return nil, err
	}
	s.version = versionOf(filepath.Join(s.programs, "postgres"), "(PostgreSQL)")
	at, err := short(s.path("run"))
	if err != nil {
		return nil, err
	}
	s.socket = filepath.Join(at, ".s.PGSQL.5432")
	if err := s.own("run"); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.path("data")); errors.Is(err, os.ErrNotExist) {
		if err := s.initialize(); err != nil {
			return nil, err
		}
	}
	s.ask = syscall.SIGINT // "fast": ends sessions, and itself well
	return s, nil
}

func (s *postgresServer) path(name string) string { return filepath.Join(s.dir, name) }

// own makes a folder that belongs to who runs the cluster.
func (s *postgresServer) own(name string) error {
	if err := os.MkdirAll(s.path(name), 0o700); err != nil {
		return err
	}
	if s.user == nil {
		return nil
	}
	return os.Chown(s.path(name), int(s.user.Uid), int(s.user.Gid))
}

// program is a program of PostgreSQL's that has folders as its descriptors 3, 4…
func (s *postgresServer) program(name string, folders []string, args ...string) (*exec.Cmd, func(), error) {
	cmd := exec.Command(filepath.Join(s.programs, name), args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGDATA=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	closeAll := func() {
		for _, f := range cmd.ExtraFiles {
			f.Close()
		}
	}
	for _, folder := range folders {
		f, err := os.Open(s.path(folder))
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	return cmd, closeAll, nil
}

const (
	dataFD = "/proc/self/fd/3"
	runFD  = "/proc/self/fd/4"
)

// initialize makes the cluster: under another name until it is whole.
func (s *postgresServer) initialize() error {
	const unfinished = "data.new"
	if err := os.RemoveAll(s.path(unfinished)); err != nil {
		return err
	}
	if err := s.own(unfinished); err != nil {
		return err
	}
	cmd, done, err := s.program("initdb", []string{unfinished},
		"-D", dataFD, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if err != nil {
		return err
	}
	defer done()
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("run initdb: %w: %s", err, lines[len(lines)-1])
	}
	return os.Rename(s.path(unfinished), s.path("data"))
}

func (s *postgresServer) start() (*State, error) {
	s.clean()
	cmd, done, err := s.program("postgres", []string{"data", "run"},
		"-D", dataFD, "-c", "listen_addresses=", "-c", "unix_socket_directories="+runFD,
		"-c", "unix_socket_permissions=0700", "-c", "port=5432", "-c", "logging_collector=off", "-c", "max_connections=200")
	if err != nil {
		return nil, err
	}
	defer done()
	cmd.Stdout, cmd.Stderr = s.log, s.log
	s.command = func() *exec.Cmd { return cmd }
	pid, err := s.launch()
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres"}
	u.RawQuery = url.Values{"host": {filepath.Dir(s.socket)}}.Encode()
	return &State{
		Program: "postgres " + s.version, PID: pid, Address: s.socket, Data: s.path("data"), URL: u.String(),
	}, err
}

// clean removes what a server that was killed has left, each file by itself: some may be
// gone. There is no other server, the lock is held; only a dying one has to be waited for.
func (s *postgresServer) clean() {
	s.awaitDying()
	for _, name := range []string{"data/postmaster.pid", "run/.s.PGSQL.5432", "run/.s.PGSQL.5432.lock"} {
		_ = os.Remove(s.path(name))
	}
}

// awaitDying waits until the process that the cluster names, if it is a server of this
// cluster, has ended.
func (s *postgresServer) awaitDying() {
	text, err := os.ReadFile(s.path("data/postmaster.pid"))
	if err != nil {
		return
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	data, _ := filepath.EvalSymlinks(s.path("data"))
	for i := 0; err == nil && i < 1000; i++ {
		if cwd, bad := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); bad != nil || cwd != data {
			return
		}
		if i == 500 {
			_ = syscall.Kill(pid, syscall.SIGQUIT)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ready asks for a session: a server that starts up, or recovers, refuses one.
func (s *postgresServer) ready() error {
	conn, err := net.DialTimeout("unix", s.socket, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	const version3, terminate = 3 << 16, "X\x00\x00\x00\x04"
	hello := binary.BigEndian.AppendUint32(nil, version3)
	hello = append(hello, "user\x00postgres\x00database\x00postgres\x00\x00"...)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(hello)+4)), hello...)); err != nil {
		return err
	}
	var kind [1]byte
	if _, err := io.ReadFull(conn, kind[:]); err != nil {
		return err
	}
	if kind[0] != 'R' {
		return errors.New("it starts up")
	}
	_, _ = conn.Write([]byte(terminate))
	return nil
}
