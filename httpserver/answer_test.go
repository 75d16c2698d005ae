package httpserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// answers lists what handlers do and what arrives, with NoDate and NoServerName.
var answers = []struct {
	name   string
	in     string // request line, Host is added
	answer func(x *Exchange) error
	want   string
	cut    bool // the connection ends after the answer
}{
	{"a whole answer", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, Fields: []Field{field("X", "é\xe9")}}, []byte("body"))
	}, "HTTP/1.1 200 OK\r\nX: é\xe9\r\nContent-Length: 4\r\n\r\nbody", false},
	{"a reason", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 404, Reason: []byte("Gone Fishing")}, nil)
	}, "HTTP/1.1 404 Gone Fishing\r\nContent-Length: 0\r\n\r\n", false},
	{"an unusual status", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 999}, nil)
	}, "HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n", false},
	{"a status without usual reason", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 299}, nil)
	}, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", false},
	{"own Date and Server", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, Fields: []Field{field("date", "now"), field("server", "me")}}, nil)
	}, "HTTP/1.1 200 OK\r\ndate: now\r\nserver: me\r\nContent-Length: 0\r\n\r\n", false},
	{"close", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, Close: true}, nil)
	}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", true},
	{"close as a field", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, Fields: []Field{field("connection", "Close")}}, nil)
	}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", true},
	{"keep-alive of old", "GET / HTTP/1.0\r\nConnection: keep-alive", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200}, nil)
	}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false},

	{"HEAD", "HEAD / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200}, []byte("body"))
	}, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", false},
	{"HEAD with its length", "HEAD / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, Fields: []Field{field("Content-Length", "1000")}}, nil)
	}, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", false},
	{"HEAD without body or length", "HEAD / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200}, nil)
	}, "HTTP/1.1 200 OK\r\n\r\n", false},
	{"HEAD, streamed", "HEAD / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 200}), x.Write([]byte("body")), x.Finish([]Field{field("T", "u")}))
	}, "HTTP/1.1 200 OK\r\n\r\n", false},
	{"204", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 204, Fields: []Field{field("Content-Length", "4")}}, []byte("body"))
	}, "HTTP/1.1 204 No Content\r\n\r\n", false},
	{"204, streamed", "GET / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 204}), x.Write([]byte("body")), x.Finish(nil))
	}, "HTTP/1.1 204 No Content\r\n\r\n", false},
	{"304", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 304, Fields: []Field{field("Content-Length", "4")}}, []byte("body"))
	}, "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", false},
	{"304 without length", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 304}, nil)
	}, "HTTP/1.1 304 Not Modified\r\n\r\n", false},

	{"a streamed answer", "GET / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 200}), x.Write([]byte("one")), x.Write(nil), x.Write([]byte("and a second")),
			x.Finish(nil))
	}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nc\r\nand a second\r\n0\r\n\r\n", false},
	{"trailers", "GET / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 200, Fields: []Field{field("Trailer", "T")}}), x.Finish([]Field{field("T", "u")}))
	}, "HTTP/1.1 200 OK\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: u\r\n\r\n", false},
	{"a streamed answer of known length", "GET / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 200, Fields: []Field{field("Content-Length", "8")}}),
			x.Write([]byte("body")), x.Write([]byte("body")), x.Finish([]Field{field("T", "u")}))
	}, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbodybody", false},
	{"a streamed answer in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 200}), x.Write([]byte("body")), x.Finish(nil))
	}, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody", true},

	{"early hints", "GET / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Inform(103, []Field{field("Link", "</a>")}), x.Inform(102, nil), x.Respond(&Head{Status: 200}, nil))
	}, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		false},
	{"early hints in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive", func(x *Exchange) error {
		return errors.Join(x.Inform(103, []Field{field("Link", "</a>")}), x.Respond(&Head{Status: 200}, nil))
	}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false},

	{"a body shorter than its length", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, Fields: []Field{field("Content-Length", "8")}}, []byte("body"))
	}, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbody", true},
	{"a streamed body shorter than its length", "GET / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 200, Fields: []Field{field("Content-Length", "8")}}),
			x.Write([]byte("body")), x.Finish(nil))
	}, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbody", true},
	{"a body longer than its length", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, Fields: []Field{field("Content-Length", "2")}}, []byte("body"))
	}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nbo", false},
	{"a streamed body longer than its length", "GET / HTTP/1.1", func(x *Exchange) error {
		return errors.Join(x.Start(&Head{Status: 200, Fields: []Field{field("Content-Length", "2")}}),
			x.Write([]byte("body")), x.Write([]byte("body")), x.Finish(nil))
	}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nbo", false},
	{"a chunked body that is aborted", "GET / HTTP/1.1", func(x *Exchange) error {
		err := errors.Join(x.Start(&Head{Status: 200}), x.Write([]byte("body")))
		x.Abort()
		return err
	}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", true},
	{"hop-by-hop fields, dropped", "GET / HTTP/1.1", func(x *Exchange) error {
		return x.Respond(&Head{Status: 200, DropHopByHop: true, Fields: []Field{field("Connection", "keep-alive"),
			field("Keep-Alive", "1"), field("Transfer-Encoding", "chunked"), field("X", "y")}}, nil)
	}, "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n", false},
	{"calls in the wrong order", "GET / HTTP/1.1", func(x *Exchange) error {
		for i, err := range []error{x.Write(nil), x.Finish(nil), x.Start(&Head{Status: 200}), x.Start(&Head{Status: 200}),
			x.Respond(&Head{Status: 200}, nil), x.Inform(103, nil)} {
			if want := i != 2; errors.Is(err, ErrMisuse) != want {
				return fmt.Errorf("call %d returned %v", i, err)
			}
		}
		return x.Finish(nil)
	}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
}

func TestAnswersAreFramedAsTheClientCanRead(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		for _, test := range answers {
			t.Run(test.name, func(t *testing.T) {
				errs := make(chan error, 1000)
				s := open(t, Config{NoDate: true, NoServerName: true}, func(x *Exchange, do func(func())) {
					if string(x.Path) == "/last" {
						hello(x, do)
						return
					}
					do(func() { errs <- test.answer(x) })
				})
				repeated(t, func(t *testing.T) {
					c := s.dial(t)
					defer c.Close()
					c.send(test.in + "\r\nHost: a\r\n\r\n")
					got := make([]byte, len(test.want))
					for n := 0; n < len(got); {
						k, err := c.r.Read(got[n:])
						if n += k; err != nil {
							t.Fatalf("got %q, %v, want %q", got[:n], err, test.want)
						}
					}
					if diff := cmp.Diff(test.want, string(got)); diff != "" {
						t.Errorf("answer (-want +got):\n%s", diff)
					}
					if err := receive(t, "the handler", errs); err != nil {
						t.Errorf("the handler got %v", err)
					}
					if test.cut {
						c.ended()
						return
					}
					checkBody(t, c.get("/last"), 200, "/last")
				})
			})
		}
	})
}

