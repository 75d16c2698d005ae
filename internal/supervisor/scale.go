package supervisor

// More slots, and fewer.

// more adds a slot and starts its worker.
func (s *Supervisor) more() {
	at := &slot{n: len(s.slots)}
	s.slots = append(s.slots, at)
	s.log.Info("one worker more", "workers", len(s.slots))
	if s.everReady() {
		s.restart(at, reasonScale)
	}
}

// fewer takes the last slot away. The sockets are its worker's alone then, who takes what
// waits there before it closes them.
func (s *Supervisor) fewer() {
	last := len(s.slots) - 1
	if last == 0 {
		s.log.Warn("the last worker stays; SIGTERM ends all")
		return
	}
	at := s.slots[last]
	at.going = true
	s.slots = s.slots[:last]
	s.log.Info("one worker fewer", "workers", len(s.slots))
	if err := s.c.Sockets.Close(at.n); err != nil {
		s.log.Warn("sockets can not be closed", "slot", at.n, "error", err)
	}
	for w := range s.workers {
		if w.slot == at {
			s.drain(w, reasonScale, 0)
		}
	}
	s.next()
}
