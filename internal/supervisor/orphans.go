package supervisor

// As the first process of a container the parent inherits children whose own parents have
// ended, and has to bury them.

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// orphanPace is how often to look for them.
const orphanPace = 2 * time.Second

// adopts reports whether orphans become this process's children.
func adopts() bool {
	if os.Getpid() == 1 {
		return true
	}
	var subreaper int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0, 0, 0)
	return err == nil && subreaper != 0
}

// bury collects children that have ended and that nobody waits for: such as were there
// the last time as well.
func (s *Supervisor) bury(now time.Time) {
	if !s.adopts || now.Sub(s.buried) < orphanPace {
		return
	}
	s.buried = now
	seen := map[int]bool{}
	for _, pid := range endedChildren() {
		if s.waitsFor(pid) {
			continue
		}
		if s.zombies[pid] {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // gone already: as well
			continue
		}
		seen[pid] = true
	}
	s.zombies = seen
}

func (s *Supervisor) waitsFor(pid int) bool {
	for w := range s.workers {
		if w.pid == pid {
			return true
		}
	}
	return s.heir != nil && s.heir.pid == pid
}

// endedChildren lists the children of this process that have ended and were not waited for.
func endedChildren() (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		// The name, in parentheses, may have anything in it.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 || fields[0] != "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
