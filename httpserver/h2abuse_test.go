package httpserver

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A bomb is a small block that stands for a large list: the same long field, named by a byte.
func TestHTTP2HeaderBombsAreRefusedAndTakeNoMemory(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		c := s.dialH2(t)
		var block []byte
		block = append(block, c.encode(get("/")...)...)
		block = append(block, c.encode("bomb", string(make4K()))...)
		index := c.encode("bomb", string(make4K()))
		if len(index) != 1 {
			t.Fatalf("the field takes %d bytes, want 1", len(index))
		}
		for range 12_000 {
			block = append(block, index[0])
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndStream: true, EndHeaders: true})
		if got := c.status(1); got != "431" {
			t.Errorf("got %s, want 431", got)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
			t.Errorf("%d bytes were allocated for a block of %d", grown, len(block))
		}
		// The compression is still in step.
		c.request(3, true, get("/")...)
		if got := c.status(3); got != "200" {
			t.Errorf("got %s for the next request, want 200", got)
		}
	})
}

func make4K() []byte {
	b := make([]byte, 3800)
	for i := range b {
		b[i] = 'x'
	}
	return b
}

func TestHTTP2BlocksThatCannotBeDecodedEndTheConnection(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, hello)
		for _, c := range []struct {
			name  string
			block []byte
			code  http2.ErrCode
		}{
			{"an index of nothing", []byte{0x80}, http2.ErrCodeCompression},
			{"an index beyond the table", []byte{0xff, 0xff, 0x7f}, http2.ErrCodeCompression},
			{"a table that is too large", []byte{0x3f, 0xff, 0xff, 0x7f}, http2.ErrCodeCompression},
			{"a string that is longer than the block", []byte{0x00, 0x05, 'a'}, http2.ErrCodeCompression},
			{"a string that is longer than a head", []byte{0x00, 0x7f, 0xff, 0xff, 0x7f, 'a'}, http2.ErrCodeEnhanceYourCalm},
		} {
			conn := s.dialH2(t)
			conn.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block, EndStream: true, EndHeaders: true})
			t.Log(c.name)
			conn.ends(c.code)
		}
	})
}

func TestHTTP2HandlersOfResetStreamsCountUntilTheyEnd(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		var mu sync.Mutex
		var ends []func()
		var running, most atomic.Int32
		s := open(t, Config{MaxStreams: 4}, func(x *Exchange, do func(func())) {
			if string(x.Path) == "/" {
				hello(x, do)
				return
			}
			most.Store(max(most.Load(), running.Add(1)))
			mu.Lock()
			defer mu.Unlock()
			ends = append(ends, func() { do(func() { running.Add(-1); x.Abort() }) })
		})
		c := s.dialH2(t)
		for id := uint32(1); id <= 15; id += 2 {
			c.request(id, true, get("/stubborn")...)
			c.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		for id := uint32(9); id <= 15; id += 2 {
			c.reset(id, http2.ErrCodeRefusedStream)
		}
		if got := most.Load(); got != 4 {
			t.Errorf("%d handlers ran at a time, want 4", got)
		}
		mu.Lock()
		for _, end := range ends {
			end()
		}
		mu.Unlock()
		until(t, "the handlers to end", func() bool { return s.Stats().InFlight == 0 })
		for id := uint32(17); ; id += 2 {
			c.request(id, true, get("/")...)
			f := c.next()
			if _, ok := f.(*http2.HeadersFrame); ok {
				break // there is room again
			}
			if _, ok := f.(*http2.RSTStreamFrame); !ok || id > 100 {
				t.Fatalf("got %s, want an answer", describe(f))
			}
		}
	})
}

func TestHTTP2WindowsAreKept(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			if string(x.Path) == "/read" {
				return // never asks for the body
			}
			do(func() {
				x.Start(&Head{Status: 200})
				x.Write(make([]byte, 100_000))
				x.Finish(nil)
			})
		})
		c := s.dialH2(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000})
		c.request(1, true, get("/")...)
		c.head(1)
		if d, ok := c.next().(*http2.DataFrame); !ok || len(d.Data()) != 1000 {
			t.Errorf("got %v, want 1000 bytes", d)
		}
		c.WriteWindowUpdate(1, 500)
		if d, ok := c.next().(*http2.DataFrame); !ok || len(d.Data()) != 500 {
			t.Errorf("got %v, want 500 bytes", d)
		}
		// The window of the connection ends at 65535.
		c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		got := 1500
		for got < 65535 {
			d, ok := c.next().(*http2.DataFrame)
			if !ok || d.StreamEnded() {
				t.Fatalf("got %v after %d bytes", d, got)
			}
			got += len(d.Data())
		}
		if got != 65535 {
			t.Errorf("got %d bytes, want 65535", got)
		}
		c.WriteWindowUpdate(0, 1<<20)
		for {
			d, ok := c.next().(*http2.DataFrame)
			if !ok {
				t.Fatal("got no content")
			}
			if got += len(d.Data()); d.StreamEnded() {
				break
			}
		}
		if got != 100_000 {
			t.Errorf("got %d bytes, want 100000", got)
		}
		c.WriteWindowUpdate(0, 1<<31-1)
		c.ends(http2.ErrCodeFlowControl)

		// And the one of the server.
		c = s.dialH2(t)
		c.request(1, false, append(post("/read"), "content-length", "1000000")...)
		for range h2StreamWindow/h2MaxFrame + 1 {
			c.WriteData(1, false, make([]byte, h2MaxFrame))
		}
		c.reset(1, http2.ErrCodeFlowControl)
	})
}

