package py_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/internal/testkit"
)

// asks is the function of testdata/border_functions.py that asks Go from p.
func (p place) asks() string {
	if p.name == loop.name {
		return "go_async"
	}
	return "go"
}

func TestAFunctionIsCalledAndAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		if got := p.call(t, "same", "hello"); got != "hello" {
			t.Errorf("got %v, want hello", got)
		}
	})
}

func TestPythonCallsGo(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		if got := p.call(t, p.asks(), "same", int64(7)); got != int64(7) {
			t.Errorf("got %v, want 7", got)
		}
	})
}

func TestAnExceptionComesWithClassMessageAndTraceback(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		_, err := p.try(t, "fail", "LookupError", "no such thing")
		var e *py.Error
		if !errors.As(err, &e) || e.Kind != "LookupError" || e.Message != "no such thing" {
			t.Fatalf("got %#v, want a LookupError", err)
		}
		if !strings.Contains(e.Traceback(), "in fail") {
			t.Errorf("got traceback %q, want one that names the function", e.Traceback())
		}
	})
}

// errOdd is an error whose text is no UTF-8, as names of files may be.
var errOdd = errors.New("open caf\xe9: no")

func TestAnErrorOfGoIsTheExceptionThatFits(t *testing.T) {
	table := []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("it broke"), "puff.errors.HostError: it broke"},
		{"not text", errOdd, "puff.errors.HostError: open caf\xe9: no"},
		{"by name", py.NewError("KeyError", "k"), "KeyError: 'k'"},
		{"in a module", py.NewError("decimal.Inexact", "i"), "decimal.Inexact: i"},
		{"unknown name", py.NewError("no.such.Error", "x"), "puff.errors.HostError: x"},
		{"no exception", py.NewError("int", "7"), "puff.errors.HostError: 7"},
		{"late", fmt.Errorf("wait: %w", context.DeadlineExceeded), "TimeoutError: wait: context deadline exceeded"},
		{"no file", &fs.PathError{Op: "open", Path: "/no", Err: syscall.ENOENT}, "FileNotFoundError: [Errno 2] no such file or directory: '/no'"},
		{"errno", fmt.Errorf("dial: %w", syscall.ECONNREFUSED), "ConnectionRefusedError: [Errno 111] dial: connection refused"},
		{"with what it takes", &py.Error{Kind: "UnicodeDecodeError", Detail: py.Tuple{"utf-8", []byte("\xff"), 0, 1, "why"}},
			"UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: why"},
		{"detail that can not travel", &py.Error{Kind: "ValueError", Message: "m", Detail: make(chan int)}, "ValueError: m"},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			handle(t, "fail", func(context.Context, []any) (any, error) { return nil, row.err })
			everywhere(t, func(t *testing.T, p place) {
				settled(t)
				_, err := p.try(t, p.asks(), "fail")
				if err == nil || err.Error() != row.want {
					t.Errorf("got %v, want %s", err, row.want)
				}
			})
		})
	}
}

func TestAnExceptionThatCanNotBeMadeIsAnErrorOfTheCallOnly(t *testing.T) {
	// UnicodeDecodeError is not made from a message.
	handle(t, "fail", func(context.Context, []any) (any, error) {
		return nil, py.NewError("UnicodeDecodeError", "only text")
	})
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		if _, err := p.try(t, p.asks(), "fail"); err == nil {
			t.Error("got no error, want one")
		}
		if got := p.call(t, "same", 1); got != int64(1) {
			t.Errorf("the next call: got %v, want 1", got)
		}
	})
}

func TestAPanicOfGoIsAnExceptionWithItsStack(t *testing.T) {
	handle(t, "panic", func(context.Context, []any) (any, error) { return breakHere(nil), nil })
	python.HandleInline("panic.inline", func(context.Context, []any) (any, error) { panic(errOdd) })
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		_, err := p.try(t, p.asks(), "panic")
		var e *py.Error
		if !errors.As(err, &e) || e.Kind != "puff.errors.GoPanic" || !strings.Contains(e.Message, "nil map") {
			t.Errorf("got %v, want a GoPanic", err)
		}
		if _, err := p.try(t, p.asks(), "panic.inline"); err == nil || !strings.HasPrefix(err.Error(), "puff.errors.GoPanic: ") {
			t.Errorf("inline: got %v, want a GoPanic", err)
		}
	})
	settled(t)
	const stack = "from puff.errors import GoPanic\ntry:\n  call('panic')\nexcept GoPanic as e:\n  out = e.stack"
	if got, _ := hub.call(t, "execute", stack).(string); !strings.Contains(got, "breakHere") {
		t.Errorf("got stack %q, want one that names the function", got)
	}
}

