package httpserver

import (
	"bytes"
	"runtime"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// tooMany is more than any client has a reason to send in one go.
const tooMany = 1 << 20

// h2Flood is something that is cheap to send; write sends it for the i-th time.
type h2Flood struct {
	name  string
	write func(c *rawH2, i int) error
}

var h2Floods = []h2Flood{
	{"settings", func(c *rawH2, _ int) error { return c.WriteSettings() }},
	{"acknowledged settings", func(c *rawH2, _ int) error { return c.WriteSettingsAck() }},
	{"pings", func(c *rawH2, _ int) error { return c.WritePing(false, [8]byte{}) }},
	{"answers to pings", func(c *rawH2, _ int) error { return c.WritePing(true, [8]byte{}) }},
	{"priorities", func(c *rawH2, i int) error {
		return c.WritePriority(uint32(2*i+1), http2.PriorityParam{Weight: 1})
	}},
	{"windows", func(c *rawH2, _ int) error { return c.WriteWindowUpdate(0, 1) }},
	{"unknown frames", func(c *rawH2, _ int) error {
		return c.WriteRawFrame(0xbe, 0, 0, nil)
	}},
	{"rapid resets", func(c *rawH2, i int) error {
		id := uint32(2*i + 1)
		c.request(id, true, get("/wait")...)
		return c.WriteRSTStream(id, http2.ErrCodeCancel)
	}},
	{"resets of one stream", func(c *rawH2, i int) error {
		if i == 0 {
			c.request(1, true, get("/wait")...)
		}
		return c.WriteRSTStream(1, http2.ErrCodeCancel)
	}},
	{"resets that the server is made to send", func(c *rawH2, i int) error {
		id := uint32(2*i + 1)
		c.request(id, false, post("/wait")...)
		return c.WriteRawFrame(http2.FrameWindowUpdate, 0, id, []byte{0, 0, 0, 0})
	}},
	{"content after the end", func(c *rawH2, i int) error {
		id := uint32(2*i + 1)
		c.request(id, true, get("/wait")...)
		return c.WriteData(id, false, []byte("x"))
	}},
	{"windows that overflow", func(c *rawH2, i int) error {
		id := uint32(2*i + 1)
		c.request(id, true, get("/wait")...)
		return c.WriteWindowUpdate(id, h2MaxWindow)
	}},
	{"heads without a byte", func(c *rawH2, i int) error {
		return c.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), EndHeaders: true, EndStream: true})
	}},
	{"fields without a name", func(c *rawH2, i int) error {
		return c.request(uint32(2*i+1), true, append(get("/"), "", "")...)
	}},
	{"streams that depend on themselves", func(c *rawH2, i int) error {
		return c.WritePriority(uint32(2*i+1), http2.PriorityParam{StreamDep: uint32(2*i + 1)})
	}},
	{"malformed requests", func(c *rawH2, i int) error {
		return c.request(uint32(2*i+1), true, "a", "b")
	}},
	{"refused requests", func(c *rawH2, i int) error {
		return c.request(uint32(2*i+1), true, get("no slash")...)
	}},
	{"more streams than may be open", func(c *rawH2, i int) error {
		return c.request(uint32(2*i+1), true, get("/wait")...)
	}},
	{"empty content", func(c *rawH2, i int) error {
		if i == 0 {
			c.request(1, false, post("/")...)
		}
		return c.WriteData(1, false, nil)
	}},
	{"nothing but padding", func(c *rawH2, i int) error {
		if i == 0 {
			c.request(1, false, post("/")...)
		}
		return c.WriteDataPadded(1, false, nil, make([]byte, 20))
	}},
	{"empty continuations", func(c *rawH2, i int) error {
		if i == 0 {
			return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(get("/")...)})
		}
		return c.WriteContinuation(1, false, nil)
	}},
	{"endless continuations", func(c *rawH2, i int) error {
		if i == 0 {
			return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(get("/")...)})
		}
		return c.WriteContinuation(1, false, c.encode("name", "value of a field that is not very long"))
	}},
}

func TestHTTP2FloodsEndTheConnection(t *testing.T) {
	for _, f := range h2Floods {
		t.Run(f.name, func(t *testing.T) {
			roads(t, func(t *testing.T, open opener) {
				s := open(t, Config{MaxStreams: 10}, waitOrAnswer)
				conn := s.dialH2(t)
				ended := make(chan bool, 1)
				go func() { ended <- conn.flood(tooMany, func(i int) error { return f.write(conn, i) }) }()
				conn.ends(http2.ErrCodeEnhanceYourCalm)
				conn.Close()
				if !<-ended {
					t.Error("the server took it all")
				}
				until(t, "the exchanges to end", func() bool { return s.Stats().InFlight == 0 })
			})
		})
	}
}

// farewell returns the reason that a server gives for the end of the connection.
func farewell(t *testing.T, sent []byte) http2.ErrCode {
	t.Helper()
	for framer := http2.NewFramer(nil, bytes.NewReader(sent)); ; {
		f, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("the connection goes on: %v", err)
		}
		if g, ok := f.(*http2.GoAwayFrame); ok {
			return g.ErrCode
		}
	}
}

// TestHTTP2FloodsCostLittle counts what is read of a flood before the connection ends, with time standing still, and what is
// allocated for that.
func TestHTTP2FloodsCostLittle(t *testing.T) {
	const (
		mostFrames  = 2 * h2Budget
		mostMemory  = 1 << 20
		mostPending = 64 << 10
	)
	for _, f := range h2Floods {
		t.Run(f.name, func(t *testing.T) {
			s := New(Config{Handler: direct(waitOrAnswer), MaxStreams: 10})
			n := &h2Nowhere{stamp: newStamp(&s.c), script: waitOrAnswer}
			h := newH2(s, n, false, "")
			n.h = h
			h.preface = len(http2.ClientPreface)
			var sent bytes.Buffer
			c := &rawH2{Framer: http2.NewFramer(&sent, nil), t: t}
			c.AllowIllegalWrites = true
			c.enc = hpack.NewEncoder(&c.block)
			c.WriteSettings()
			for i := range mostFrames {
				if err := f.write(c, i); err != nil {
					t.Fatal(err)
				}
			}
			pending := 0
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for rest := sent.Bytes(); len(rest) > 0 && h.phase != h2Closing; {
				rest = rest[h.feed(rest[:min(len(rest), 16<<10)]):]
				pending = max(pending, h.pending())
				h.pump()
				h.tell()
			}
			runtime.ReadMemStats(&after)
			if code := farewell(t, h.out[h.outOff:]); code != http2.ErrCodeEnhanceYourCalm {
				t.Errorf("the connection ended with %v", code)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > mostMemory {
				t.Errorf("%d bytes were allocated", grown)
			}
			if pending > mostPending {
				t.Errorf("%d bytes were to be sent", pending)
			}
			h.fail(ErrServerClosed)
			for len(h.tells) > 0 {
				h.tell()
			}
			if n.under != 0 || h.count != 0 {
				t.Errorf("%d exchanges and %d streams are left", n.under, h.count)
			}
		})
	}
}

// waitOrAnswer answers, but for a path on which it waits until the client is gone.
func waitOrAnswer(x *Exchange, do func(func())) {
	if string(x.Path) != "/wait" {
		hello(x, do)
		return
	}
	x.Peer = waiter{}
}

type waiter struct{}

func (waiter) Body(*Exchange, []byte, bool)  {}
func (waiter) Written(*Exchange, int)        {}
func (waiter) Closed(x *Exchange, err error) { x.Abort() }