func TestHTTP2ContentMustBeAsLongAsWasSaid(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{MaxBody: 1000}, func(x *Exchange, do func(func())) {
			if x.Complete {
				hello(x, do)
				return
			}
			x.Peer = waiter{}
			do(x.Pull)
		})
		for _, c := range []struct {
			length string
			sent   int
			want   string
		}{
			{"3", 2, ""}, {"3", 4, ""}, {"3", 3, "200"}, {"2000", 0, "413"}, {"", 1001, "413"}, {"", 1000, "200"},
		} {
			conn := s.dialH2(t)
			pairs := post("/")
			if c.length != "" {
				pairs = append(pairs, "content-length", c.length)
			}
			conn.request(1, false, pairs...)
			conn.WriteData(1, true, make([]byte, c.sent))
			if c.want == "" {
				conn.reset(1, http2.ErrCodeProtocol)
			} else if got := conn.status(1); got != c.want {
				t.Errorf("length %s, %d bytes: got %s, want %s", c.length, c.sent, got, c.want)
			}
		}
	})
}

func TestHTTP2TinyWindowsAreToleratedAndNotForLong(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, _ func(func())) { x.Respond(&Head{Status: 200}, make([]byte, 1<<20)) })
		c := s.dialH2(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		c.request(1, true, get("/")...)
		c.head(1)
		if d, ok := c.next().(*http2.DataFrame); !ok || len(d.Data()) != 1 {
			t.Errorf("got %v, want one byte", d)
		}
		go c.flood(tooMany, func(int) error { return c.WriteWindowUpdate(1, 1) })
		c.ends(http2.ErrCodeEnhanceYourCalm)
	})
}

// A client that lets nothing through must not hold the answer for ever.
func TestHTTP2StalledWindowsEndTheStream(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{WriteTimeout: 50 * time.Millisecond}, func(x *Exchange, _ func(func())) {
			x.Respond(&Head{Status: 200}, make([]byte, 1000))
		})
		c := s.dialH2(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		c.request(1, true, get("/")...)
		c.head(1)
		c.reset(1, http2.ErrCodeCancel)
		c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 2000})
		c.request(3, true, get("/")...)
		if got := c.status(3); got != "200" {
			t.Errorf("got %s for the next stream, want 200", got)
		}
	})
}

// A client that reads nothing must not make the server hold more than it allows.
func TestHTTP2ClientsThatDoNotReadAreNotReadFrom(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{WriteTimeout: 200 * time.Millisecond}, func(x *Exchange, _ func(func())) {
			x.Respond(&Head{Status: 200}, make([]byte, 10_000))
		})
		c := s.dialH2(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		c.WriteWindowUpdate(0, 1<<31-1-65535)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if !c.flood(tooMany, func(i int) error {
			return c.request(uint32(2*i+1), true, get("/")...)
		}) {
			t.Error("the server went on reading")
		}
		runtime.ReadMemStats(&after)
		if after.HeapAlloc > before.HeapAlloc+32<<20 {
			t.Errorf("the heap grew by %d bytes", after.HeapAlloc-before.HeapAlloc)
		}
	})
}

