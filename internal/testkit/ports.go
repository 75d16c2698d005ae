package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
)

// FreePort is FreePorts of one, as an address has it.
func FreePort(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(FreePorts(t, 1))
}

// FreePorts returns the first of n ports in a row that nobody listens on, nor gets by chance
// while the test lasts. They are below those that the kernel hands out, to clients and for
// port 0, where these leave any, and are claimed with abstract unix sockets, which other tests
// of this machine's respect.
func FreePorts(t testing.TB, n int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	const begin = 10000
	var end int
	if _, err := fmt.Sscan(string(text), &end); err != nil {
		t.Fatalf("read %q: %v", text, err)
	}
	if end < 12000 {
		end = 60000
	}
	for range 100 {
		first := begin + rand.IntN(end-n-begin)
		claims, err := claim(first, n)
		if err == nil {
			t.Cleanup(func() { release(claims) })
			return first
		}
		release(claims)
	}
	t.Fatalf("there are no %d ports in a row that are free", n)
	return 0
}

// claim keeps n ports from other tests. It has listened on each, and does so no longer.
func claim(first, n int) (claims []net.Listener, err error) {
	for port := first; port < first+n; port++ {
		c, err := net.Listen("unix", fmt.Sprintf("@puff.port.%d", port))
		if err != nil {
			return claims, err
		}
		claims = append(claims, c)
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return claims, err
		}
		l.Close()
	}
	return claims, nil
}

func release(claims []net.Listener) {
	for _, c := range claims {
		c.Close()
	}
}
