package py_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// port is the way into the hub that these tests share: a lane has few, for its life.
// Its ring is small, so that it is full soon.
var port = sync.OnceValues(func() (*py.Port, error) { return hub.lane.OpenPort(1 << 14) })

func openPort(t *testing.T) *py.Port {
	t.Helper()
	p, err := port()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answers reads as an event loop does, asleep in poll in between, until n came.
func answers(t *testing.T, p *py.Port, n int, receive func(*py.Message)) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}
	for n > 0 {
		got := p.Drain(receive)
		n -= got
		if got > 0 || n == 0 || !p.Park() {
			continue
		}
		if ready, err := unix.Poll(fds, 20000); ready == 0 {
			t.Fatalf("%d answers do not come: %v", n, err)
		}
	}
}

func TestAPortAnswersByTicket(t *testing.T) {
	settled(t)
	p := openPort(t)
	const n = 500
	for i := range n {
		p.Call(echo, uint64(i), encoded(t, i*i))
	}
	p.Flush()
	var got []string
	answers(t, p, n, func(m *py.Message) {
		v, err := py.DecodeAll(m.Value)
		if m.Kind != py.KindResult || err != nil || v != int64(m.Ticket*m.Ticket) {
			got = append(got, fmt.Sprintf("ticket %d: kind %d, %v, %v", m.Ticket, m.Kind, v, err))
		}
	})
	if len(got) > 0 {
		t.Errorf("%d wrong answers, the first: %s", len(got), got[0])
	}
}

func TestMoreThanAPortHoldsArrivesInOrder(t *testing.T) {
	settled(t)
	p := openPort(t)
	const n = 300
	sizes := []int{0, 100, 3 << 10, 4<<10 + 1, 20 << 10} // the last two are spilled
	var want []byte
	for i := range n {
		body := bytes.Repeat([]byte{byte(i)}, sizes[i%len(sizes)])
		p.Call(echo, uint64(i), encoded(t, body))
		want = append(want, byte(i))
	}
	p.Flush()
	var got []byte
	answers(t, p, n, func(m *py.Message) {
		v, err := py.DecodeAll(m.Value)
		b, ok := v.([]byte)
		if err != nil || !ok || len(b) != sizes[m.Ticket%uint64(len(sizes))] {
			t.Errorf("ticket %d: got %T of %d bytes, %v", m.Ticket, v, len(b), err)
		}
		got = append(got, byte(m.Ticket))
	})
	if !slices.Equal(got, want) {
		t.Errorf("got answers in the order %v", got)
	}
}

// What is not read on the Go side holds Python back, and nothing is lost.
func TestAPortThatIsReadLateLosesNothing(t *testing.T) {
	settled(t)
	p := openPort(t)
	const n = 100
	body := encoded(t, bytes.Repeat([]byte("b"), 1000))
	for i := range n {
		p.Call(echo, uint64(i), body)
	}
	before := hub.lane.Taken()
	p.Flush()
	testkit.Wait(t, "the lane has begun", func() bool { return hub.lane.Taken() > before })
	sum := 0
	answers(t, p, n, func(m *py.Message) { sum += len(m.Value) })
	if sum != n*len(body) {
		t.Errorf("got %d bytes, want %d", sum, n*len(body))
	}
}

// The bytes that come back are those that went: of values that Go itself does not tell
// apart, too.
func TestPythonKeepsWhatTheEncodingSays(t *testing.T) {
	settled(t)
	p := openPort(t)
	datetime := func(hasOffset byte, offset int32, fold byte) []byte {
		b := []byte{byte(py.TagDatetime), 0xe8, 0x07, 0, 0, 10, 27, 1, 30, 0, 1, 0, 0, 0, hasOffset}
		return append(binary.LittleEndian.AppendUint32(b, uint32(offset)), fold)
	}
	clock := func(fold byte) []byte {
		b := []byte{byte(py.TagTime), 1, 30, 0, 1, 0, 0, 0, 1}
		return append(binary.LittleEndian.AppendUint32(b, 3600), fold)
	}
	lone := py.AppendText(nil, py.TagStr, "\xed\xa0\x80\xed\xbf\xbf")
	values := [][]byte{
		datetime(0, 0, 0), datetime(0, 0, 1), datetime(1, 0, 0), datetime(1, -86399, 1), datetime(1, 5, 0),
		clock(0), clock(1), lone,
		py.AppendText(nil, py.TagStr, "caf\xed\xb3\xa9"),
	}
	for i, v := range values {
		p.Call(echo, uint64(i), v)
	}
	p.Flush()
	answers(t, p, len(values), func(m *py.Message) {
		if !bytes.Equal(m.Value, values[m.Ticket]) {
			t.Errorf("value %d: got %x, want %x", m.Ticket, m.Value, values[m.Ticket])
		}
	})
}

