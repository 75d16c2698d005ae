package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// patience is how long one act may take before it counts as failed.
const patience = 30 * time.Second

// maxFailures is how many kinds of failure a report spells out.
const maxFailures = 20

// report is what happened so far.
type report struct {
	Requests int            `json:"requests"`
	Acts     map[string]int `json:"acts"`
	Failed   int            `json:"failed"`
	Failures map[string]int `json:"failures"`
}

func newReport() report { return report{Acts: map[string]int{}, Failures: map[string]int{}} }

// fail counts n failures of a kind.
func (r *report) fail(kind string, n int) {
	if _, known := r.Failures[kind]; known || len(r.Failures) < maxFailures {
		r.Failures[kind] += n
	}
}

func (r *report) add(o report) {
	r.Requests += o.Requests
	r.Failed += o.Failed
	for name, n := range o.Acts {
		r.Acts[name] += n
	}
	for kind, n := range o.Failures {
		r.fail(kind, n)
	}
}

// batch sends n requests over all clients at once and closes their connections.
func batch(clients []*client, n int) report {
	total := newReport()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, c := range clients {
		// The first n%len clients take one more, so that the shares add up to n.
		share := n / len(clients)
		if i < n%len(clients) {
			share++
		}
		wg.Go(func() {
			mine := c.work(share)
			mu.Lock()
			defer mu.Unlock()
			total.add(mine)
		})
	}
	wg.Wait()
	return total
}

// client is one connection at a time to one server. It is made for one goroutine.
type client struct {
	name    string // of the interface, for reports
	address string
	acts    []act
	weight  int
	random  *rand.Rand
	conn    net.Conn // nil when the next act has to connect
	reader  *bufio.Reader
}

func newClient(name, address string, acts []act, seed, number uint64) *client {
	c := &client{
		name:    name,
		address: address,
		acts:    acts,
		random:  rand.New(rand.NewPCG(seed, number)),
		reader:  bufio.NewReaderSize(nil, 16<<10),
	}
	for _, a := range acts {
		c.weight += a.weight
	}
	return c
}

// work does n acts and leaves no connection open.
func (c *client) work(n int) report {
	r := newReport()
	for range n {
		a := c.pick()
		r.Requests++
		r.Acts[a.name]++
		if err := c.do(a); err != nil {
			c.drop()
			r.Failed++
			r.fail(fmt.Sprintf("%s on %s: %s", a.name, c.name, reason(err)), 1)
		}
	}
	c.drop()
	return r
}

// reason is the text of an error without the ports of the connection, which differ each time.
func reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// pick returns the next act, at random by weight.
func (c *client) pick() act {
	at := c.random.IntN(c.weight)
	for _, a := range c.acts {
		if at -= a.weight; at < 0 {
			return a
		}
	}
	panic("the weights of the acts do not add up to their sum")
}

func (c *client) do(a act) error {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, patience)
		if err != nil {
			return err
		}
		c.conn = conn
		c.reader.Reset(conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return a.do(c)
}

// send writes raw bytes.
func (c *client) send(p string) error {
	_, err := io.WriteString(c.conn, p)
	return err
}

// answer reads one whole answer and holds it against what it should be.
func (c *client) answer(status int, body string) error {
	got, err := c.response(status)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if body != anyBody && string(text) != body {
		return fmt.Errorf("%d bytes of body are not the %d expected", len(text), len(body))
	}
	if got.Close {
		c.drop()
	}
	return nil
}

// response reads the head of an answer.
func (c *client) response(status int) (*http.Response, error) {
	got, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, fmt.Errorf("read the head: %w", err)
	}
	if got.StatusCode != status {
		return nil, fmt.Errorf("status %d is not the %d expected", got.StatusCode, status)
	}
	return got, nil
}

// drop closes the connection, if there is one, in the usual way.
func (c *client) drop() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// reset closes the connection so that the server sees a reset and not an end.
func (c *client) reset() {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.drop()
}
