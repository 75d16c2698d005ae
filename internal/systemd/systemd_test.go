package systemd_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/puffstack/puff/internal/systemd"
)

// manager is the end of the notification socket that systemd holds.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "")
	t.Setenv("WATCHDOG_PID", "")
	return c
}

func heard(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestTheManagerHearsWhatIsSaid(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@puff-test-" + strconv.Itoa(os.Getpid())} {
		c := manager(t, name)
		n := systemd.FromEnvironment()
		for _, tt := range []struct {
			say  []string
			want string
		}{
			{[]string{systemd.Ready, systemd.Status("two\nlines")}, `^READY=1\nSTATUS=two lines$`},
			{[]string{systemd.Reloading()}, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+$`},
			{[]string{systemd.Stopping}, `^STOPPING=1$`},
			{[]string{systemd.MainPID(42)}, `^MAINPID=42$`},
		} {
			if err := n.Notify(tt.say...); err != nil {
				t.Fatal(err)
			}
			if got := heard(t, c); !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("%s: got %q, want %s", name, got, tt.want)
			}
		}
	}
}

func TestWithoutAManagerNothingHappens(t *testing.T) {
	for _, name := range []string{"", "relative", "vsock:2:1"} {
		t.Setenv("NOTIFY_SOCKET", name)
		t.Setenv("WATCHDOG_USEC", "1000000")
		n := systemd.FromEnvironment()
		if err := n.Notify(systemd.Ready); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if err := n.Watch(t.Context(), nil); err != nil || n.Watchdog() != 0 {
			t.Errorf("%q: a watchdog of %s, %v", name, n.Watchdog(), err)
		}
	}
}

func TestAManagerThatIsGoneIsAnError(t *testing.T) {
	manager(t, filepath.Join(t.TempDir(), "notify")).Close()
	if err := systemd.FromEnvironment().Notify(systemd.Ready); err == nil {
		t.Error("no error")
	}
}

func TestTheWatchdogIsForTheProcessItNames(t *testing.T) {
	manager(t, filepath.Join(t.TempDir(), "notify"))
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"2000000", "", 2 * time.Second},
		{"2000000", strconv.Itoa(os.Getpid()), 2 * time.Second},
		{"2000000", "1", 0},
		{"soon", "", 0},
		{"-1", "", 0},
		{"99999999999999999", "", 0},
		{"", "", 0},
	} {
		t.Setenv("WATCHDOG_USEC", tt.usec)
		t.Setenv("WATCHDOG_PID", tt.pid)
		if got := systemd.FromEnvironment().Watchdog(); got != tt.want {
			t.Errorf("WATCHDOG_USEC=%s WATCHDOG_PID=%s: got %s, want %s", tt.usec, tt.pid, got, tt.want)
		}
	}
}

func TestSignsOfLifeAreGivenWhileHealthy(t *testing.T) {
	c := manager(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("WATCHDOG_USEC", "400000")
	n := systemd.FromEnvironment()
	ctx, cancel := context.WithCancel(t.Context())
	answers := []bool{true, false, true, false}
	asked := 0
	done := make(chan error, 1)
	go func() {
		done <- n.Watch(ctx, func(context.Context) bool {
			asked++
			if asked == len(answers) {
				cancel()
			}
			return answers[asked-1]
		})
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// The socket holds one message for each time the answer was yes, and the one sent now.
	if err := n.Notify(systemd.Stopping); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{systemd.Alive, systemd.Alive, systemd.Stopping} {
		if got := heard(t, c); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestWhoIsAskedTooLongIsNotHealthy(t *testing.T) {
	c := manager(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("WATCHDOG_USEC", "2000")
	n := systemd.FromEnvironment()
	ctx, cancel := context.WithCancel(t.Context())
	err := n.Watch(ctx, func(asked context.Context) bool {
		<-asked.Done()
		cancel()
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Notify(systemd.Stopping); err != nil {
		t.Fatal(err)
	}
	if got := heard(t, c); got != systemd.Stopping {
		t.Errorf("got %q, want %q", got, systemd.Stopping)
	}
}
