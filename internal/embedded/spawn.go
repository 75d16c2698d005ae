package embedded

// Starting a guardian, and what it says when its server answers.

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// guardVariable tells a process of the binary that it is a guardian.
const guardVariable = "PUFF_EMBEDDED_GUARDIAN"

// readyWord is what a guardian says; anything else is why there is no server.
const readyWord = "ready"

// spawn starts the guardian of a server and returns the state when that answers.
func (p *Project) spawn(ctx context.Context, kind, dir string) (*State, error) {
	log, err := openLog(dir)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	said, says, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer said.Close()
	cmd := exec.Command(p.binary, "services", "guard", kind, dir)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PUFF_") }),
		guardVariable+"="+kind)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = says, log
	// No signal of the terminal's: it ends when its users have.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	says.Close()
	if err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait() }() // ends with the guardian, which others may keep
	stop := context.AfterFunc(ctx, func() { said.Close() })
	defer stop()
	line, err := bufio.NewReader(said).ReadString('\n')
	line = strings.TrimSpace(line)
	switch {
	case line == readyWord:
	case line != "":
		return nil, errors.New(line)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it does not answer; see %s: %w", log.Name(), ctx.Err())
	default:
		return nil, fmt.Errorf("its guardian ended: %w; see %s", err, log.Name())
	}
	s, err := readState(dir)
	if err != nil {
		return nil, err
	}
	p.announce(s)
	return s, nil
}

// announce says in one line what was started.
func (p *Project) announce(s *State) {
	where := "data in " + s.Data
	if s.Data == "" {
		where = "in memory"
	}
	if s.Note != "" {
		where += "; " + s.Note
	}
	p.say(fmt.Sprintf("puff: started %s for this project on %s, %s", s.Program, s.Address, where))
}

// openLog opens the log of a server, anew when it has grown too long.
func openLog(dir string) (*os.File, error) {
	const longest = 10 << 20
	path := filepath.Join(dir, "log")
	flags := os.O_CREATE | os.O_APPEND | os.O_WRONLY
	if info, err := os.Stat(path); err == nil && info.Size() > longest {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(path, flags, 0o600)
}

// lastWords is the last line of the log that tells more than what was done.
func lastWords(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		return "there is no log"
	}
	last := "it said nothing"
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line != "" && (strings.Contains(line, "FATAL") || strings.Contains(line, "PANIC") || !strings.Contains(line, "LOG:")) {
			last = line
		}
	}
	return last
}

// linkFolder is a folder with a short name that nobody else can write to.
func linkFolder() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("puff-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("%s belongs to somebody else: remove it, or set TMPDIR", dir)
	}
	return dir, nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
