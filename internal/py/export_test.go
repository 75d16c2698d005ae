package py

// DismissIdle lets the idle hands leave at once, so that no test waits for their time.
func (rt *Runtime) DismissIdle() {
	rt.crew.mu.Lock()
	defer rt.crew.mu.Unlock()
	for _, h := range rt.crew.idle {
		h.jobs <- nil
	}
	rt.crew.idle = nil
}
