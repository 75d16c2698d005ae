// Package embedded runs the servers of a project that was given none: Redis and
// PostgreSQL, private, on sockets below .puff in the project's folder.
//
//	p := embedded.New(dir, binary, func(line string) { fmt.Fprintln(os.Stderr, line) })
//	defer p.Close()
//	url, err := p.Redis(ctx)
//
// All processes of a project share its servers. Who uses one holds a shared lock on the
// file "users" beside it, which the system takes from a process that dies, however it
// does. Each server is the child of a guardian, a process of the same binary, which waits
// until it can have that lock alone: then there are no users, and it ends the server and
// itself. When a guardian dies the system ends its server; the next who needs it finds
// nobody holding the lock "guardian", and starts another.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Names of the servers.
const (
	Redis    = "redis"
	Postgres = "postgres"
)

// patience is how long a server may take until it answers: a database may have to
// replay what a crash left.
const patience = 60 * time.Second

// Project is what one process uses of the servers of a project.
type Project struct {
	dir    string
	binary string
	say    func(line string)

	mu    sync.Mutex
	users map[string]*lock // shared, for as long as this process may need the server
}

// New returns the Project in the folder dir. binary is who becomes a guardian: see
// [Guarding]. say gets one line for each server that is started.
func New(dir, binary string, say func(line string)) *Project {
	return &Project{dir: dir, binary: binary, say: say, users: map[string]*lock{}}
}

// Redis returns the URL of the project's Redis, which it starts if it does not run.
func (p *Project) Redis(ctx context.Context) (url string, err error) { return p.url(ctx, Redis) }

// Postgres returns the URL of the project's PostgreSQL, which it starts if it does not
// run.
func (p *Project) Postgres(ctx context.Context) (url string, err error) {
	return p.url(ctx, Postgres)
}

func (p *Project) url(ctx context.Context, kind string) (string, error) {
	s, err := p.Start(ctx, kind)
	if err != nil {
		return "", fmt.Errorf("start the embedded %s: %w", kind, err)
	}
	return s.URL, nil
}

// Close has this process use nothing any more: servers without users end.
func (p *Project) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.users {
		l.release()
	}
	p.users = map[string]*lock{}
}

// Start returns the state of a server that answers, starting it if need be. It is used
// until Close.
func (p *Project) Start(ctx context.Context, kind string) (*State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := p.folder(kind)
	if err != nil {
		return nil, err
	}
	if p.users[kind] == nil {
		// Waits while a guardian is about to end.
		users, err := waitLock(ctx, filepath.Join(dir, "users"), shared)
		if err != nil {
			return nil, err
		}
		p.users[kind] = users
	}
	starting, err := waitLock(ctx, filepath.Join(dir, "starting"), exclusive)
	if err != nil {
		return nil, err
	}
	defer starting.release()
	for {
		guardian, err := tryLock(filepath.Join(dir, "guardian"), exclusive)
		if err != nil && !errors.Is(err, errTaken) {
			return nil, err
		}
		if err == nil { // nobody guards
			guardian.release()
			return p.spawn(ctx, kind, dir)
		}
		if s, err := readState(dir); err == nil && s.answers() {
			return s, nil
		}
		select { // it starts the server, or starts it again
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("it does not answer; see %s: %w", filepath.Join(dir, "log"), ctx.Err())
		}
	}
}

// folder makes the folder of a server.
func (p *Project) folder(kind string) (string, error) {
	root := filepath.Join(p.dir, ".puff")
	dir := filepath.Join(root, kind)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	// What is in there belongs to a machine, not to a repository.
	ignore := filepath.Join(root, ".gitignore")
	if _, err := os.Stat(ignore); err != nil {
		if err := os.WriteFile(ignore, []byte("*\n"), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Abs(dir)
}

// Running lists the servers of the project that run now.
func (p *Project) Running() []State {
	var all []State
	for _, kind := range []string{Postgres, Redis} {
		s, err := readState(filepath.Join(p.dir, ".puff", kind))
		if err == nil && s.answers() {
			all = append(all, *s)
		}
	}
	return all
}
