package proxied_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/proxied"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 returns a header of version 2.
func v2(command, family byte, payload string) string {
	var n [2]byte
	binary.BigEndian.PutUint16(n[:], uint16(len(payload)))
	return signature + string([]byte{command, family}) + string(n[:]) + payload
}

var (
	four = "\xc0\x00\x02\x01" + "\xc0\x00\x02\x02" + "\x00\x63" + "\x01\xbb"
	six  = "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + strings.Repeat("\x00", 15) + "\x01" + "\x00\x63" + "\x01\xbb"
)

// accepted returns a connection to a listener that believes the networks, both ends.
func accepted(t *testing.T, l net.Listener, c proxied.Config) (server, client net.Conn) {
	t.Helper()
	p := proxied.Listen(l, c)
	t.Cleanup(func() { p.Close() })
	client, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = p.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{client, server} {
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return server, client
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var everybody = proxied.Config{From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

func TestTheHeaderSaysWhoTheClientIs(t *testing.T) {
	for name, c := range map[string]struct{ head, remote, local string }{
		"version 1, IPv4":        {"PROXY TCP4 192.0.2.1 192.0.2.2 99 443\r\n", "192.0.2.1:99", "192.0.2.2:443"},
		"version 1, IPv6":        {"PROXY TCP6 2001:db8::1 ::1 99 443\r\n", "[2001:db8::1]:99", "[::1]:443"},
		"version 2, IPv4":        {v2(0x21, 0x11, four), "192.0.2.1:99", "192.0.2.2:443"},
		"version 2, IPv6":        {v2(0x21, 0x21, six), "[2001:db8::1]:99", "[::1]:443"},
		"version 2, with extras": {v2(0x21, 0x11, four+"\x04\x00\x02ab"), "192.0.2.1:99", "192.0.2.2:443"},
		"version 2, unix":        {v2(0x21, 0x31, "/from"+strings.Repeat("\x00", 103)+"/to"+strings.Repeat("\x00", 105)), "/from", "/to"},
		"version 1, unknown":     {"PROXY UNKNOWN\r\n", "", ""},
		"version 1, unknown too": {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", ""},
		"version 2, local":       {v2(0x20, 0x00, ""), "", ""},
		"version 2, local, long": {v2(0x20, 0x11, four), "", ""},
		"version 2, unspecified": {v2(0x21, 0x00, "\x04\x00\x01a"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := accepted(t, loopback(t), everybody)
			if c.remote == "" {
				c.remote, c.local = client.LocalAddr().String(), client.RemoteAddr().String()
			}
			if _, err := io.WriteString(client, c.head+"GET /"); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 5)
			if _, err := io.ReadFull(server, b); err != nil || string(b) != "GET /" {
				t.Fatalf("got %q, %v behind the header", b, err)
			}
			if got := server.RemoteAddr().String(); got != c.remote {
				t.Errorf("got the client %s, want %s", got, c.remote)
			}
			if got := server.LocalAddr().String(); got != c.local {
				t.Errorf("got the address %s, want %s", got, c.local)
			}
			if _, err := io.WriteString(client, "rest"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(server, b[:4]); err != nil || string(b[:4]) != "rest" {
				t.Errorf("got %q, %v afterwards", b[:4], err)
			}
		})
	}
}

func TestTheHeaderMayComeByteByByte(t *testing.T) {
	for _, head := range []string{"PROXY TCP4 192.0.2.1 192.0.2.2 99 443\r\n", v2(0x21, 0x11, four)} {
		server, client := net.Pipe()
		defer client.Close()
		defer server.Close()
		go func() {
			for i := range len(head) {
				if _, err := client.Write([]byte(head[i : i+1])); err != nil {
					return
				}
			}
		}()
		c, err := proxied.Listen(&once{server}, proxied.Config{}).Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.(*proxied.Conn).Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().String(); got != "192.0.2.1:99" {
			t.Errorf("got %s", got)
		}
	}
}

func TestBehindTheHeaderTheConnectionIsTheProxysOwn(t *testing.T) {
	head := "PROXY TCP4 192.0.2.1 192.0.2.2 99 443\r\n"
	for _, early := range []string{"", "GET /"} {
		server, client := accepted(t, loopback(t), everybody)
		if _, err := io.WriteString(client, head+early); err != nil {
			t.Fatal(err)
		}
		c := server.(*proxied.Conn)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		socket, got := c.Bare()
		if _, ok := socket.(*net.TCPConn); !ok || string(got) != early {
			t.Errorf("got a %T and %q, want a *net.TCPConn and %q", socket, got, early)
		}
		if got := c.RemoteAddr().String(); got != "192.0.2.1:99" {
			t.Errorf("got the client %s", got)
		}
		if _, err := io.WriteString(client, "rest"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4)
		if _, err := io.ReadFull(socket, b); err != nil || string(b) != "rest" {
			t.Errorf("got %q, %v from the socket", b, err)
		}
	}
}

// once is a listener with one connection.
type once struct{ net.Conn }

func (o *once) Accept() (net.Conn, error) { return o.Conn, nil }
func (o *once) Addr() net.Addr            { return o.LocalAddr() }

func TestWhatIsNoHeaderEndsTheConnection(t *testing.T) {
	for name, sent := range map[string]string{
		"none":                 "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"one without an end":   "PROXY TCP4 " + strings.Repeat("1", 200),
		"one of lies":          "PROXY TCP4 192.0.2.1 192.0.2.2 99\r\n",
		"a wrong family":       "PROXY TCP4 ::1 ::1 99 443\r\n",
		"a wrong command":      v2(0x2f, 0x11, four),
		"a wrong version":      v2(0x31, 0x11, four),
		"a short one":          v2(0x21, 0x11, four[:4]),
		"a wrong signature":    strings.Replace(v2(0x21, 0x11, four), "QUIT", "QUID", 1),
		"one that is too long": v2(0x21, 0x11, four+strings.Repeat("x", 5000)),
	} {
		server, client := accepted(t, loopback(t), everybody)
		if _, err := io.WriteString(client, sent); err != nil {
			t.Fatal(err)
		}
		if n, err := server.Read(make([]byte, 10)); err == nil {
			t.Errorf("%s: read %d bytes", name, n)
		}
		if got := server.RemoteAddr().String(); got != client.LocalAddr().String() {
			t.Errorf("%s: the client is %s", name, got)
		}
	}
}

func TestAHeaderThatDoesNotComeHasADeadline(t *testing.T) {
	server, client := accepted(t, loopback(t), everybody)
	if _, err := io.WriteString(client, "PROXY TCP4 "); err != nil {
		t.Fatal(err)
	}
	if err := server.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := server.(*proxied.Conn).Handshake(); err == nil {
		t.Error("no error")
	}
}

func TestOthersAreTurnedAway(t *testing.T) {
	l := loopback(t)
	p := proxied.Listen(l, proxied.Config{From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	done := make(chan error, 1)
	go func() {
		_, err := p.Accept()
		done <- err
	}()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if n, err := client.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("read %d bytes, %v, want the end", n, err)
	}
	p.Close()
	if err := <-done; err == nil {
		t.Error("somebody was let in")
	}
}

func TestClientsOfUnixSocketsAreBelieved(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	server, client := accepted(t, l, proxied.Config{})
	if _, err := io.WriteString(client, "PROXY TCP4 192.0.2.1 192.0.2.2 99 443\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := server.(*proxied.Conn).Handshake(); err != nil {
		t.Fatal(err)
	}
	if got := server.RemoteAddr().String(); got != "192.0.2.1:99" {
		t.Errorf("got %s", got)
	}
}