func TestInvalidHeadsAreRefusedAndLeaveRoomForAnother(t *testing.T) {
	tests := []struct {
		name  string
		head  Head
		field string
	}{
		{"no status", Head{}, ""},
		{"a status too low", Head{Status: 99}, ""},
		{"a status too high", Head{Status: 1000}, ""},
		{"an interim status", Head{Status: 103}, ""},
		{"a reason with CR LF", Head{Status: 200, Reason: []byte("OK\r\nX: y")}, ""},
		{"an empty name", Head{Status: 200, Fields: []Field{field("", "y")}}, ""},
		{"a name with a space", Head{Status: 200, Fields: []Field{field("X ", "y")}}, "X "},
		{"a name with CR LF", Head{Status: 200, Fields: []Field{field("X\r\n", "y")}}, "X\r\n"},
		{"a value with CR LF", Head{Status: 200, Fields: []Field{field("X", "y\r\nZ: z")}}, "X"},
		{"a value with LF", Head{Status: 200, Fields: []Field{field("X", "a long value with\nLF")}}, "X"},
		{"a value with NUL", Head{Status: 200, Fields: []Field{field("X", "y\x00")}}, "X"},
		{"two lengths", Head{Status: 200, Fields: []Field{field("Content-Length", "1"), field("content-length", "1")}}, "content-length"},
		{"a signed length", Head{Status: 200, Fields: []Field{field("Content-Length", "+1")}}, "Content-Length"},
		{"an empty length", Head{Status: 200, Fields: []Field{field("Content-Length", "")}}, "Content-Length"},
		{"Connection", Head{Status: 200, Fields: []Field{field("Connection", "keep-alive")}}, "Connection"},
		{"Keep-Alive", Head{Status: 200, Fields: []Field{field("Keep-Alive", "timeout=5")}}, "Keep-Alive"},
		{"Transfer-Encoding", Head{Status: 200, Fields: []Field{field("Transfer-Encoding", "chunked")}}, "Transfer-Encoding"},
		{"Upgrade", Head{Status: 200, Fields: []Field{field("Upgrade", "h2c")}}, "Upgrade"},
		{"TE", Head{Status: 200, Fields: []Field{field("te", "trailers")}}, "te"},
		{"Proxy-Authenticate", Head{Status: 407, Fields: []Field{field("Proxy-Authenticate", "Basic")}}, "Proxy-Authenticate"},
	}
	roads(t, func(t *testing.T, open opener) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				errs := make(chan error, 4)
				s := open(t, Config{}, func(x *Exchange, do func(func())) {
					errs <- x.Respond(&test.head, nil)
					errs <- x.Start(&test.head)
					errs <- x.Inform(103, []Field{field("Transfer-Encoding", "chunked")})
					x.Respond(&Head{Status: 500}, []byte("sorry"))
				})
				c := s.dial(t)
				checkBody(t, c.get("/"), 500, "sorry")
				for range 2 {
					err, ok := errors.AsType[*HeadError](<-errs)
					if !ok || err.Field != test.field {
						t.Errorf("got %v, want an error for %q", err, test.field)
					}
				}
				if err, ok := errors.AsType[*HeadError](<-errs); !ok {
					t.Errorf("Inform returned %v", err)
				}
				checkBody(t, c.get("/"), 500, "sorry")
			})
		}
	})
}

