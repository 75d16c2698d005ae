package bind

// The HTTP client: what puff/http.py calls. A response whose body is read in pieces, and a
// request whose body is written so, stay here under a number until they are closed.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/puffstack/puff/httpclient"
	"github.com/puffstack/puff/internal/py"
)

// HTTPClient is the glue to clients that the program has by name.
type HTTPClient struct {
	client func(name string) (*httpclient.Client, error)

	mu      sync.Mutex
	streams map[int64]*httpStream
	jars    map[int64]*httpclient.Jar
	last    int64
}

// maxHeld is how many streams, and how many jars, may be open: a program that has more
// forgets to close them.
const maxHeld = 10_000

// NewHTTPClient returns the glue to the clients that client finds.
func NewHTTPClient(client func(name string) (*httpclient.Client, error)) *HTTPClient {
	return &HTTPClient{client: client, streams: map[int64]*httpStream{}, jars: map[int64]*httpclient.Jar{}}
}

// Funcs returns what Python may call.
func (h *HTTPClient) Funcs() map[string]py.Func {
	return map[string]py.Func{
		"http.request":   h.request,
		"http.open":      h.open,
		"http.begin":     h.begin,
		"http.write":     h.write,
		"http.end":       h.end,
		"http.read":      h.read,
		"http.rest":      h.rest,
		"http.close":     h.close,
		"http.jar":       h.jar,
		"http.jar_close": h.jarClose,
	}
}

// request(client, method, URL, options) returns the head and the whole body.
func (h *HTTPClient) request(ctx context.Context, args []any) (any, error) {
	c, r, err := h.asked(args)
	if err != nil {
		return nil, err
	}
	response, err := c.Do(ctx, r)
	if err != nil {
		return nil, httpError(err)
	}
	defer response.Close()
	answer, err := httpAnswer(response)
	if err != nil {
		return nil, httpError(err)
	}
	return answer, nil
}

// open(client, method, URL, options) returns a number and the head; the body is to be read.
func (h *HTTPClient) open(ctx context.Context, args []any) (any, error) {
	c, r, err := h.asked(args)
	if err != nil {
		return nil, err
	}
	s := newHTTPStream(ctx)
	s.run(c, r)
	return h.opened(ctx, s)
}

// begin(client, method, URL, options) starts a request whose body is to be written; its number.
func (h *HTTPClient) begin(ctx context.Context, args []any) (any, error) {
	c, r, err := h.asked(args)
	if err != nil {
		return nil, err
	}
	s := newHTTPStream(ctx)
	reader, writer := io.Pipe()
	s.body = writer
	r.Stream, r.Length = reader, -1
	id, err := h.hold(s)
	if err != nil {
		return nil, err
	}
	go s.run(c, r) // ends with its request, at the latest when s is closed
	return id, nil
}

// write(id, piece) waits until the piece is on its way; False: nobody wants more.
func (h *HTTPClient) write(ctx context.Context, args []any) (any, error) {
	s, err := h.stream(args)
	if err != nil {
		return nil, err
	}
	piece, ok := arg(args, 1).([]byte)
	if !ok {
		return nil, py.NewError("TypeError", fmt.Sprintf("a piece of a body is bytes, not %T", arg(args, 1)))
	}
	defer context.AfterFunc(ctx, s.cancel)()
	_, err = s.body.Write(piece)
	return err == nil, nil
}

// end(id) says that the body is whole, and returns the head of the answer.
func (h *HTTPClient) end(ctx context.Context, args []any) (any, error) {
	s, err := h.stream(args)
	if err != nil {
		return nil, err
	}
	s.body.Close()
	select {
	case <-s.answered:
	case <-ctx.Done():
		s.cancel()
		<-s.answered
	}
	if s.err != nil {
		return nil, httpError(s.err)
	}
	return &httpHead{s.response, 0}, nil
}

// read(id, n) returns up to n bytes of the body; none: that was all.
func (h *HTTPClient) read(ctx context.Context, args []any) (any, error) {
	s, err := h.stream(args)
	if err != nil {
		return nil, err
	}
	n, _ := arg(args, 1).(int64)
	if n <= 0 || n > 16<<20 {
		return nil, wrong("http.read", "a number and a size", args)
	}
	defer context.AfterFunc(ctx, s.cancel)()
	b := make([]byte, n)
	for {
		k, err := s.response.Body.Read(b)
		switch {
		case k > 0 || err == io.EOF:
			return b[:k], nil
		case err != nil:
			return nil, httpError(err)
		}
	}
}

// rest(id) returns what is left of the body.
func (h *HTTPClient) rest(ctx context.Context, args []any) (any, error) {
	s, err := h.stream(args)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, s.cancel)()
	body, err := s.response.All()
	return body, httpError(err)
}

// close(id) ends the exchange.
func (h *HTTPClient) close(_ context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	h.mu.Lock()
	s := h.streams[id]
	delete(h.streams, id)
	h.mu.Unlock()
	if s != nil {
		s.close()
	}
	return nil, nil
}

