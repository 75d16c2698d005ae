package httpserver

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestRandomConversationsComeOutRight has clients do everything at once, in an order that is random but the same each time:
// bodies of all sizes in both framings, pipelined and in pieces, answers streamed and whole, and connections broken off.
func TestRandomConversationsComeOutRight(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			w.Write(body)
		}
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 5000)
		for {
			n, err := r.Body.Read(b)
			w.Write(b[:n])
			if err != nil {
				return
			}
			if n%3 == 0 {
				w.(http.Flusher).Flush()
			}
		}
	})
	mux.HandleFunc("/unread", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "unread") })
	mux.HandleFunc("/made", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.RawQuery)
		w.Write(make([]byte, n))
	})
	adaptedRoads(t, mux, func(t *testing.T, s *site) {
		var group sync.WaitGroup
		for i := range 16 {
			group.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 1))
				for range 5 {
					converse(t, s, random)
				}
			})
		}
		group.Wait()
		until(t, "the connections to be closed", func() bool {
			now := s.Stats()
			return now.Connections == 0 && now.InFlight == 0
		})
	})
}

// converse opens a connection and has some rounds of requests on it.
func converse(t *testing.T, s *site, random *rand.Rand) {
	c := s.dial(t)
	defer c.Close()
	for range 1 + random.IntN(5) {
		in, want := randomRequests(random)
		if random.IntN(10) == 0 {
			c.send(in[:random.IntN(len(in))])
			if random.IntN(2) == 0 {
				c.Conn.(*net.TCPConn).SetLinger(0)
			}
			return
		}
		sent := make(chan bool)
		go func() {
			defer close(sent)
			for n := 1 + len(in)/(1+len(want)); len(in) > 0; in = in[min(n, len(in)):] {
				c.send(in[:min(n, len(in))])
			}
		}()
		for i, body := range want {
			if got := c.answer("POST"); got.body != body || got.err != nil || got.StatusCode != 200 {
				t.Errorf("got %d, %d bytes, %v as answer %d of %d, want %d bytes", got.StatusCode, len(got.body), got.err,
					i, len(want), len(body))
				return
			}
		}
		<-sent
	}
}

// randomRequests returns a few requests, and the bodies of the answers.
func randomRequests(random *rand.Rand) (in string, want []string) {
	var b bytes.Buffer
	for range 1 + random.IntN(4) {
		size := []int{0, 1, 100, 5000, 64 << 10, 70_000, 300_000}[random.IntN(7)]
		body := strings.Repeat(string(rune('a'+random.IntN(26))), size)
		path := []string{"/echo", "/stream", "/unread", "/made"}[random.IntN(4)]
		switch {
		case path == "/made":
			fmt.Fprintf(&b, "GET /made?%d HTTP/1.1\r\nHost: a\r\n\r\n", size)
			want = append(want, string(make([]byte, size)))
			continue
		case path == "/unread" && size <= 70_000:
			want = append(want, "unread")
		default:
			path = strings.Replace(path, "unread", "echo", 1)
			want = append(want, body)
		}
		if random.IntN(2) == 0 {
			fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, size, body)
		} else {
			fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s", path,
				chunked(body, 1+random.IntN(20_000)))
		}
	}
	return b.String(), want
}