func breakHere(m map[string]int) int {
	m["a"] = 1
	return m["a"]
}

func TestAFunctionThatIsNotThereIsALookupError(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		_, err := p.try(t, p.asks(), "no.such")
		if err == nil || !strings.HasPrefix(err.Error(), "LookupError: ") || !strings.Contains(err.Error(), `"no.such"`) {
			t.Errorf("got %v, want a LookupError that names it", err)
		}
	})
}

func TestAResultThatCanNotTravelIsAnError(t *testing.T) {
	handle(t, "struct", func(context.Context, []any) (any, error) { return struct{}{}, nil })
	handle(t, "no.key", func(context.Context, []any) (any, error) { return py.Dict{{[]any{}, 1}}, nil })
	handle(t, "stale", func(context.Context, []any) (any, error) { return py.Handle(1 << 40), nil })
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		for name, want := range map[string]string{
			"struct": "struct {} can not travel to Python",
			"no.key": "ValueError: decode value: a key of a dict that has no hash",
			"stale":  "ValueError: decode value: a handle that is not valid any more",
		} {
			if _, err := p.try(t, p.asks(), name); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want …%s…", name, err, want)
			}
		}
		if _, err := p.try(t, "evaluate", "[object()]"); err == nil || !strings.Contains(err.Error(), "object can not travel to Go") {
			t.Errorf("got %v, want that an object can not travel", err)
		}
	})
}

func TestARequestThatIsNoneIsRefused(t *testing.T) {
	settled(t)
	for _, source := range []string{"_puff.call(LANE, 7, Answer())", "_puff.call(LANE, (), Answer())", "_puff.call(LANE, (1, 2), Answer())"} {
		got, err := thread.try(t, "ask_raw", source)
		if err == nil {
			t.Errorf("%s: got %v, want an error", source, got)
		}
	}
}

func TestArgumentsThatCanNotBeReadAreAnErrorOfTheCallOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		settled(t)
		for _, arg := range []any{py.Dict{{[]any{}, 1}}, py.Handle(77 << 32)} {
			if _, err := p.try(t, "same", arg); err == nil || !strings.HasPrefix(err.Error(), "ValueError: decode value: ") {
				t.Errorf("%v: got %v, want a ValueError", arg, err)
			}
		}
		if got := p.call(t, "same", "next"); got != "next" {
			t.Errorf("the next call: got %v, want next", got)
		}
	})
}

func TestAHandleNamesAnObjectUntilItIsReleased(t *testing.T) {
	settled(t)
	n := hub.call(t, "evaluate", "_puff.handle(lambda ticket, value: _puff.answer(ticket, [*value, 'called']))").(int64)
	f := py.Handle(n)
	got, err := hub.lane.Call(testkit.Context(t), f, 1)
	if err != nil || fmt.Sprint(got) != "[1 called]" {
		t.Errorf("got %v, %v, want [1 called]", got, err)
	}
	if got := hub.call(t, "text_of", f); !strings.HasPrefix(got.(string), "function ") {
		t.Errorf("as a value: got %v, want the function", got)
	}
	if err := hub.lane.Release(f); err != nil {
		t.Fatal(err)
	}
	again := py.Handle(hub.call(t, "evaluate", "_puff.handle(len)").(int64))
	for _, h := range []py.Handle{f, 0, 1 << 31, 1<<32 | 1<<31} {
		if _, err := hub.lane.Call(testkit.Context(t), h, 1); err == nil || !strings.HasPrefix(err.Error(), "LookupError: ") {
			t.Errorf("handle %#x: got %v, want a LookupError", uint64(h), err)
		}
	}
	if err := errors.Join(hub.lane.Release(again), hub.lane.Release(f)); err != nil {
		t.Fatal(err)
	}
}

func TestEncodingMayAskGoItself(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		if p == loop {
			t.Skip("an event loop can not wait while it encodes")
		}
		settled(t)
		got := p.call(t, "evaluate", "[1, 'a' * 5000, Calls('same', 'inner'), 2]")
		if fmt.Sprint(got.([]any)[2:]) != "[[inner inner] 2]" {
			t.Errorf("got %.200v, want the inner answers", got)
		}
	})
}

