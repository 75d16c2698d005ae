package main

// client.go is one connection that does as little as it can: its messages are masked once, and the server's are compared
// byte by byte.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const patience = 30 * time.Second

type client struct {
	conn   net.Conn
	reader *bufio.Reader
	frame  []byte // a message, as it is sent
	want   []byte // and as it comes back
	buf    []byte
}

func dial(p *plan, path string) (*client, error) {
	conn, err := net.DialTimeout("tcp", p.address, patience)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(p.end.Add(patience)); err != nil {
		return nil, err
	}
	c := &client{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, p.address)
	if err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if answer.StatusCode != 101 {
		return nil, fmt.Errorf("open %s: status %d", path, answer.StatusCode)
	}
	c.want = append(head(0x81, 0, len(p.message)), p.message...)
	mask := []byte{0x11, 0x22, 0x33, 0x44}
	c.frame = append(head(0x81, 0x80, len(p.message)), mask...)
	for i, b := range p.message {
		c.frame = append(c.frame, b^mask[i%4])
	}
	c.buf = make([]byte, len(c.want))
	return c, nil
}

func head(b0, mask byte, n int) []byte {
	switch {
	case n < 126:
		return []byte{b0, mask | byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{b0, mask | 126}, uint16(n))
	}
	return binary.BigEndian.AppendUint64([]byte{b0, mask | 127}, uint64(n))
}

func (c *client) send() error {
	_, err := c.conn.Write(c.frame)
	return err
}

func (c *client) receive() error {
	for have := 0; have < len(c.buf); {
		n, err := c.reader.Read(c.buf[have:])
		if err != nil {
			return fmt.Errorf("receive a message: %w", err)
		}
		have += n
	}
	if !bytes.Equal(c.buf, c.want) {
		return fmt.Errorf("receive a message: it begins % x, want % x", c.buf[:min(8, len(c.buf))], c.want[:min(8, len(c.want))])
	}
	return nil
}

// leave says goodbye.
func (c *client) leave() {
	c.conn.Write([]byte{0x88, 0x80, 0, 0, 0, 0})
	c.conn.Close()
}

// all opens every connection and runs do on a goroutine for each.
func (p *plan) all(path string, do func(i int, c *client) ([]time.Duration, error)) ([]time.Duration, error) {
	clients := make([]*client, p.connections)
	for i := range clients {
		c, err := dial(p, path)
		if err != nil {
			return nil, err
		}
		defer c.leave()
		clients[i] = c
	}
	times := make([][]time.Duration, p.connections)
	errs := make([]error, p.connections)
	var group sync.WaitGroup
	for i, c := range clients {
		group.Go(func() {
			if times[i], errs[i] = do(i, c); errs[i] != nil {
				c.conn.Close()
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(times...), nil
}

func (p *plan) over(n int) bool {
	if p.most > 0 {
		return n >= p.most
	}
	return time.Now().After(p.end)
}

// echo has one message under way on each connection.
func echo(p *plan) ([]time.Duration, error) {
	return p.all("/echo", func(_ int, c *client) (times []time.Duration, err error) {
		for !p.over(len(times)) {
			begin := time.Now()
			if err := c.send(); err != nil {
				return nil, err
			}
			if err := c.receive(); err != nil {
				return nil, err
			}
			times = append(times, time.Since(begin))
		}
		return times, nil
	})
}

// broadcast has the first connection send a message once every connection has the one before.
func broadcast(p *plan) ([]time.Duration, error) {
	var round sync.WaitGroup
	next := make([]chan time.Time, p.connections)
	for i := range next {
		next[i] = make(chan time.Time, 1)
	}
	return p.all("/broadcast", func(i int, c *client) (times []time.Duration, err error) {
		if i > 0 {
			for begin := range next[i] {
				err = c.receive()
				times = append(times, time.Since(begin))
				round.Done()
				if err != nil {
					c.conn.Close()
				}
			}
			return times, err
		}
		defer func() {
			for _, n := range next[1:] {
				close(n)
			}
		}()
		for !p.over(len(times)) {
			begin := time.Now()
			round.Add(p.connections - 1)
			for _, n := range next[1:] {
				n <- begin
			}
			if err := c.send(); err != nil {
				return nil, err
			}
			if err := c.receive(); err != nil {
				return nil, err
			}
			times = append(times, time.Since(begin))
			round.Wait()
		}
		return times, nil
	})
}

// room has every connection send a message, and receive one of each, which are all the same.
func room(p *plan) ([]time.Duration, error) {
	// All stop after the same message, which the first chooses: nobody is more than one behind.
	var last atomic.Int64
	last.Store(math.MaxInt64)
	return p.all("/broadcast", func(i int, c *client) (times []time.Duration, err error) {
		for n := int64(0); n <= last.Load(); n++ {
			if i == 0 && p.over(int(n)) && last.Load() == math.MaxInt64 {
				last.Store(n + 3)
			}
			begin := time.Now()
			if err := c.send(); err != nil {
				return nil, err
			}
			for range p.connections {
				if err := c.receive(); err != nil {
					return nil, err
				}
				times = append(times, time.Since(begin))
			}
		}
		return times, nil
	})
}