func TestHTTP2FramesThatBreakTheRulesEndTheConnection(t *testing.T) {
	raw := func(kind http2.FrameType, flags http2.Flags, id uint32, payload ...byte) func(*rawH2) {
		return func(c *rawH2) { c.WriteRawFrame(kind, flags, id, payload) }
	}
	setting := func(id http2.SettingID, v uint32) func(*rawH2) {
		return func(c *rawH2) { c.WriteSettings(http2.Setting{ID: id, Val: v}) }
	}
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, waitOrAnswer)
		for _, c := range []struct {
			name  string
			code  http2.ErrCode
			write func(*rawH2)
		}{
			{"a frame that is too large", http2.ErrCodeFrameSize, func(c *rawH2) { c.WriteData(1, false, make([]byte, 16385)) }},
			{"an even stream", http2.ErrCodeProtocol, func(c *rawH2) { c.request(2, true, get("/")...) }},
			{"a stream below the last", http2.ErrCodeProtocol, func(c *rawH2) {
				c.request(5, true, get("/wait")...)
				c.request(3, true, get("/wait")...)
			}},
			{"content of stream 0", http2.ErrCodeProtocol, raw(http2.FrameData, 0, 0, 'x')},
			{"content of no stream", http2.ErrCodeProtocol, raw(http2.FrameData, 0, 1, 'x')},
			{"more padding than content", http2.ErrCodeProtocol, func(c *rawH2) {
				c.request(1, false, post("/")...)
				c.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{9, 'x'})
			}},
			{"more padding than head", http2.ErrCodeProtocol,
				raw(http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, 1, 9, 'x')},
			{"a push", http2.ErrCodeProtocol, raw(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 1, 0, 0, 0, 2)},
			{"a reset of no stream", http2.ErrCodeProtocol, func(c *rawH2) { c.WriteRSTStream(1, http2.ErrCodeCancel) }},
			{"a window for no stream", http2.ErrCodeProtocol, func(c *rawH2) { c.WriteWindowUpdate(1, 1) }},
			{"a window of nothing", http2.ErrCodeProtocol, func(c *rawH2) { c.WriteWindowUpdate(0, 0) }},
			{"a short ping", http2.ErrCodeFrameSize, raw(http2.FramePing, 0, 0, 1, 2, 3)},
			{"a ping of a stream", http2.ErrCodeProtocol, raw(http2.FramePing, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8)},
			{"a window that is too large", http2.ErrCodeFlowControl, setting(http2.SettingInitialWindowSize, 1<<31)},
			{"a frame size that is too small", http2.ErrCodeProtocol, setting(http2.SettingMaxFrameSize, 1000)},
			{"a push setting that is none", http2.ErrCodeProtocol, setting(http2.SettingEnablePush, 2)},
			{"many settings", http2.ErrCodeEnhanceYourCalm, func(c *rawH2) {
				c.WriteSettings(make([]http2.Setting, h2MaxSettings+1)...)
			}},
			{"a frame within a header block", http2.ErrCodeProtocol, func(c *rawH2) {
				c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(get("/")...)})
				c.WritePing(false, [8]byte{})
			}},
			{"a continuation of nothing", http2.ErrCodeProtocol, func(c *rawH2) { c.WriteContinuation(1, true, nil) }},
		} {
			conn := s.dialH2(t)
			c.write(conn)
			t.Log(c.name)
			conn.ends(c.code)
		}
		nc := s.dial(t)
		nc.send(http2.ClientPreface)
		c := &rawH2{Conn: nc, Framer: http2.NewFramer(nc, nc), t: t, dec: hpack.NewDecoder(4096, nil)}
		c.WritePing(false, [8]byte{})
		c.ends(http2.ErrCodeProtocol)
	})
}

func TestHTTP2SettingsAreOfTheLengthTheRFCSays(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{MaxStreams: 7, MaxHead: 5000}, hello)
		c := s.dialH2(t)
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		settings, ok := f.(*http2.SettingsFrame)
		if !ok {
			t.Fatalf("got %s first, want SETTINGS", describe(f))
		}
		for id, want := range map[http2.SettingID]uint32{
			http2.SettingMaxConcurrentStreams: 7, http2.SettingMaxHeaderListSize: 5000, http2.SettingInitialWindowSize: h2StreamWindow,
		} {
			if got, ok := settings.Value(id); !ok || got != want {
				t.Errorf("got %v %d, want %d", id, got, want)
			}
		}
		payload := binary.BigEndian.AppendUint32(nil, 1)
		c.WriteRawFrame(http2.FrameSettings, 0, 0, payload)
		c.ends(http2.ErrCodeFrameSize)
	})
}

// Some clients say for each frame of a stream they have reset that it is closed.
func TestHTTP2ClientsMayResetAStreamAgainForEachFrameTheyWereSent(t *testing.T) {
	const frames = 3 * h2Budget
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			if string(x.Path) != "/crumbs" {
				hello(x, do)
				return
			}
			c := &crumbler{left: frames}
			x.Peer = c
			do(func() {
				x.Start(&Head{Status: 200})
				x.Write([]byte("x"))
			})
		})
		c := s.dialH2(t)
		c.request(1, true, get("/crumbs")...)
		c.head(1)
		for range frames {
			if d, ok := c.next().(*http2.DataFrame); !ok || len(d.Data()) != 1 {
				t.Fatalf("got %v, want a byte", d)
			}
		}
		for range frames {
			c.WriteRSTStream(1, http2.ErrCodeStreamClosed)
		}
		c.request(3, true, get("/")...)
		if got := c.status(3); got != "200" {
			t.Errorf("got %s, want 200", got)
		}
	})
}

// crumbler sends a byte at a time, the next when the last has left.
type crumbler struct{ left int }

func (c *crumbler) Body(*Exchange, []byte, bool)  {}
func (c *crumbler) Closed(x *Exchange, err error) { x.Abort() }

func (c *crumbler) Written(x *Exchange, _ int) {
	if c.left--; c.left > 0 {
		x.Write([]byte("x"))
	}
}
