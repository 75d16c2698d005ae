package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// hub echoes, or sends to all; spoil changes what it sends.
type hub struct {
	spoil bool

	mu sync.Mutex

	all []net.Conn
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	h.mu.Lock()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	h.all = append(h.all, conn)
	h.mu.Unlock()
	for {
		p, err := payload(rw.Reader)
		if err != nil {
			return
		}
		if h.spoil {
			p[0]++
		}
		frame := append(head(0x81, 0, len(p)), p...)
		h.mu.Lock()
		to := h.all
		if r.URL.Path == "/echo" {
			to = []net.Conn{conn}
		}
		for _, c := range to {
			c.Write(frame)
		}
		h.mu.Unlock()
	}
}

// payload reads a message of less than 126 bytes; a close frame is the end.
func payload(r *bufio.Reader) ([]byte, error) {
	b := make([]byte, 6)
	if _, err := io.ReadFull(r, b); err != nil || b[0] == 0x88 {
		return nil, io.EOF
	}
	p := make([]byte, b[1]&0x7f)
	_, err := io.ReadFull(r, p)
	for i := range p {
		p[i] ^= b[2+i%4]
	}
	return p, err
}

func load(t *testing.T, h *hub, args ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	var out bytes.Buffer
	err := run(append(args, strings.TrimPrefix(server.URL, "http://")), &out)
	return out.String(), err
}

func TestEveryKindCountsTheMessagesThatCameBack(t *testing.T) {
	for kind := range kinds {
		out, err := load(t, &hub{}, "-kind", kind, "-connections", "4", "-seconds", "1", "-size", "100")
		report, ok := strings.CutPrefix(out, "bench ")
		var got struct{ Requests, Duration_us int }
		if err == nil && ok {
			err = json.Unmarshal([]byte(report), &got)
		}
		if err != nil || got.Requests < 4 || got.Duration_us < 1e6 {
			t.Errorf("%s: got %q, %v", kind, out, err)
		}
	}
}

func TestCheckLooksAtTheAnswers(t *testing.T) {
	for kind := range kinds {
		if out, err := load(t, &hub{}, "-kind", kind, "-connections", "4", "-check"); err != nil || out != "" {
			t.Errorf("%s: got %q, %v", kind, out, err)
		}
		if _, err := load(t, &hub{spoil: true}, "-kind", kind, "-connections", "4", "-check"); err == nil {
			t.Errorf("%s: wrong answers are not seen", kind)
		}
	}
}

func TestWrongCommandLinesAreRefused(t *testing.T) {
	for _, args := range [][]string{{}, {"-kind", "other", "x:1"}, {"-connections", "0", "x:1"}, {"-size", "0", "x:1"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