// jar() returns the number of a new jar of cookies.
func (h *HTTPClient) jar(context.Context, []any) (any, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.jars) >= maxHeld {
		return nil, py.NewError("RuntimeError", fmt.Sprintf("%d sessions are open: close them, with \"with\" or close()", maxHeld))
	}
	h.last++
	h.jars[h.last] = httpclient.NewJar()
	return h.last, nil
}

// jarClose(id) forgets a jar.
func (h *HTTPClient) jarClose(_ context.Context, args []any) (any, error) {
	id, _ := arg(args, 0).(int64)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.jars, id)
	return nil, nil
}

// asked reads the name of a client and what to send: a method, a URL, and options or None.
func (h *HTTPClient) asked(args []any) (*httpclient.Client, *httpclient.Request, error) {
	name, ok := arg(args, 0).(string)
	method, isMethod := arg(args, 1).(string)
	address, isAddress := arg(args, 2).(string)
	options, isDict := arg(args, 3).(py.Dict)
	if !ok || !isMethod || !isAddress || !isDict && arg(args, 3) != nil {
		return nil, nil, wrong("http.request", "a name, a method, a URL, and options or None", args)
	}
	c, err := h.client(name)
	if err != nil {
		return nil, nil, err
	}
	r, jar, err := httpRequest(method, address, options)
	if err != nil {
		return nil, nil, err
	}
	if jar != 0 {
		h.mu.Lock()
		r.Jar = h.jars[jar]
		h.mu.Unlock()
		if r.Jar == nil {
			return nil, nil, py.NewError("RuntimeError", "the session is closed: open another")
		}
	}
	return c, r, nil
}

// opened holds s once its answer has begun.
func (h *HTTPClient) opened(ctx context.Context, s *httpStream) (any, error) {
	if s.err != nil {
		s.close()
		return nil, httpError(s.err)
	}
	id, err := h.hold(s)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // nobody will ever hear of the number
		h.close(ctx, []any{id})
		return nil, ctx.Err()
	}
	return &httpHead{s.response, id}, nil
}

func (h *HTTPClient) hold(s *httpStream) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= maxHeld {
		s.cancel()
		return 0, py.NewError("RuntimeError", fmt.Sprintf("%d streams are open: close them, with \"with\" or close()", maxHeld))
	}
	h.last++
	h.streams[h.last] = s
	return h.last, nil
}

func (h *HTTPClient) stream(args []any) (*httpStream, error) {
	id, _ := arg(args, 0).(int64)
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.streams[id]; s != nil {
		return s, nil
	}
	return nil, py.NewError("RuntimeError", "the stream is closed")
}

// httpStream is an exchange that outlives the call that began it.
type httpStream struct {
	ctx      context.Context
	cancel   context.CancelFunc
	body     *io.PipeWriter
	answered chan struct{} // response or err is there
	response *httpclient.Response
	err      error
	caller   context.Context
}

// newHTTPStream begins with the call of ctx, and ends with it only as long as that runs.
func newHTTPStream(ctx context.Context) *httpStream {
	s := &httpStream{answered: make(chan struct{}), caller: ctx}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// run sends r and fetches the head of the answer.
func (s *httpStream) run(c *httpclient.Client, r *httpclient.Request) {
	defer close(s.answered)
	if s.body == nil {
		defer context.AfterFunc(s.caller, s.cancel)()
	}
	s.response, s.err = c.Do(s.ctx, r)
	if r.Stream != nil {
		r.Stream.Close() // who writes hears that nobody reads
	}
}

func (s *httpStream) close() {
	s.cancel()
	if s.body != nil {
		s.body.CloseWithError(io.ErrClosedPipe)
	}
	<-s.answered
	if s.response != nil {
		s.response.Close()
	}
}

// httpErrors names the exception of each kind. It is never changed.
var httpErrors = map[httpclient.Kind]string{
	httpclient.KindRequest:   "puff.http.InvalidRequest",
	httpclient.KindConnect:   "puff.http.ConnectError",
	httpclient.KindTLS:       "puff.http.TLSError",
	httpclient.KindTimeout:   "puff.http.TimeoutError",
	httpclient.KindRedirects: "puff.http.TooManyRedirects",
	httpclient.KindExchange:  "puff.http.HTTPError",
	httpclient.KindTooLarge:  "puff.http.BodyTooLarge",
}

func httpError(err error) error {
	e, ok := errors.AsType[*httpclient.Error](err)
	if !ok || httpErrors[e.Kind] == "" {
		return err
	}
	return py.NewError(httpErrors[e.Kind], e.Error())
}

func milliseconds(v any) time.Duration {
	switch v := v.(type) {
	case int64:
		return time.Duration(v) * time.Millisecond
	case float64:
		return time.Duration(v * float64(time.Millisecond))
	}
	return 0
}
