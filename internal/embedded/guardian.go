package embedded

// The guardian: a process of the same binary that has one server as its child, from
// when the first user starts it until the last one is gone.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// server is what a guardian looks after.
type server interface {
	// start starts it and says what it is. Called on a thread that does not end.
	start() (*State, error)
	// ready returns nil when it answers.
	ready() error
	// stop asks it to end; kill makes it.
	stop()
	kill()
	// ended is closed when it has.
	ended() <-chan struct{}
}

// servers makes the server of each kind, which has the folder dir and writes to log.
var servers = map[string]func(dir string, log *os.File) (server, error){
	Redis:    newRedis,
	Postgres: newPostgres,
}

// Guarding reports whether this process is to be a guardian: then [Guard] is all there
// is to do.
func Guarding() bool { return os.Getenv(guardVariable) != "" }

// Guard looks after the server that the command line names, "services guard KIND DIR",
// and returns the status of the process.
func Guard() int {
	if len(os.Args) != 5 {
		fmt.Println("guard a server: want its kind and its folder")
		return 2
	}
	os.Unsetenv(guardVariable)
	// The system ends the server when the thread that started it does: this one, which
	// ends with the process.
	runtime.LockOSThread()
	g := &guardian{kind: os.Args[3], dir: os.Args[4], says: os.Stdout}
	if err := g.run(); err != nil {
		g.tell(err.Error())
		fmt.Fprintf(os.Stderr, "%s guardian: %v\n", time.Now().Format(time.DateTime), err)
		return 1
	}
	return 0
}

type guardian struct {
	kind, dir string
	says      *os.File // who started it listens; nil: has been told
	server    server
}

// tell says one line to who started the guardian.
func (g *guardian) tell(line string) {
	if g.says != nil {
		fmt.Fprintln(g.says, line)
		g.says.Close()
		g.says = nil
	}
}

func (g *guardian) run() error {
	make, ok := servers[g.kind]
	if !ok {
		return fmt.Errorf("there is no embedded %q", g.kind)
	}
	mine, err := tryLock(filepath.Join(g.dir, "guardian"), exclusive)
	if err != nil {
		return err
	}
	defer mine.release()
	signals := newSignals()
	g.bury()
	if g.server, err = make(g.dir, os.Stderr); err != nil {
		return err
	}
	gone := g.awaitUsers()
	failures := 0
	for {
		began := time.Now()
		if err := g.begin(); err != nil {
			return err
		}
		select {
		case users := <-gone:
			g.end()
			if users != nil { // held until here: who comes now waits, and starts another
				users.release()
			}
			return nil
		case <-signals:
			g.end()
			return nil
		case <-g.server.ended():
		}
		if failures++; time.Since(began) > time.Minute {
			failures = 1
		}
		if failures > 5 {
			return errors.New("the server ends again and again")
		}
		fmt.Fprintf(os.Stderr, "%s guardian: the server ended; starting it again\n", time.Now().Format(time.DateTime))
		time.Sleep(time.Duration(failures) * 100 * time.Millisecond)
		g.bury()
	}
}

func newSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	return signals
}

// awaitUsers takes the lock of the users when they are gone.
func (g *guardian) awaitUsers() <-chan *lock {
	gone := make(chan *lock, 1)
	go func() { // ends with the process
		users, err := sleepLock(filepath.Join(g.dir, "users"), exclusive)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s guardian: %v\n", time.Now().Format(time.DateTime), err)
		}
		gone <- users
	}()
	return gone
}

// begin starts the server and returns when it answers.
func (g *guardian) begin() error {
	state, err := g.server.start()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if err = g.server.ready(); err == nil {
			break
		}
		select {
		case <-g.server.ended():
			return fmt.Errorf("it ended before it answered: %s; see %s", lastWords(g.dir), filepath.Join(g.dir, "log"))
		case <-ctx.Done():
			g.end()
			return fmt.Errorf("it does not answer (%w); see %s", err, filepath.Join(g.dir, "log"))
		case <-time.After(5 * time.Millisecond):
		}
	}
	state.Kind, state.Guardian, state.Since = g.kind, os.Getpid(), time.Now().Round(time.Second)
	state.Began = beganAt(state.PID)
	if err := state.write(g.dir); err != nil {
		g.end()
		return err
	}
	g.tell(readyWord)
	return nil
}

// end ends the server, well if it can be.
func (g *guardian) end() {
	g.server.stop()
	select {
	case <-g.server.ended():
	case <-time.After(15 * time.Second):
		g.server.kill()
		<-g.server.ended()
	}
	os.Remove(filepath.Join(g.dir, stateFile))
}

// bury ends the server of a guardian that is no more, if the system has not yet.
func (g *guardian) bury() {
	s, err := readState(g.dir)
	if err != nil || s.PID == s.Guardian {
		return
	}
	for i := 0; s.lives(); i++ {
		if i == 0 {
			_ = syscall.Kill(s.PID, syscall.SIGTERM)
		} else if i == 500 {
			_ = syscall.Kill(s.PID, syscall.SIGQUIT)
		} else if i == 1000 {
			_ = syscall.Kill(s.PID, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
	os.Remove(filepath.Join(g.dir, stateFile))
}
