// Package systemd tells the service manager how a service is, as sd_notify(3) does.
//
//	n := systemd.FromEnvironment()
//	n.Notify(systemd.Ready, systemd.Status("serves on 127.0.0.1:8000"))
//	go n.Watch(ctx, alive) // with Type=notify and WatchdogSec=
//
// Outside of systemd all of this does nothing.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What a service may say, see sd_notify(3). Others are made by Reloading, MainPID and Status.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1"
)

// Reloading says that the service reads its configuration again; Ready says that it has. It
// holds the time, so that systemd knows which Ready belongs to it.
func Reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return "RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10)
}

// MainPID says that from now on pid is the process to watch.
func MainPID(pid int) string { return "MAINPID=" + strconv.Itoa(pid) }

// Status is a line for people, which systemctl status shows.
func Status(text string) string {
	return "STATUS=" + strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}

// Notifier talks to systemd. A nil Notifier is one that nobody listens to.
type Notifier struct {
	to       net.UnixAddr
	watchdog time.Duration
}

// FromEnvironment returns the Notifier for NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; nil
// without the first.
func FromEnvironment() *Notifier {
	name := os.Getenv("NOTIFY_SOCKET")
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") {
		return nil
	}
	n := &Notifier{to: net.UnixAddr{Name: name, Net: "unixgram"}}
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 || usec > int64(time.Duration(1<<62)/time.Microsecond) {
		return n
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// Notify sends what a service has to say, in one message. It waits for systemd no longer than
// a second.
func (n *Notifier) Notify(states ...string) error {
	if n == nil {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &n.to)
	if err == nil {
		err = errors.Join(
			c.SetWriteDeadline(time.Now().Add(time.Second)),
			send(c, strings.Join(states, "\n")),
			c.Close(),
		)
	}
	if err != nil {
		return fmt.Errorf("notify systemd at %s: %w", n.to.Name, err)
	}
	return nil
}

func send(c *net.UnixConn, message string) error {
	_, err := c.Write([]byte(message))
	return err
}

// Watchdog returns how long systemd waits for a sign of life before it restarts the service.
// 0: for ever.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Watch gives signs of life twice as often as systemd wants them, for as long as healthy says
// so; its context ends when the answer would come too late. Watch returns when ctx ends, at
// once if systemd wants no signs, and when one could not be sent.
func (n *Notifier) Watch(ctx context.Context, healthy func(context.Context) bool) error {
	if n.Watchdog() == 0 {
		return nil
	}
	interval := n.watchdog / 2
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if n.askHealth(ctx, interval, healthy) {
			if err := n.Notify(Alive); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *Notifier) askHealth(ctx context.Context, limit time.Duration, healthy func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return healthy(ctx) && ctx.Err() == nil
}
