package limits_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/limits"
	"github.com/puffstack/puff/internal/testkit"
)

// stage is a handler whose requests wait until a test lets them go on.
type stage struct {
	entered chan string   // paths, as they come
	proceed chan struct{} // lets one request end
	ended   chan error    // why the context of a request ended
	begun   bool          // answers begin before they wait
}

func newStage() *stage {
	return &stage{entered: make(chan string, 100), proceed: make(chan struct{}, 100), ended: make(chan error, 100)}
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/free" {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if s.begun {
		io.WriteString(w, "begun ")
		w.(http.Flusher).Flush()
	}
	s.entered <- r.URL.Path
	select {
	case <-s.proceed:
		fmt.Fprintf(w, "%s %d", r.URL.Path, len(body))
	case <-r.Context().Done():
		s.ended <- r.Context().Err()
	}
}

// limited runs test on each road with limits in front of a stage of its own.
func limited(t *testing.T, c limits.Config, begun bool, test func(t *testing.T, s *testkit.Site, l *limits.Limits, h *stage)) {
	t.Helper()
	for _, road := range []string{"long", "short"} {
		l, h := limits.New(c), newStage()
		h.begun = begun
		config := httpserver.Config{Filters: []httpserver.Filter{l.Filter}}
		testkit.Roads(t, config, h, func(t *testing.T, s *testkit.Site) {
			if s.Short == (road == "short") {
				test(t, s, l, h)
			}
		})
	}
}

func counts(t *testing.T, l *limits.Limits, running, waiting int) {
	t.Helper()
	want := limits.Counts{Running: running, Waiting: waiting}
	testkit.Wait(t, fmt.Sprint(want), func() bool { return l.Counts() == want })
}

func TestRequestsBeyondTheLimitWaitInOrderAndTheRestIsRefused(t *testing.T) {
	limited(t, limits.Config{Concurrency: 2, Queue: 3}, false, func(t *testing.T, s *testkit.Site, l *limits.Limits, h *stage) {
		var clients []*testkit.Client
		for i := range 5 {
			c := s.Dial(t)
			c.Send("GET", fmt.Sprintf("/%d", i), "X-Kept: "+strings.Repeat("k", 3000))
			clients = append(clients, c)
			counts(t, l, min(i+1, 2), max(i-1, 0))
		}
		last := s.Dial(t)
		for range 3 {
			if r := last.Ask("GET", "/refused"); r.StatusCode != 503 || r.Header.Get("Retry-After") != "1" {
				t.Errorf("got %d %v, want 503 and Retry-After", r.StatusCode, r.Header)
			}
		}
		<-h.entered
		<-h.entered
		for i := 2; i < 5; i++ {
			h.proceed <- struct{}{}
			if got := <-h.entered; got != fmt.Sprintf("/%d", i) {
				t.Errorf("got %s as number %d", got, i)
			}
			counts(t, l, 2, 4-i)
		}
		h.proceed <- struct{}{}
		h.proceed <- struct{}{}
		for i, c := range clients {
			if r := c.Answer("GET"); r.Body != fmt.Sprintf("/%d 0", i) {
				t.Errorf("client %d got %d %q", i, r.StatusCode, r.Body)
			}
		}
		counts(t, l, 0, 0)
		if r := last.Ask("GET", "/free"); r.StatusCode != 200 {
			t.Errorf("got %d when all is over", r.StatusCode)
		}
	})
}

func TestAClientThatGoesAwayLeavesTheQueue(t *testing.T) {
	limited(t, limits.Config{Concurrency: 1, Queue: 2}, false, func(t *testing.T, s *testkit.Site, l *limits.Limits, h *stage) {
		first, second, third := s.Dial(t), s.Dial(t), s.Dial(t)
		first.Send("GET", "/first")
		counts(t, l, 1, 0)
		second.Send("GET", "/second")
		counts(t, l, 1, 1)
		third.Send("GET", "/third")
		counts(t, l, 1, 2)
		second.Close()
		counts(t, l, 1, 1)
		h.proceed <- struct{}{}
		h.proceed <- struct{}{}
		first.Answer("GET")
		if r := third.Answer("GET"); r.Body != "/third 0" {
			t.Errorf("got %q", r.Body)
		}
		counts(t, l, 0, 0)
		if a, b := <-h.entered, <-h.entered; a != "/first" || b != "/third" {
			t.Errorf("the handler got %s and %s", a, b)
		}
	})
}

