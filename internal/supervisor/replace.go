package supervisor

// A new parent in the place of this one: the program may have been replaced on disk. It
// gets the sockets, and when its workers are ready those of the old parent drain.

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"golang.org/x/sys/unix"
)

// ParentVariable is what a parent that takes the place of another finds it in; the value
// is for [Inherit].
const ParentVariable = "PUFF_PARENT"

// Kinds of messages between two parents.
const (
	kindTake = "take" // the sockets of one slot
	kindLast = "last" // there are no more
	kindHere = "here" // the new parent serves
)

// Heritage is what a new parent gets from the old one.
type Heritage struct {
	// Slots holds the descriptors of each slot's sockets, which the new parent owns.
	Slots [][]int
	// Note is what the old parent's Config.Note said of them.
	Note json.RawMessage

	wire *wire
}

// Inherit takes what the old parent hands over; text is the value of [ParentVariable].
func Inherit(text string) (*Heritage, error) {
	var p place
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("read %s: %w; it is for a puff that replaces another", ParentVariable, err)
	}
	w, err := newWire(p.FD)
	if err != nil {
		return nil, err
	}
	h := &Heritage{wire: w}
	for {
		m, files, err := w.receive()
		if err != nil {
			h.close()
			return nil, fmt.Errorf("take over from the old parent: %w", err)
		}
		switch m.Kind {
		case kindTake:
			h.Slots = append(h.Slots, files)
		case kindLast:
			h.Note = m.Body
			return h, nil
		}
	}
}

func (h *Heritage) close() {
	for _, fds := range h.Slots {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
	h.wire.close()
}

// heir is a new parent that has been started and does not serve yet.
type heir struct {
	pid  int
	wire *wire
}

// replace starts a new parent.
func (s *Supervisor) replace() {
	switch {
	case s.heir != nil:
		s.log.Warn("a new parent is on its way already", "pid", s.heir.pid)
		return
	case os.Getpid() == 1:
		s.log.Warn("the first process of a container can not be replaced; SIGHUP starts new workers")
		return
	}
	if err := s.startHeir(); err != nil {
		s.log.Error("new parent can not be started", "error", err)
	}
}

func (s *Supervisor) startHeir() error {
	near, far, err := newPair()
	if err != nil {
		return err
	}
	defer far.Close()
	text, _ := json.Marshal(place{FD: firstExtra}) // two integers
	c := s.c.Command
	command := exec.Cmd{
		Path: c.Path, Args: c.Args, Env: slices.Concat(c.Env, s.c.HeirEnv, []string{ParentVariable + "=" + string(text)}),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{far},
	}
	if err := command.Start(); err != nil {
		near.close()
		return err
	}
	h := &heir{command.Process.Pid, near}
	s.heir = h
	s.log.Info("new parent started", "pid", h.pid)
	s.readers.Go(func() { s.readHeir(h) })
	s.takers = nil // a slot whose first worker starts has sockets from now on
	for _, at := range s.slots {
		fds, err := s.c.Sockets.Slot(at.n)
		if err == nil {
			err = near.send(message{Kind: kindTake}, fds...)
		}
		if err != nil {
			return err // its channel is closed: readHeir hears of it
		}
	}
	var note []byte
	if s.c.Note != nil {
		note = s.c.Note()
	}
	return near.send(message{Kind: kindLast, Body: note})
}

// readHeir hears what the new parent says.
func (s *Supervisor) readHeir(h *heir) {
	defer h.wire.close()
	m, _, err := h.wire.receive()
	if err == nil && m.Kind == kindHere {
		s.do(func() { s.succeeded(h) })
		return
	}
	s.do(func() { s.failedHeir(h) })
}

// succeeded ends this parent: the other one serves.
func (s *Supervisor) succeeded(h *heir) {
	s.log.Info("new parent serves", "pid", h.pid)
	s.heir = nil
	if s.c.Succeeded != nil {
		s.c.Succeeded(h.pid)
	}
	s.end(reasonReplace, 0)
}

func (s *Supervisor) failedHeir(h *heir) {
	s.log.Error("new parent did not start: the old one goes on", "pid", h.pid)
	s.heir = nil
	s.lost = append(s.lost, h.pid)
}

// buryHeirs collects new parents that failed.
func (s *Supervisor) buryHeirs() {
	var left []int
	for _, pid := range s.lost {
		if got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err == nil && got == 0 {
			left = append(left, pid)
		}
	}
	s.lost = left
}
