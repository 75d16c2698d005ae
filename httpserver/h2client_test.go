package httpserver

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Client returns a client that speaks HTTP/2 without TLS.
func h2Client(t *testing.T) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: protocols}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// rawH2 is a client that may break every rule.
type rawH2 struct {
	net.Conn
	*http2.Framer
	t     *testing.T
	block bytes.Buffer
	enc   *hpack.Encoder
	dec   *hpack.Decoder
}

// dialH2 connects and says the preface, and the settings given.
func (s *site) dialH2(t *testing.T, settings ...http2.Setting) *rawH2 {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newRawH2(t, nc, settings...)
}

func newRawH2(t *testing.T, nc net.Conn, settings ...http2.Setting) *rawH2 {
	t.Helper()
	nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	c := &rawH2{Conn: nc, Framer: http2.NewFramer(nc, nc), t: t}
	c.AllowIllegalWrites = true
	c.enc = hpack.NewEncoder(&c.block)
	c.dec = hpack.NewDecoder(4096, nil)
	io.WriteString(nc, http2.ClientPreface)
	c.WriteSettings(settings...)
	return c
}

// pairs of a request that is like most.
func get(path string) []string {
	return []string{":method", "GET", ":scheme", "http", ":authority", "test", ":path", path}
}

func post(path string) []string {
	return append([]string{":method", "POST"}, get(path)[2:]...)
}

// encode returns a header block of names and values in turn.
func (c *rawH2) encode(pairs ...string) []byte {
	c.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		c.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return c.block.Bytes()
}

// request opens a stream.
func (c *rawH2) request(id uint32, end bool, pairs ...string) error {
	return c.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: c.encode(pairs...), EndStream: end, EndHeaders: true,
	})
}

// next returns the next frame that is not about settings, windows or pings.
func (c *rawH2) next() http2.Frame {
	c.t.Helper()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			c.t.Fatalf("read frame: %v", err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				c.WriteSettingsAck()
			}
		case *http2.WindowUpdateFrame, *http2.PingFrame:
		default:
			return f
		}
	}
}

// head reads the head of an answer.
func (c *rawH2) head(id uint32) (fields map[string]string, ended bool) {
	c.t.Helper()
	f, ok := c.next().(*http2.HeadersFrame)
	if !ok || f.StreamID != id {
		c.t.Fatalf("got %v, want the head of stream %d", f, id)
	}
	list, err := c.dec.DecodeFull(f.HeaderBlockFragment())
	if err != nil {
		c.t.Fatal(err)
	}
	fields = map[string]string{}
	for _, f := range list {
		fields[f.Name] = f.Value
	}
	return fields, f.StreamEnded()
}

// status reads an answer without caring for its body, and returns its status.
func (c *rawH2) status(id uint32) string {
	c.t.Helper()
	fields, ended := c.head(id)
	for !ended {
		f := c.next()
		if f.Header().StreamID != id {
			c.t.Fatalf("got %v, want content of stream %d", f, id)
		}
		d, ok := f.(*http2.DataFrame)
		ended = ok && d.StreamEnded()
	}
	return fields[":status"]
}

// reset reads a frame and checks that it resets the stream.
func (c *rawH2) reset(id uint32, code http2.ErrCode) {
	c.t.Helper()
	f := c.next()
	if r, ok := f.(*http2.RSTStreamFrame); !ok || r.StreamID != id || r.ErrCode != code {
		c.t.Errorf("got %v, want stream %d reset with %v", describe(f), id, code)
	}
}

// ends reads until the connection ends, and checks the reason the server gave.
func (c *rawH2) ends(code http2.ErrCode) {
	c.t.Helper()
	var last *http2.GoAwayFrame
	for {
		f, err := c.ReadFrame()
		if err != nil {
			if isTimeout(err) {
				c.t.Error("the connection goes on")
			}
			break
		}
		if g, ok := f.(*http2.GoAwayFrame); ok {
			copied := *g
			last = &copied
			if last.ErrCode != code {
				c.t.Errorf("got GOAWAY with %v %q, want %v", g.ErrCode, g.DebugData(), code)
			}
		}
	}
	if last == nil {
		c.t.Errorf("got no GOAWAY, want one with %v", code)
	}
}

// flood writes until the server has enough. It reports false if that takes more than n rounds.
func (c *rawH2) flood(n int, write func(i int) error) bool {
	c.SetReadDeadline(time.Now().Add(patience))
	for i := range n {
		if write(i) != nil {
			return true
		}
	}
	return false
}

func describe(f http2.Frame) string {
	switch f := f.(type) {
	case *http2.GoAwayFrame:
		return fmt.Sprintf("GOAWAY %v %q", f.ErrCode, f.DebugData())
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("RST_STREAM %d %v", f.StreamID, f.ErrCode)
	}
	return f.Header().String()
}
