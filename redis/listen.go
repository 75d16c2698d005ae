package redis

// Listening: a connection in the state of subscriptions, which has a protocol of its
// own. What comes is handed on as it is read, and not read while nobody takes it.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long a connection that listens may be silent, and how often it is asked whether
// it is there.
const (
	silence  = 30 * time.Second
	pingEach = 10 * time.Second
)

// maxBulk is the most that Redis itself allows of one text.
const maxBulk = 512 << 20

// Event is what a [Listener] reads.
type Event struct {
	// Kind is what Redis calls it: "message", "pmessage", "subscribe", "unsubscribe",
	// "psubscribe", "punsubscribe"; "error" for what it objects to.
	Kind string
	// Pattern is what a pmessage came by.
	Pattern string
	// Channel is the channel, or the pattern of a psubscribe or punsubscribe.
	Channel string
	// Body is the message, or the text of an error.
	Body string
}

// Listener is a connection that listens.
type Listener struct {
	conn net.Conn
	r    *bufio.Reader

	mu sync.Mutex // of writing
}

// Listen opens a connection that listens.
func (c *Client) Listen(ctx context.Context) (*Listener, error) {
	l, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	server, err := ParseURL(l.url)
	if err != nil {
		return nil, err
	}
	// Any node of a cluster hands on what is published at another; some may be away.
	err = errors.New("no node is known")
	for _, node := range slices.Sorted(maps.Keys(l.Nodes())) {
		var listener *Listener
		if listener, err = c.dialer.listen(ctx, server, node, c.config.ConnectTimeout); err == nil {
			return listener, c.ended(l, nil, nil)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, c.away(l, err)
}

func (d *dialer) listen(ctx context.Context, s *Server, address string, most time.Duration) (*Listener, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	conn, err := d.dial(ctx, address, &net.Dialer{}, s.TLS)
	if err != nil {
		return nil, err
	}
	l := &Listener{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if err := l.login(s); err != nil {
		conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return l, nil
}

func (l *Listener) login(s *Server) error {
	words := []string{"PING"}
	switch {
	case s.User != "":
		words = []string{"AUTH", s.User, s.Password}
	case s.Password != "":
		words = []string{"AUTH", s.Password}
	}
	if err := l.Send(words); err != nil {
		return err
	}
	line, err := l.line()
	if err == nil && strings.HasPrefix(line, "-") {
		err = &Replied{Code: "AUTH", Text: line[1:]}
	}
	return err
}

// Send writes commands, in one write: SUBSCRIBE and its kin.
func (l *Listener) Send(commands ...[]string) error {
	var b []byte
	for _, words := range commands {
		b = fmt.Appendf(b, "*%d\r\n", len(words))
		for _, w := range words {
			b = append(fmt.Appendf(b, "$%d\r\n", len(w)), w...)
			b = append(b, '\r', '\n')
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, err := l.conn.Write(b)
	return err
}

// Run hands on what comes until the connection ends, and returns why it did. receive
// may wait: nothing is read meanwhile.
func (l *Listener) Run(receive func(Event)) error {
	stop := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() { l.ping(stop) })
	defer pinging.Wait()
	defer close(stop)
	defer l.conn.Close()
	for {
		_ = l.conn.SetReadDeadline(time.Now().Add(silence))
		e, ok, err := l.next()
		if err != nil {
			return err
		}
		if ok {
			receive(e)
		}
	}
}

// Close ends the connection, and with it Run.
func (l *Listener) Close() { l.conn.Close() }

func (l *Listener) ping(stop chan struct{}) {
	t := time.NewTicker(pingEach)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			if l.Send([]string{"PING"}) != nil {
				l.conn.Close()
				return
			}
		}
	}
}

var errProtocol = errors.New("read a message: it is not the protocol of Redis")

// next reads an event; ok is false for what is none, the answers to PING.
func (l *Listener) next() (e Event, ok bool, err error) {
	line, err := l.line()
	if err != nil {
		return e, false, err
	}
	switch line[0] {
	case '-':
		return Event{Kind: "error", Body: strings.TrimPrefix(line[1:], "ERR ")}, true, nil
	case '*', '>':
	default:
		return e, false, nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 2 || n > 4 {
		return e, false, errProtocol
	}
	var parts [4]string
	for i := range n {
		if parts[i], err = l.text(); err != nil {
			return e, false, err
		}
	}
	switch parts[0] {
	case "message":
		return Event{Kind: parts[0], Channel: parts[1], Body: parts[2]}, true, nil
	case "pmessage":
		return Event{Kind: parts[0], Pattern: parts[1], Channel: parts[2], Body: parts[3]}, true, nil
	case "pong":
		return e, false, nil
	}
	return Event{Kind: parts[0], Channel: parts[1]}, true, nil
}

// text reads one part: bytes, a number or nothing.
func (l *Listener) text() (string, error) {
	line, err := l.line()
	if err != nil || line[0] != '$' {
		return line, err
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n > maxBulk {
		return "", errProtocol
	}
	if n < 0 {
		return "", nil
	}
	var text strings.Builder
	text.Grow(min(n, 1<<20)) // no more than comes
	if _, err := io.CopyN(&text, l.r, int64(n)); err != nil {
		return "", err
	}
	_, err = l.r.Discard(2)
	return text.String(), err
}

// line reads one line that is not empty, without its end.
func (l *Listener) line() (string, error) {
	b, err := l.r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	if len(b) < 3 || b[len(b)-2] != '\r' {
		return "", errProtocol
	}
	return string(b[:len(b)-2]), nil
}
