// Command wsload measures WebSockets: messages that are echoed on many connections, or one sender whose messages come back
// on all of them. It is the client of the websocket cases of bench/run.
//
//	wsload -kind echo -connections 64 -seconds 4 127.0.0.1:8000
//
// At its end it prints what happened in the form of bench/load.lua. With -check it only looks whether answers are right.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "wsload:", err)
		os.Exit(1)
	}
}

// plan is what is to be done.
type plan struct {
	address     string
	connections int
	message     []byte
	end         time.Time
	most        int // messages of each connection; 0: until end
}

// kinds are the loads: each returns the latencies of the messages that came back.
var kinds = map[string]func(*plan) ([]time.Duration, error){"echo": echo, "broadcast": broadcast, "room": room}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("wsload", flag.ContinueOnError)
	kind := flags.String("kind", "echo", "echo, broadcast or room")
	connections := flags.Int("connections", 64, "connections at a time")
	seconds := flags.Int("seconds", 4, "how long")
	size := flags.Int("size", 64, "bytes of a message")
	check := flags.Bool("check", false, "two messages of each connection, and no report")
	if err := flags.Parse(args); err != nil {
		return err
	}
	load := kinds[*kind]
	if load == nil || flags.NArg() != 1 || *connections < 1 || *size < 1 {
		return errors.New("start: give -kind echo, broadcast or room, at least one connection and byte, and an address")
	}
	begin := time.Now()
	p := &plan{
		address: flags.Arg(0), connections: *connections, message: []byte(strings.Repeat("m", *size)),
		end: begin.Add(time.Duration(*seconds) * time.Second),
	}
	if *check {
		p.most = 2
	}
	times, err := load(p)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if *check {
		return nil
	}
	slices.Sort(times)
	report, err := json.Marshal(map[string]any{
		"requests": len(times), "duration_us": took.Microseconds(),
		"p50_us": quantile(times, 0.5), "p99_us": quantile(times, 0.99), "errors": map[string]int{},
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "bench %s\n", report)
	return err
}

// quantile returns microseconds; times are sorted.
func quantile(times []time.Duration, q float64) float64 {
	if len(times) == 0 {
		return 0
	}
	return float64(times[int(q*float64(len(times)-1))].Nanoseconds()) / 1000
}
