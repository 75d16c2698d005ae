package py

// Waking a lane once for the answers that come together, as late.c does it the other way
// round.

import "runtime"

// rouse has the lane woken for what it was just given, if it sleeps. alone: nobody else has
// anything for it, so there is nothing to wait for.
func (l *Lane) rouse(alone bool) {
	if alone {
		l.wake()
		return
	}
	if l.sleeping().Load() == 0 {
		return
	}
	if !l.roused.CompareAndSwap(false, true) {
		return
	}
	l.rt.rouse <- l
	// When the runtime is closed rousing ends: nobody may be there to see this one.
	if l.rt.ctx.Err() != nil {
		l.wake()
	}
}

// rousing wakes lanes that have answers, when whoever could run before it has: they may have
// answers too. Waking a lane for each, to look and find one, costs more than most of what it
// calls Go for. It ends when the runtime is closed.
func (rt *Runtime) rousing() {
	for {
		select {
		case l := <-rt.rouse:
			runtime.Gosched()
			l.roused.Store(false) // first: an answer that comes now may ask for another
			l.wake()
		case <-rt.ctx.Done():
			for {
				select {
				case l := <-rt.rouse:
					l.roused.Store(false)
					l.wake()
				default:
					return
				}
			}
		}
	}
}