func TestABigBodyIsReadWhenItsTurnHasCome(t *testing.T) {
	limited(t, limits.Config{Concurrency: 1, Queue: 1}, false, func(t *testing.T, s *testkit.Site, l *limits.Limits, h *stage) {
		first, second := s.Dial(t), s.Dial(t)
		first.Send("GET", "/first")
		counts(t, l, 1, 0)
		const size = 3 << 20
		sent := make(chan error, 1)
		second.Send("POST", "/second", fmt.Sprintf("Content-Length: %d", size))
		go func() {
			_, err := io.WriteString(second.Conn, strings.Repeat("b", size))
			sent <- err
		}()
		counts(t, l, 1, 1)
		h.proceed <- struct{}{}
		h.proceed <- struct{}{}
		if r := second.Answer("POST"); r.Body != fmt.Sprintf("/second %d", size) {
			t.Errorf("got %d %q", r.StatusCode, r.Body)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		first.Answer("GET")
		counts(t, l, 0, 0)
	})
}

const soon = 20 * time.Millisecond

func TestAnAnswerThatHasNotBegunInTimeIs503AndTheHandlerIsTold(t *testing.T) {
	limited(t, limits.Config{Timeout: soon}, false, func(t *testing.T, s *testkit.Site, _ *limits.Limits, h *stage) {
		c := s.Dial(t)
		for range 3 {
			if r := c.Ask("GET", "/slow"); r.StatusCode != 503 || r.Err != nil {
				t.Errorf("got %d, %v", r.StatusCode, r.Err)
			}
			if err := <-h.ended; err == nil {
				t.Error("the handler was told no reason")
			}
			if r := c.Ask("GET", "/free"); r.StatusCode != 200 {
				t.Errorf("the next request got %d", r.StatusCode)
			}
		}
		testkit.Wait(t, "all exchanges to be over", func() bool { n := s.Stats(); return n.InFlight == 0 && n.Requests == 6 })
	})
}

func TestAnAnswerThatHasBegunIsCutWhenItsTimeIsUp(t *testing.T) {
	limited(t, limits.Config{Timeout: soon}, true, func(t *testing.T, s *testkit.Site, _ *limits.Limits, h *stage) {
		r := s.Ask(t, "GET", "/slow")
		if r.StatusCode != 200 || r.Body != "begun " || r.Err == nil {
			t.Errorf("got %d %q, %v; want an answer without an end", r.StatusCode, r.Body, r.Err)
		}
		<-h.ended
		testkit.Wait(t, "all exchanges to be over", func() bool { n := s.Stats(); return n.InFlight == 0 && n.Connections == 0 })
	})
}

func TestTimeRunsInTheQueueToo(t *testing.T) {
	limited(t, limits.Config{Concurrency: 1, Queue: 1, Timeout: soon}, false,
		func(t *testing.T, s *testkit.Site, l *limits.Limits, h *stage) {
			first, second := s.Dial(t), s.Dial(t)
			first.Send("GET", "/first")
			second.Send("GET", "/second")
			for _, c := range []*testkit.Client{first, second} {
				if r := c.Answer("GET"); r.StatusCode != 503 {
					t.Errorf("got %d", r.StatusCode)
				}
			}
			counts(t, l, 0, 0)
		})
}

// TestAHandlerCountsUntilItHasEnded has the client of a handler that heeds nothing time out, and looks who gets its room.
func TestAHandlerCountsUntilItHasEnded(t *testing.T) {
	hold := make(chan chan struct{}, 1)
	stubborn := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/free" {
			return
		}
		release := make(chan struct{})
		hold <- release
		<-release
		io.WriteString(w, "too late")
	})
	l := limits.New(limits.Config{Concurrency: 1, Timeout: soon})
	testkit.Roads(t, httpserver.Config{Filters: []httpserver.Filter{l.Filter}}, stubborn, func(t *testing.T, s *testkit.Site) {
		if r := s.Ask(t, "GET", "/"); r.StatusCode != 503 {
			t.Errorf("got %d", r.StatusCode)
		}
		counts(t, l, 1, 0)
		if r := s.Ask(t, "GET", "/free"); r.StatusCode != 503 {
			t.Errorf("got %d while the handler is busy", r.StatusCode)
		}
		close(<-hold)
		counts(t, l, 0, 0)
		if r := s.Ask(t, "GET", "/free"); r.StatusCode != 200 {
			t.Errorf("got %d when the handler had ended", r.StatusCode)
		}
	})
}

// TestNothingIsLostWhenAllHappensAtOnce has clients come, wait, give up and time out in an order that is random.
func TestNothingIsLostWhenAllHappensAtOnce(t *testing.T) {
	l := limits.New(limits.Config{Concurrency: 3, Queue: 8, Timeout: 5 * time.Millisecond})
	mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/begun") {
			w.(http.Flusher).Flush()
		}
		if strings.HasSuffix(r.URL.Path, "slow") {
			<-r.Context().Done()
		}
		io.WriteString(w, "done")
	})
	testkit.Roads(t, httpserver.Config{Filters: []httpserver.Filter{l.Filter}}, mux, func(t *testing.T, s *testkit.Site) {
		var group sync.WaitGroup
		for i := range 24 {
			group.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 7))
				for range 15 {
					converse(t, s, random)
				}
			})
		}
		group.Wait()
		counts(t, l, 0, 0)
		testkit.Wait(t, "all exchanges to be over", func() bool { return s.Stats().InFlight == 0 })
		if r := s.Ask(t, "GET", "/"); r.Body != "done" {
			t.Errorf("got %d %q when all is over", r.StatusCode, r.Body)
		}
	})
}

func converse(t *testing.T, s *testkit.Site, random *rand.Rand) {
	nc, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	for range 1 + random.IntN(3) {
		path := []string{"/", "/slow", "/begun", "/begunslow"}[random.IntN(4)]
		fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
	}
	if random.IntN(3) == 0 {
		if random.IntN(2) == 0 {
			nc.(*net.TCPConn).SetLinger(0)
		}
		return
	}
	nc.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, nc)
}