func TestAnExchangeThatIsOverTakesNothing(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
		errs := make(chan []error, 1)
		s := open(t, Config{}, func(x *Exchange, _ func(func())) {
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
			}
			x.Respond(&Head{Status: 200}, []byte("first"))
			got := []error{x.Respond(&Head{Status: 200}, []byte("second")), x.Start(&Head{Status: 200}), x.Write([]byte("third")),
				x.SendFile(f, 0, 7), x.Inform(103, nil), x.Finish(nil)}
			x.Abort()
			x.Pull()
			errs <- got
		})
		c := s.dial(t)
		for range 3 {
			checkBody(t, c.get("/"), 200, "first")
			for i, err := range <-errs {
				if err != ErrClosed {
					t.Errorf("call %d returned %v, want %v", i, err, ErrClosed)
				}
			}
		}
		until(t, "the count", func() bool { return s.Stats() == Stats{Connections: 1, Requests: 3} })
	})
}

func TestInvalidTrailersAreRefused(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		errs := make(chan error, 1)
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Start(&Head{Status: 200})
			errs <- x.Finish([]Field{field("T", "u\r\n")})
			x.Finish([]Field{field("T", "u")})
		})
		got := s.dial(t).get("/")
		if got.Trailer.Get("T") != "u" || got.err != nil {
			t.Errorf("got trailers %v, %v", got.Trailer, got.err)
		}
		if err, ok := errors.AsType[*HeadError](<-errs); !ok {
			t.Errorf("got %v, want a HeadError", err)
		}
	})
}

func TestFaultyBodiesAreLogged(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Respond(&Head{Status: 200, Fields: []Field{field("Content-Length", string(x.Query))}}, []byte("body"))
		})
		s.dial(t).get("/?2")
		s.dial(t).get("/?8")
		until(t, "the log", func() bool {
			log := s.log.String()
			return strings.Contains(log, "answer shortened") && strings.Contains(log, "answer cut")
		})
	})
}

func TestDateAndServerAreAdded(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{ServerName: "tester"}, hello)
		got := s.dial(t).get("/")
		date, err := time.Parse(time.RFC1123, got.Header.Get("Date"))
		if err != nil || got.Header.Get("Server") != "tester" || time.Since(date).Abs() > time.Hour {
			t.Errorf("got %v, %v", got.Header, err)
		}
	})
}

func TestFilesAreSentBetweenBytes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	content := strings.Repeat("0123456789", 300<<10)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			h := &Head{Status: 200}
			if string(x.Query) != "" {
				h.Fields = []Field{field("Content-Length", string(x.Query))}
			}
			x.Start(h)
			x.Write([]byte("<"))
			for _, part := range [][2]int64{{0, 10}, {5, 0}, {3, 2 << 20}} {
				f, err := os.Open(name)
				if err != nil {
					t.Error(err)
				}
				x.SendFile(f, part[0], part[1])
				x.Write([]byte("|"))
			}
			x.Finish(nil)
		})
		want := "<" + content[:10] + "||" + content[3:3+2<<20] + "|"
		c := s.dial(t)
		for range 2 {
			checkBody(t, c.get("/"), 200, want)
			checkBody(t, c.get(fmt.Sprint("/?", len(want))), 200, want)
			checkBody(t, c.get("/?100"), 200, want[:100])
			c.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
			checkBody(t, c.answer("HEAD"), 200, "")
		}
	})
}

func TestFilesShorterThanSaidCutTheConnection(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
			}
			x.Start(&Head{Status: 200})
			x.SendFile(f, 0, 10)
			x.Finish(nil)
		})
		if got := s.dial(t).get("/"); !isReset(got.err) {
			t.Errorf("got %q, %v, want an unexpected end", got.body, got.err)
		}
	})
}

func TestAnAbortedAnswerUntilTheEndIsReset(t *testing.T) {
	roads(t, func(t *testing.T, open opener) {
		s := open(t, Config{}, func(x *Exchange, do func(func())) {
			x.Peer = abortWhenWritten{}
			x.Start(&Head{Status: 200})
			x.Write([]byte("body"))
		})
		c := s.dial(t)
		c.send("GET / HTTP/1.0\r\n\r\n")
		got := c.answer("GET")
		if got.err == nil || !strings.Contains(got.err.Error(), "reset") {
			t.Errorf("got %q, %v, want a reset", got.body, got.err)
		}
	})
}

type abortWhenWritten struct{}

func (abortWhenWritten) Written(x *Exchange, _ int)   { x.Abort() }
func (abortWhenWritten) Body(*Exchange, []byte, bool) {}
func (abortWhenWritten) Closed(x *Exchange, _ error)  { x.Abort() }
