package asgi

// websocketsend.go is what an application does with a WebSocket: accept it, deny it, send
// and close.

import (
	"errors"
	"fmt"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/relay"
	"github.com/puffstack/puff/websocket"
)

// socketMessage is what an application sent into a WebSocket: views into the value.
type socketMessage struct {
	kind        []byte
	text, bytes []byte // nil: none
	code        int64
	reason      []byte
	subprotocol []byte
	headers     []byte // encoded; nil: none
}

func readSocket(v py.Reader) (m socketMessage, err error) {
	m.code = websocket.Normal
	for n := v.Map(); n > 0 && !v.Bad; n-- {
		if v.Peek() != py.TagStr {
			return m, errors.New("send: a key of the message is not a str")
		}
		key := v.Text()
		if v.Peek() == py.TagNone {
			v.Skip()
			continue
		}
		switch string(key) {
		case "type":
			m.kind = v.Text()
		case "text":
			if v.Peek() != py.TagStr {
				return m, errors.New("send: the text is not a str")
			}
			m.text = v.Text()
		case "bytes":
			if v.Peek() != py.TagBytes {
				return m, errors.New("send: the bytes are not bytes")
			}
			m.bytes = v.Text()
		case "code":
			m.code = v.Int()
		case "reason":
			m.reason = v.Text()
		case "subprotocol":
			m.subprotocol = v.Text()
		case "headers":
			m.headers = v.Raw()
		default:
			v.Skip()
		}
	}
	if v.Bad {
		return m, errors.New("send: the message is not a dict of the types that ASGI wants")
	}
	return m, nil
}

// Sent implements relay.Talk.
func (k *socket) Sent(v py.Reader) bool {
	size := v.Len()
	m, err := readSocket(v)
	switch {
	case err != nil:
	case k.x == nil:
		// Nobody is there any more. Who waits hears of it.
		k.c.Hangup()
	case string(m.kind) == "websocket.send":
		if err = k.send(&m, size); err == nil {
			return true
		}
	case string(m.kind) == "websocket.accept":
		err = k.accept(&m)
	case string(m.kind) == "websocket.close":
		err = k.close(&m)
	case string(m.kind) == "websocket.http.response.start" && k.conn == nil:
		k.denied = true
		k.c.Answer(k.x)
		k.x = nil
		return false
	default:
		err = fmt.Errorf("send: a message of type %q, which has no place here", m.kind)
	}
	if err != nil && !errors.Is(err, httpserver.ErrClosed) {
		k.c.Fault(err)
		k.fail()
		k.c.Hangup()
	}
	k.c.Credit(size)
	return true
}

// send sends a message; size is what the application was charged for it.
func (k *socket) send(m *socketMessage, size int) error {
	if k.conn == nil {
		return errors.New("send: websocket.send before websocket.accept")
	}
	p, text := m.bytes, false
	if m.text != nil {
		p, text = m.text, true
	} else if p == nil {
		return errors.New("send: websocket.send has neither bytes nor text")
	}
	if k.conn.Closing() {
		return errors.New("send: websocket.send after websocket.close")
	}
	frame, tail, err := k.conn.AppendMessage(k.p.message[:0], text, p)
	if err != nil {
		return err
	}
	if cap(frame) <= maxWaiting {
		k.p.message = frame
	}
	before := k.unsent
	k.write(frame)
	if len(tail) > 0 {
		k.write(tail)
	}
	if k.unsent == before {
		return httpserver.ErrClosed
	}
	k.owed += size
	return nil
}

// accept agrees to the WebSocket.
func (k *socket) accept(m *socketMessage) error {
	if k.conn != nil {
		return errors.New("send: websocket.accept was sent already")
	}
	fields, conn := k.w.server.Accept(k.request, string(m.subprotocol))
	p := k.p
	p.fields = appendAnswer(p.fields[:0], fields)
	ours := len(p.fields)
	if m.headers != nil {
		v := py.NewReader(m.headers)
		var err error
		if p.fields, err = appendHeaders(p.fields, &v); err != nil {
			return err
		}
		p.fields = withoutHandshake(p.fields, ours, len(m.subprotocol) > 0)
	}
	k.x.Farewell = websocket.CloseFrame(websocket.Restart, "")
	if err := k.x.Start(&httpserver.Head{Status: 101, Fields: p.fields, DropHopByHop: true}); err != nil {
		return err
	}
	k.conn, k.request = conn, nil
	k.more()
	return nil
}

// withoutHandshake leaves out what an application says of the handshake, from fields[ours]
// on: that is the connection's to say, but for a subprotocol in the headers alone.
func withoutHandshake(fields []httpserver.Field, ours int, subprotocol bool) []httpserver.Field {
	kept := fields[:ours]
	for _, f := range fields[ours:] {
		switch {
		case relay.SameName(f.Name, "sec-websocket-accept"), relay.SameName(f.Name, "sec-websocket-extensions"):
		case subprotocol && relay.SameName(f.Name, "sec-websocket-protocol"):
		default:
			kept = append(kept, f)
		}
	}
	return kept
}

var forbidden = []byte("Forbidden\n")

// close says goodbye, or denies what was not accepted.
func (k *socket) close(m *socketMessage) error {
	if k.conn == nil {
		k.refuse(403, forbidden)
		return nil
	}
	if k.conn.Closing() {
		return errors.New("send: websocket.close was sent already")
	}
	if err := k.conn.Close(int(m.code), string(m.reason)); err != nil {
		return err
	}
	k.hearGoodbye()
	return nil
}

// hearGoodbye sends what was said last and waits for the client's answer, for which there
// always is room.
func (k *socket) hearGoodbye() {
	rest := k.rest
	k.flush()
	if len(rest) > 0 {
		k.feed(rest)
	}
	k.more()
}

func (k *socket) refuse(status int, body []byte) {
	x := k.x
	k.x = nil
	h := httpserver.Head{Status: status, Fields: []httpserver.Field{
		{Name: []byte("Content-Type"), Value: []byte("text/plain; charset=utf-8")},
	}}
	_ = x.Respond(&h, body) // who does not hear it has gone
}

// fail ends the connection for a fault of the application.
func (k *socket) fail() {
	switch {
	case k.x == nil:
	case k.conn == nil:
		k.refuse(500, []byte("Internal Server Error\n"))
	default:
		_ = k.conn.Close(websocket.Internal, "") // a code that may be sent
		k.hearGoodbye()
	}
}

// Returned implements relay.Talk.
func (k *socket) Returned(err error) {
	c := k.c
	k.c, k.queue, k.waiting = nil, nil, 0
	switch {
	case k.x == nil:
	case err != nil:
		k.fail()
	case k.conn == nil:
		c.Fault(errors.New("the application returned without an answer to websocket.connect"))
		k.fail()
	default:
		_ = k.conn.Close(websocket.Normal, "") // a code that may be sent
		k.hearGoodbye()
	}
}