func TestSharedValuesAndCopiesAreMadeInPython(t *testing.T) {
	settled(t)
	p := openPort(t)
	const key, template, text = 60001, 60002, 60003 // far from those of the glue
	p.Define(key, "shared")
	p.Define(template, py.Dict{{"a", 1}, {"b", 2}})
	p.Define(text, py.Tuple{"x"})
	copied := py.AppendCopy(nil, template, 2)
	copied = encodedTo(t, py.AppendText(copied, py.TagStr, "b"), 3)
	copied = py.AppendKey(py.AppendKey(copied, key), text)
	want := []string{"shared", "[[a 1] [b 3] [shared [x]]]", "[[a 1] [b 2]]"}
	p.Call(echo, 0, py.AppendKey(nil, key))
	p.Call(echo, 1, copied)
	p.Call(echo, 2, py.AppendCopy(nil, template, 0)) // the first copy changed nothing
	// None of these is a value.
	p.Call(echo, 3, py.AppendKey(nil, 60010))
	p.Call(echo, 4, py.AppendCopy(nil, key, 0))
	p.Call(echo, 5, []byte{99})
	p.Call(echo, 6, append(encoded(t, 1)[:4:4], 0))
	p.Flush()
	answers(t, p, 7, func(m *py.Message) {
		v, err := py.DecodeAll(m.Value)
		switch {
		case err != nil:
			t.Errorf("ticket %d: %v", m.Ticket, err)
		case int(m.Ticket) < len(want):
			if got := fmt.Sprint(v); m.Kind != py.KindResult || got != want[m.Ticket] {
				t.Errorf("ticket %d: got %s, want %s", m.Ticket, got, want[m.Ticket])
			}
		default:
			if e := py.ErrorFrom(v); m.Kind != py.KindError || e.(*py.Error).Kind != "ValueError" {
				t.Errorf("ticket %d: got kind %d, %v, want a ValueError", m.Ticket, m.Kind, v)
			}
		}
	})
}

func encodedTo(t *testing.T, b []byte, v any) []byte {
	t.Helper()
	b, err := py.Append(b, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAPortIsServedByAGoroutine(t *testing.T) {
	settled(t)
	p := openPort(t)
	const n = 50
	ctx, cancel := context.WithCancel(testkit.Context(t))
	defer cancel()
	seen := make(chan uint64, n)
	var served sync.WaitGroup
	served.Go(func() {
		if err := p.Serve(ctx, func(m *py.Message) { seen <- m.Ticket }); err != context.Canceled {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
	for i := range n {
		p.Call(echo, uint64(i), encoded(t, nil))
		p.Flush()
		if got := <-seen; got != uint64(i) {
			t.Fatalf("got ticket %d, want %d", got, i)
		}
	}
	cancel()
	served.Wait()
}

func TestChannelsTalkBothWays(t *testing.T) {
	settled(t)
	talk := py.Handle(loop.call(t, "evaluate", "_puff.handle(talker())").(int64))
	lp, err := loopPort()
	if err != nil {
		t.Fatal(err)
	}
	lp.Call(talk, 1, encoded(t, nil))
	lp.Flush()
	var got []string
	sent := 0
	done := false
	receive := func(m *py.Message) {
		v, _ := py.DecodeAll(m.Value)
		switch m.Kind {
		case py.KindPull:
			sent++
			if sent > 3 {
				lp.Hangup(m.Target)
			} else {
				lp.Push(m.Target, encoded(t, sent))
			}
		case py.KindSend:
			if b, ok := v.([]byte); ok {
				v = len(b)
			}
			got = append(got, fmt.Sprint("sent ", v))
			lp.Credit(m.Target, len(m.Value))
		case py.KindResult:
			got = append(got, fmt.Sprint("end ", v))
			done = true
		default:
			got = append(got, fmt.Sprint(m.Kind, v))
			done = true
		}
		lp.Flush()
	}
	for !done {
		answers(t, lp, 1, receive)
	}
	want := []string{"sent 10", "sent 20", "sent 30", "sent 200000", "sent 200000", "sent 200000", "end last"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := loop.lane.Release(talk); err != nil {
		t.Fatal(err)
	}
}

// What was sent before the end, and not read before it, is answered all the same; what
// comes after fails by itself. Else the program would wait for ever, which shows as handles
// that are left.
func TestWhoTalksToAPortThatEndsHearsOfIt(t *testing.T) {
	settled(t)
	talk := py.Handle(loop.call(t, "evaluate", "_puff.handle(talker())").(int64))
	p, err := loop.lane.OpenPort(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	p.Call(talk, 1, encoded(t, nil))
	testkit.Wait(t, "it says something", func() bool { return !p.Park() })
	p.Shut()
	heard := 0
	p.Drain(func(m *py.Message) {
		heard++
		p.Hangup(m.Target)
	})
	p.Flush()
	if heard == 0 {
		t.Error("what was sent before the end is gone")
	}
	if err := errors.Join(p.Close(), loop.lane.Release(talk)); err != nil {
		t.Fatal(err)
	}
}

var loopPort = sync.OnceValues(func() (*py.Port, error) { return loop.lane.OpenPort(1 << 16) })

// The lane takes all that the ring holds and answers nothing yet: what waits for room
// is written all the same.
func TestWhatWaitsForRoomIsWrittenWhenTheLaneHasTaken(t *testing.T) {
	settled(t)
	p := openPort(t)
	const n = 300
	gather := py.Handle(hub.call(t, "evaluate", "_puff.handle(gatherer(args[0]))", n).(int64))
	body := encoded(t, bytes.Repeat([]byte("b"), 1000))
	for i := range n {
		p.Call(gather, uint64(i), body)
	}
	p.Flush()
	answers(t, p, n, func(m *py.Message) {
		if m.Kind != py.KindResult {
			t.Errorf("ticket %d: got kind %d", m.Ticket, m.Kind)
		}
	})
	if err := hub.lane.Release(gather); err != nil {
		t.Fatal(err)
	}
}
