package httpserver

import (
	"io"
	"net/http"
	"testing"
)

// mark is a filter that adds a field to each answer and a byte to each written piece.
type mark struct {
	next Handler
	name string
}

func (m *mark) Handle(x *Exchange) {
	marked := &marked{name: m.name}
	marked.Answerer = x.Intercept(marked)
	m.next.Handle(x)
}

type marked struct {
	Answerer
	name string
}

func (m *marked) head(h *Head) *Head {
	h.Fields = append(h.Fields, Field{[]byte("X-Mark"), []byte(m.name)})
	return h
}

func (m *marked) Respond(x *Exchange, h *Head, body []byte) error {
	return m.Answerer.Respond(x, m.head(h), append([]byte(m.name), body...))
}

func (m *marked) Start(x *Exchange, h *Head) error { return m.Answerer.Start(x, m.head(h)) }

func TestFiltersSeeRequestsInOrderAndAnswersInReverse(t *testing.T) {
	filters := []Filter{
		func(next Handler) Handler { return &mark{next, "a"} },
		func(next Handler) Handler { return &mark{next, "b"} },
	}
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{Filters: filters}, func(x *Exchange, _ func(func())) {
			if string(x.Path) == "/stream" {
				x.Start(&Head{Status: 200})
				x.Write([]byte("streamed"))
				x.Finish(nil)
				return
			}
			x.Respond(&Head{Status: 200}, []byte("whole"))
		})
		for path, want := range map[string]string{"/": "abwhole", "/stream": "streamed"} {
			r, err := http.Get("http://" + s.addr + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil || string(body) != want {
				t.Errorf("%s: got %q, %v, want %q", path, body, err, want)
			}
			if got := r.Header["X-Mark"]; len(got) != 2 || got[0] != "b" || got[1] != "a" {
				t.Errorf("%s: got X-Mark %q, want b then a", path, got)
			}
		}
	})
}
