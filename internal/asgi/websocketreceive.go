package asgi

// websocketreceive.go is the way of what a client says to the application, to the end of
// the connection.

import (
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/websocket"
)

// feed gives the connection what the client sent, and sends what it answers by itself.
func (k *socket) feed(b []byte) {
	n := k.conn.Feed(b, k)
	k.rest = nil
	if n < len(b) && !k.conn.Ending() && !k.conn.Closed() {
		k.rest = append(k.rest, b[n:]...)
	}
	k.flush()
	k.end(false)
}

// end says goodbye to a client that has done so, or failed: when the application has had
// its say to what it got before, or now.
func (k *socket) end(now bool) {
	if k.x == nil || !k.conn.Ending() {
		return
	}
	if k.c == nil || now || !k.busy && len(k.queue) == 0 {
		k.conn.Goodbye()
		k.flush()
	}
}

// flush sends what the connection has to say besides messages, and ends it after the last
// word.
func (k *socket) flush() {
	if out := k.conn.Output(); len(out) > 0 {
		k.write(out)
	}
	if k.conn.Closed() {
		k.lost(k.code, k.reason)
	}
}

func (k *socket) write(b []byte) {
	if k.x != nil && k.x.Write(b) == nil {
		k.unsent += len(b)
	}
}

// finish closes the connection after what was written.
func (k *socket) finish() {
	if x := k.x; x != nil {
		k.x = nil
		_ = x.Finish(nil) // who does not hear it has gone
	}
	k.queue, k.rest = nil, nil
}

// more reads on, if there is room for what comes.
func (k *socket) more() {
	if k.x == nil || k.reading {
		return
	}
	if k.conn.Ending() {
		return
	}
	if k.last {
		if len(k.rest) == 0 {
			k.lost(websocket.Abnormal, "")
		}
		return
	}
	// Whoever has said goodbye drops what comes but the answer.
	if !k.conn.Closing() && (len(k.rest) > 0 || k.full() || k.unsent > maxWaiting) {
		return
	}
	k.reading = true
	k.x.Pull()
}

// full reports whether the application has enough to do.
func (k *socket) full() bool {
	return len(k.queue) >= k.w.c.MaxQueue || k.waiting > maxWaiting
}

// Message implements websocket.Handler.
func (k *socket) Message(text bool, p []byte) bool {
	if k.c == nil {
		return true // nobody wants it
	}
	b := k.p.message[:0]
	b = py.AppendCopy(b, k.p.own(valueReceive), 1)
	if text {
		b = py.AppendText(py.AppendKey(b, k.p.own(keyText)), py.TagStr, p)
	} else {
		b = py.AppendText(py.AppendKey(b, k.p.own(keyBytes)), py.TagBytes, p)
	}
	if cap(b) <= maxWaiting {
		k.p.message = b
	}
	if k.wanted {
		k.wanted, k.busy = false, true
		k.c.Push(b)
		return true
	}
	k.queue = append(k.queue, append([]byte(nil), b...))
	k.waiting += len(b)
	return !k.full()
}

// Pulled implements relay.Talk.
func (k *socket) Pulled() {
	if k.x == nil {
		k.c.Hangup()
		return
	}
	k.wanted, k.busy = true, false
	k.deliver()
	if len(k.rest) > 0 {
		k.feed(k.rest)
	}
	if k.conn != nil {
		k.end(false)
		k.more()
	}
}

// deliver gives the application all that waits for it.
func (k *socket) deliver() {
	for _, b := range k.queue {
		k.wanted, k.busy = false, true
		k.c.Push(b)
	}
	k.queue, k.waiting = nil, 0
}

// Ended implements websocket.Handler.
func (k *socket) Ended(code int, reason string) {
	k.code, k.reason = code, reason
}

// disconnect tells the application that nothing more will come, after what has.
func (k *socket) disconnect(code int, reason string) {
	if k.c == nil || k.told {
		return
	}
	k.told = true
	k.deliver()
	b := py.AppendCopy(k.p.message[:0], k.p.own(valueDisconnect), 2)
	b = py.AppendInt(py.AppendKey(b, k.p.own(keyCode)), int64(code))
	b = py.AppendText(py.AppendKey(b, k.p.own(keyReason)), py.TagStr, reason)
	k.p.message = b
	k.c.Push(b)
	k.c.Hangup()
}

// lost ends a connection on which nothing more is said.
func (k *socket) lost(code int, reason string) {
	k.disconnect(code, reason)
	k.finish()
}
