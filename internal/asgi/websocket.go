package asgi

// websocket.go joins a WebSocket to a call: messages of the client become values that the
// application receives, and websocketsend.go does what the application sends.

import (
	"errors"
	"net/netip"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
	"github.com/puffstack/puff/websocket"
)

// WebSocketConfig says what connections may do. A time of 0 does not exist.
type WebSocketConfig struct {
	MaxSize  int64 // of a message; negative: no limit
	MaxQueue int   // messages that wait for the application before the client is no longer read
	Deflate  bool

	PingInterval time.Duration // how long a client may be silent before it is pinged
	PingTimeout  time.Duration // how long it may be silent then
}

// WebSocket makes the connections of all sides of a server.
type WebSocket struct {
	c      WebSocketConfig
	server *websocket.Server
}

// NewWebSocket returns what Config.WebSocket wants.
func NewWebSocket(c WebSocketConfig) *WebSocket {
	return &WebSocket{c, websocket.New(websocket.Config{MaxSize: c.MaxSize, Deflate: c.Deflate})}
}

const (
	closeTime = 10 * time.Second // how long a client may take to answer a close frame
	maxTick   = closeTime / 4
	minTick   = 10 * time.Millisecond

	maxWaiting = 256 << 10 // bytes that wait for the application, or for the client, before no more are read
)

// TickInterval is how often connections look at the clock: httpserver.Config.TickInterval.
func (w *WebSocket) TickInterval() time.Duration {
	every := maxTick
	for _, d := range []time.Duration{w.c.PingInterval, w.c.PingTimeout} {
		if d > 0 {
			every = min(every, d/4)
		}
	}
	return max(every, minTick)
}

// socket is one connection, from its request on. It is the Talk of its call until the
// application has returned, and the Peer of its exchange until that is over.
type socket struct {
	w       *WebSocket
	p       *Protocol
	side    *relay.Side
	c       *relay.Call          // nil: the application has returned
	x       *httpserver.Exchange // nil: over
	request *websocket.Request
	conn    *websocket.Conn // nil: not accepted
	denied  bool            // the call is a request and its answer again
	told    bool            // the application knows that it is over

	wanted  bool     // the application waits for a message
	queue   [][]byte // messages that it has not asked for, encoded
	waiting int      // their bytes
	rest    []byte   // of what the client sent: for when there is room in the queue
	reading bool     // the exchange was asked for bytes

	unsent int // bytes of frames that the client has not taken
	owed   int // bytes of the channel that they stand for

	quiet   time.Time // nothing has come since
	pinged  time.Time // zero: no ping is under way
	closing time.Time // when we said goodbye
}

var (
	_ relay.Talker      = (*Protocol)(nil)
	_ relay.Talk        = (*socket)(nil)
	_ httpserver.Peer   = (*socket)(nil)
	_ httpserver.Ticker = (*socket)(nil)
	_ websocket.Handler = (*socket)(nil)
)

// socketTemplate makes what the scopes of WebSockets to the address local have in common.
func (p *Protocol) socketTemplate(local netip.AddrPort) py.Dict {
	d := p.template(local)
	for i := range d {
		switch d[i][0] {
		case "type":
			d[i][1] = "websocket"
		case "scheme":
			d[i][1] = "ws"
		}
	}
	return d
}

// Talk implements relay.Talker.
func (p *Protocol) Talk(c *relay.Call, b []byte, x *httpserver.Exchange) (relay.Talk, []byte) {
	request, err := websocket.ReadRequest(func(yield func(name, value []byte) bool) {
		for i := range x.Fields {
			if !yield(x.Fields[i].Name, x.Fields[i].Value) {
				return
			}
		}
	}, string(x.Method) != "CONNECT")
	if err != nil {
		refuseSocket(x, err)
		return nil, b
	}
	k := &socket{w: p.config.WebSocket, p: p, side: c.Side(), c: c, x: x, request: request}
	x.Peer = k
	x.Pull() // says so if the client goes before it is accepted
	return k, p.encodeSocket(c.Side(), b, x, request)
}

func refuseSocket(x *httpserver.Exchange, err error) {
	h := httpserver.Head{Status: 400, Fields: []httpserver.Field{
		{Name: []byte("Content-Type"), Value: []byte("text/plain; charset=utf-8")},
	}}
	if bad, ok := errors.AsType[*websocket.RequestError](err); ok {
		h.Status = bad.Status
		h.Fields = appendAnswer(h.Fields, bad.Fields)
	}
	_ = x.Respond(&h, []byte(err.Error()+"\n")) // who does not hear it has gone
}

func appendAnswer(to []httpserver.Field, fields []websocket.Field) []httpserver.Field {
	for _, f := range fields {
		to = append(to, httpserver.Field{Name: []byte(f.Name), Value: []byte(f.Value)})
	}
	return to
}

// encodeSocket appends what the application is called with: the scope and
// websocket.connect.
func (p *Protocol) encodeSocket(s *relay.Side, b []byte, x *httpserver.Exchange, r *websocket.Request) []byte {
	if !p.defined {
		p.define(s)
	}
	b = py.AppendHead(b, py.TagTuple, 2)
	b = py.AppendCopy(b, p.sockets.Number(s, x.Local), 0)
	count := len(b) - 4
	b = py.AppendCopy(py.AppendKey(b, p.own(keyASGI)), p.own(valueASGI), 0)
	b = py.AppendCopy(py.AppendKey(b, p.own(keyExtensions)), p.own(valueSocketExtensions), 0)
	b = py.AppendHead(py.AppendKey(b, p.own(keySubprotocols)), py.TagList, len(r.Subprotocols))
	for _, name := range r.Subprotocols {
		b = py.AppendText(b, py.TagStr, name)
	}
	n := 3
	if x.Scheme == "https" {
		n++
		b = py.AppendKey(py.AppendKey(b, p.own(keyScheme)), p.own(valueWSS))
	}
	b, more := p.appendTarget(b, x)
	n += more
	b[count], b[count+1], b[count+2], b[count+3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	return py.AppendCopy(b, p.own(valueConnect), 0)
}

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
	k.reading = false
	if last {
		k.lost(websocket.Abnormal, "")
		return
	}
	k.feed(b)
	k.more()
}

// feed gives the connection what the client sent, and sends what it answers by itself.
func (k *socket) feed(b []byte) {
	n := k.conn.Feed(b, k)
	k.rest = nil
	if n < len(b) && !k.conn.Closed() {
		k.rest = append(k.rest, b[n:]...)
	}
	k.flush()
}

// flush sends what the connection has to say besides messages, and ends it after the last
// word.
func (k *socket) flush() {
	if out := k.conn.Output(); len(out) > 0 {
		k.write(out)
	}
	if k.conn.Closed() {
		k.finish()
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
		k.wanted = false
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
	k.wanted = true
	k.deliver()
	if len(k.rest) > 0 {
		k.feed(k.rest)
	}
	if k.conn != nil {
		k.more()
	}
}

// deliver gives the application all that waits for it.
func (k *socket) deliver() {
	for _, b := range k.queue {
		k.wanted = false
		k.c.Push(b)
	}
	k.queue, k.waiting = nil, 0
}

// Ended implements websocket.Handler.
func (k *socket) Ended(code int, reason string) { k.disconnect(code, reason) }

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
	switch {
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
