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
	closeTime  = 10 * time.Second // how long a client may take to answer a close frame
	answerTime = time.Second      // how long the application may take for what came before a close frame
	maxTick    = answerTime
	idleTime   = 5 * time.Millisecond // a frame that says nothing is forgiven each time it has passed
	minTick    = 10 * time.Millisecond

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
	code    int             // what it is told
	reason  string

	wanted  bool     // the application waits for a message
	busy    bool     // it was given one since it last waited
	queue   [][]byte // messages that it has not asked for, encoded
	waiting int      // their bytes
	rest    []byte   // of what the client sent: for when there is room in the queue
	reading bool     // the exchange was asked for bytes
	last    bool     // the client has ended its side: after rest nothing comes

	unsent int // bytes of frames that the client has not taken
	owed   int // bytes of the channel that they stand for

	ticked  time.Time // when Tick was last called
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
	b = py.AppendKey(b, p.own(keyExtensions))
	if x.TLS == nil {
		b = py.AppendCopy(b, p.own(valueSocketExtensions), 0)
	} else {
		b = append(py.AppendKey(py.AppendCopy(b, p.own(valueSocketExtensions), 1), p.own(keyTLS)), extension(x.TLS)...)
	}
	b = py.AppendHead(py.AppendKey(b, p.own(keySubprotocols)), py.TagList, len(r.Subprotocols))
	for _, name := range r.Subprotocols {
		b = py.AppendText(b, py.TagStr, name)
	}
	n := 3
	if x.Major == 2 {
		n++
		b = py.AppendKey(py.AppendKey(b, p.own(keyVersion)), p.own(valueVersion2))
	}
	if x.Scheme == "https" {
		n++
		b = py.AppendKey(py.AppendKey(b, p.own(keyScheme)), p.own(valueWSS))
	}
	b, more := p.appendTarget(b, x)
	n += more
	b[count], b[count+1], b[count+2], b[count+3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	return py.AppendCopy(b, p.own(valueConnect), 0)
}
