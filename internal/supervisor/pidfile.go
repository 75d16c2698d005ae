package supervisor

// The file that names the parent, for scripts that send it signals.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// claimPIDFile writes the number of this process to path, unless a process of the same
// program runs under the one that is there.
func claimPIDFile(path string) error {
	if pid := readPIDFile(path); pid > 0 && pid != os.Getpid() && sameProgram(pid) {
		return fmt.Errorf("write %s: process %d has it and still runs; end that, or choose another --pid-file", path, pid)
	}
	return writePIDFile(path)
}

// writePIDFile writes the number of this process; nobody sees half of it.
func writePIDFile(path string) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = fmt.Fprintln(temp, os.Getpid())
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if wrong := temp.Close(); err == nil {
		err = wrong
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// removePIDFile removes the file if it still names this process.
func removePIDFile(path string) error {
	if path == "" || readPIDFile(path) != os.Getpid() {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the pid file: %w", err)
	}
	return nil
}

// readPIDFile returns the number in the file, 0 where there is none.
func readPIDFile(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// sameProgram reports whether the process runs what this one runs: numbers are used again.
func sameProgram(pid int) bool {
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false
	}
	ours, err := os.Readlink("/proc/self/exe")
	const gone = " (deleted)" // replaced on disk since it was started
	return err == nil && strings.TrimSuffix(theirs, gone) == strings.TrimSuffix(ours, gone)
}
