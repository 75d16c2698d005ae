package embedded

// What is known of a server that runs: its guardian writes it, users read it.

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// State is a server that runs.
type State struct {
	// Kind is "redis" or "postgres".
	Kind string `json:"kind"`
	// Program is what runs, with its version.
	Program string `json:"program"`
	// URL is how to reach it. Of a server without a password for others to know.
	URL string `json:"url"`
	// Address is where it listens: the path of a socket, or host and port.
	Address string `json:"address"`
	// Data is the folder that its data is in, or "": it is in memory only.
	Data string `json:"data"`
	// Note says what users should know of it, "" if nothing.
	Note string `json:"note"`
	// PID is its process, and Guardian who looks after it.
	PID      int `json:"pid"`
	Guardian int `json:"guardian"`
	// Since is when it was started.
	Since time.Time `json:"since"`

	// Began tells the process from another of that number.
	Began string `json:"began"`
}

const stateFile = "state.json"

func readState(dir string) (*State, error) {
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, err
	}
	s := &State{}
	return s, json.Unmarshal(data, s)
}

// write replaces the state; readers never see half of it.
func (s *State) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, stateFile+".new")
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, stateFile))
}

// answers reports whether somebody listens where the server should.
func (s *State) answers() bool {
	if !s.lives() {
		return false
	}
	network := "tcp"
	if filepath.IsAbs(s.Address) {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, s.Address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// lives reports whether the process is still the one that was started.
func (s *State) lives() bool { return s.PID > 0 && beganAt(s.PID) == s.Began }

// beganAt is when a process began, in the system's own words; "" when there is none.
func beganAt(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold anything.
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const state, began = 0, 19
	if len(fields) <= began || fields[state] == "Z" {
		return ""
	}
	return fields[began]
}

// short returns a path to dir that leaves room for the name of a socket, whose whole
// path may have 107 bytes: dir itself, or a link to it.
func short(dir string) (string, error) {
	const longest = 80
	if len(dir) <= longest {
		return dir, nil
	}
	links, err := linkFolder()
	if err != nil {
		return "", err
	}
	link := filepath.Join(links, digest(dir))
	if to, err := os.Readlink(link); err == nil && to == dir {
		return link, nil
	}
	temp := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := os.Symlink(dir, temp); err != nil {
		return "", err
	}
	return link, os.Rename(temp, link)
}
