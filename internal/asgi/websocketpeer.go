package asgi

// websocketpeer.go is what the engine of HTTP tells a WebSocket. All of it locks the side:
// it comes from the thread of the loop, or from a goroutine of the connection.

import (
	"errors"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/websocket"
)

// Body implements httpserver.Peer.
func (k *socket) Body(x *httpserver.Exchange, b []byte, last bool) {
	if k.isDenied() {
		k.c.Body(x, b, last)
		return
	}
	k.side.Lock()
	defer k.side.Unlock()
	if k.x != x || k.conn == nil {
		return
	}
	k.reading, k.last = false, last
	k.feed(b) // what comes last may be the goodbye
	k.more()
}

// isDenied reports whether the exchange belongs to the call alone.
func (k *socket) isDenied() bool {
	k.side.Lock()
	defer k.side.Unlock()
	return k.denied
}

// Written implements httpserver.Peer.
func (k *socket) Written(x *httpserver.Exchange, n int) {
	if k.isDenied() {
		k.c.Written(x, n)
		return
	}
	k.side.Lock()
	defer k.side.Unlock()
	k.unsent -= n
	give := k.owed
	if k.unsent > 0 {
		give = min(give, n)
	}
	k.owed -= give
	if k.c != nil {
		k.c.Credit(give)
		k.side.Port.Flush()
	}
	if k.conn != nil {
		k.more()
	}
}

// Closed implements httpserver.Peer.
func (k *socket) Closed(x *httpserver.Exchange, err error) {
	if k.isDenied() {
		k.c.Closed(x, err)
		return
	}
	k.side.Lock()
	defer k.side.Unlock()
	if k.x != x {
		return
	}
	k.x = nil
	x.Abort()
	code := websocket.Abnormal
	if errors.Is(err, httpserver.ErrServerClosed) {
		code = websocket.Restart
	}
	if k.c != nil && errors.Is(err, httpserver.ErrTimeout) {
		k.c.Cancel() // its time to accept is up
	}
	k.disconnect(code, "")
	k.queue, k.rest = nil, nil
	k.side.Port.Flush()
}

// Tick implements httpserver.Ticker.
func (k *socket) Tick(x *httpserver.Exchange) {
	k.side.Lock()
	defer k.side.Unlock()
	if k.x != x || k.conn == nil {
		return
	}
	now := time.Now()
	if !k.ticked.IsZero() {
		k.conn.Forgive(int(now.Sub(k.ticked) / idleTime))
	}
	k.ticked = now
	switch {
	case k.conn.Ending():
		if k.closing.IsZero() {
			k.closing = now
		} else if now.Sub(k.closing) >= answerTime {
			k.end(true)
		}
		return
	case !k.reading:
		// What the client says may be there and is not read.
		k.quiet, k.pinged = now, time.Time{}
	case k.conn.Heard() || k.quiet.IsZero():
		k.quiet, k.pinged = now, time.Time{}
	case k.pinged.IsZero() && k.w.c.PingInterval > 0 && now.Sub(k.quiet) >= k.w.c.PingInterval:
		k.pinged = now
		k.conn.Ping()
		k.flush()
	case !k.pinged.IsZero() && k.w.c.PingTimeout > 0 && now.Sub(k.pinged) >= k.w.c.PingTimeout:
		_ = k.conn.Close(websocket.Internal, "keepalive ping timeout") // a code that may be sent
		k.flush()
		k.lost(websocket.Abnormal, "keepalive ping timeout")
	}
	if k.x != nil && k.conn.Closing() {
		if k.closing.IsZero() {
			k.closing = now
		} else if now.Sub(k.closing) >= closeTime {
			k.lost(websocket.Abnormal, "")
		}
	}
}