func TestADictThatChangesWhileItIsReadIsAnError(t *testing.T) {
	settled(t)
	for _, change := range []string{"d[len(d)] = 1", "d.clear()", "d.pop(9)"} {
		source := "class C:\n  def __iter__(self):\n    " + change + "\n    return iter(())\n" +
			"d = {i: i for i in range(10)}\nd[0] = C()\nout = d"
		_, err := hub.try(t, "execute", source)
		if err == nil || !strings.Contains(err.Error(), "dict changed size during encoding") {
			t.Errorf("%s: got %v, want that it changed", change, err)
		}
	}
	_, err := hub.try(t, "execute", "class C:\n  def __iter__(self):\n    l.clear()\n    return iter(())\nl = [C(), 1]\nout = l")
	if err == nil || !strings.HasPrefix(err.Error(), "IndexError") {
		t.Errorf("a list that shrinks: got %v, want an IndexError", err)
	}
}

func TestObjectsThatMisbehaveWhileTheyAreReadAreErrors(t *testing.T) {
	settled(t)
	table := []struct{ source, want string }{
		{"class C:\n  def __iter__(self): raise RuntimeError('iter')\nout = C()", "RuntimeError: iter"},
		{"class C:\n  def __iter__(self):\n    yield 1\n    raise KeyError('next')\nout = C()", "KeyError: 'next'"},
		{"class C:\n  def __iter__(self): yield self\nout = C()", "ValueError: encode value: it is nested too deeply"},
		{"class D(datetime.datetime):\n  def utcoffset(self): 1/0\nout = D(2000, 1, 1)", "ZeroDivisionError: division by zero"},
		{"class D(datetime.datetime):\n  hour = property(lambda self: 1/0)\nout = D(2000, 1, 1)", "ZeroDivisionError: division by zero"},
		{"class U(uuid.UUID):\n  bytes = b'short'\nout = U(int=1)", "TypeError: encode value: a UUID whose bytes are not 16"},
		{"class D(decimal.Decimal):\n  def __str__(self): return 1\nout = D(1)", "TypeError: __str__ returned non-string (type int)"},
	}
	for _, row := range table {
		if _, err := hub.try(t, "execute", row.source); err == nil || err.Error() != row.want {
			t.Errorf("%s\ngot %v, want %s", row.source, err, row.want)
		}
	}
}

func TestGarbageThatAsksGoIsCollectedWhileAValueIsWritten(t *testing.T) {
	settled(t)
	const source = `
gc.collect()
gc.set_threshold(1)
try:
    for i in range(200):
        Node()
        call('same', ['\udc80' * 10, {'k': [i, 1.5, 2**70]}])
finally:
    gc.set_threshold(700, 10, 10)
gc.collect()
out = len(Node.ended)
for h in Node.ended:
    _puff.release(h)
Node.ended.clear()
`
	if got := thread.call(t, "execute", source); got != int64(200) {
		t.Errorf("got %v ended, want 200", got)
	}
}

func TestAForkedChildIsToldAndTheParentGoesOn(t *testing.T) {
	settled(t)
	const source = `
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    said = []
    for f in (lambda: call('same', 1), lambda: _puff.lane(), lambda: _puff.start(), lambda: _puff.wake(),
              lambda: _puff.park(0), lambda: _puff.take(0, 0), lambda: _puff.nudge(0), lambda: _puff.cancel(1),
              lambda: _puff.answer(0, 1), lambda: _puff.call(0, ('same', 1), None), lambda: _puff.Channel(1).send(1)):
        try:
            f()
            said.append('no error')
        except RuntimeError as e:
            said.append('fork' if 'fork' in str(e) else str(e))
        except BaseException as e:
            said.append(repr(e))
    os.write(w, ','.join(said).encode())
    os._exit(0)
os.close(w)
with open(r, 'rb') as f:
    out = f.read().decode()
os.waitpid(pid, 0)
`
	got := thread.call(t, "execute", source).(string)
	if want := strings.Repeat("fork,", 10) + "fork"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := thread.call(t, "go", "same", "parent"); got != "parent" {
		t.Errorf("the parent: got %v, want parent", got)
	}
}

func TestTheRuntimeIsOpenedOnce(t *testing.T) {
	if _, err := py.Open(nil, nil); !errors.Is(err, py.ErrOpen) {
		t.Errorf("got %v, want %v", err, py.ErrOpen)
	}
}

func TestPythonIsTheOneThatWasChosen(t *testing.T) {
	testkit.Inputs(t, "testdata")
	if got := hub.call(t, "evaluate", "sys.version.split()[0]"); got != python.Found.Version {
		t.Errorf("got Python %v, want %s", got, python.Found.Version)
	}
	if got := hub.call(t, "evaluate", "os.getpid()"); got != int64(os.Getpid()) {
		t.Errorf("got process %v, want this one, %d", got, os.Getpid())
	}
}
