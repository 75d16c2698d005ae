package testkit

// A PostgreSQL server of the tests' own: on a socket in a folder of its own, with
// nothing that has to survive.

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Cluster is a server that runs. Its user is postgres, who needs no password.
type Cluster struct {
	Dir string // the folder of its socket
	URL string // its database postgres

	bin    string
	attr   *syscall.SysProcAttr
	server *exec.Cmd
	ended  chan struct{}
}

// postgresSettings leave out what is for data that has to survive.
const postgresSettings = `
listen_addresses = ''
unix_socket_directories = '%s'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 50
timezone = 'UTC'
`

// postgresBinaries finds the newest server that is installed.
func postgresBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	if len(found) == 0 {
		path, err := exec.LookPath("postgres")
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil {
			return "", fmt.Errorf("find PostgreSQL: there is no server: apt-get install postgresql: %w", err)
		}
		found = []string{path}
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// StartPostgres starts a server. Once per package, from TestMain, which calls End.
func StartPostgres() (*Cluster, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "puff-pg-")
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	c := &Cluster{Dir: dir, URL: "postgres://postgres@/postgres?host=" + dir, bin: bin, attr: &syscall.SysProcAttr{}}
	if os.Geteuid() == 0 { // which the server refuses
		if err := c.dropTo("postgres", "nobody"); err != nil {
			return nil, err
		}
	}
	init := c.command("initdb", "-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: initdb: %w\n%s", err, out)
	}
	conf, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(conf, postgresSettings, dir)
		err = firstOf(err, conf.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return c, c.Start()
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) dropTo(names ...string) error {
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(c.Dir, uid, gid)
	}
	return fmt.Errorf("start PostgreSQL: it does not run as root, and there is none of the users %v", names)
}

// Log is the file in which the server says what it does.
func (c *Cluster) Log() string { return filepath.Join(c.Dir, "log") }

func (c *Cluster) data() string { return filepath.Join(c.Dir, "data") }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	attr := *c.attr
	cmd.SysProcAttr, cmd.Dir = &attr, c.Dir
	return cmd
}

// Start starts the server, again if it was stopped, and returns when it can be used.
func (c *Cluster) Start() error { return c.startUntil(time.Now().Add(patience)) }

func (c *Cluster) startUntil(end time.Time) error {
	c.server = c.command("postgres", "-D", c.data())
	c.server.SysProcAttr.Pdeathsig = syscall.SIGQUIT // a test that crashes leaves no server
	log, err := os.OpenFile(c.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer log.Close() // it is the server's then
	c.server.Stdout, c.server.Stderr = log, log
	c.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread that started it ends
		defer runtime.UnlockOSThread()
		err := c.server.Start()
		started <- err
		if err == nil {
			_ = c.server.Wait() // how it ended is in its log
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	for ; ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-c.ended: // processes of one that was killed may still be ending
			if time.Now().Before(end) {
				return c.startUntil(end)
			}
		default:
		}
		if c.command("pg_isready", "-q", "-h", c.Dir).Run() == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("start PostgreSQL: it is not ready after %v", patience)
		}
	}
}

// Stop ends the server: in order by SIGINT, or as a crash does by SIGKILL.
func (c *Cluster) Stop(s syscall.Signal) {
	_ = c.server.Process.Signal(s) // it may have ended by itself
	<-c.ended
}

// End ends the server and removes everything of it.
func (c *Cluster) End() {
	select {
	case <-c.ended:
	default:
		c.Stop(syscall.SIGINT)
	}
	_ = os.RemoveAll(c.Dir) // in a folder for temporary things
}

// Kill is Stop as a crash, for the length of a test: the server is back at its end.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	c.Stop(syscall.SIGKILL)
	t.Cleanup(func() {
		if err := c.Start(); err != nil {
			t.Error(err)
		}
	})
}

// Psql runs a statement as another client.
func (c *Cluster) Psql(ctx context.Context, sql string) error {
	out, err := exec.CommandContext(ctx, filepath.Join(c.bin, "psql"), "-q", "-h", c.Dir, "-U", "postgres", "-c", sql).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}
