// Command load sends a server everything a client can do to it: right requests, streams, posts,
// malformed heads, requests and answers left in the middle. It is the client of bench/soak.
//
//	load -wsgi 127.0.0.1:8000 -asgi 127.0.0.1:8001 -requests 1000000 -every 20000
//
// After each -every requests all connections are closed, a line of JSON says what happened, and a
// line on standard input lets it go on: the reader measures the server while nothing happens.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run is main without the process around it.
func run(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	wsgi := flags.String("wsgi", "", "`address` of the server of the WSGI application")
	asgi := flags.String("asgi", "", "`address` of the server of the ASGI application")
	requests := flags.Int("requests", 1_000_000, "requests in all")
	every := flags.Int("every", 20_000, "requests between two pauses")
	connections := flags.Int("connections", 32, "connections at a time, shared by the servers")
	seed := flags.Uint64("seed", 1, "seed of the order of the requests")
	skip := flags.String("skip", "", "names of acts to leave out, with commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := without(acts, *skip)
	if err != nil {
		return err
	}
	targets := given(target{"wsgi", *wsgi}, target{"asgi", *asgi})
	if len(targets) == 0 || *connections < len(targets) || *every < *connections {
		return errors.New("start: give -wsgi or -asgi, a connection for each, and -every at least as large as -connections")
	}
	clients := make([]*client, *connections)
	for i := range clients {
		to := targets[i%len(targets)]
		clients[i] = newClient(to.name, to.address, chosen, *seed, uint64(i))
	}
	return batches(clients, *requests, *every, bufio.NewReader(in), json.NewEncoder(out))
}

// batches sends the requests, and stops after each batch until it is told to go on.
func batches(clients []*client, requests, every int, in *bufio.Reader, out *json.Encoder) error {
	total := newReport()
	for total.Requests < requests {
		total.add(batch(clients, min(every, requests-total.Requests)))
		if err := out.Encode(total); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if _, err := in.ReadString('\n'); err != nil {
			return fmt.Errorf("wait for the word to go on: %w", err)
		}
	}
	return nil
}

// without returns the acts whose names are not in a list with commas.
func without(all []act, skip string) ([]act, error) {
	left := slices.Clone(all)
	for name := range strings.SplitSeq(skip, ",") {
		if name == "" {
			continue
		}
		before := len(left)
		left = slices.DeleteFunc(left, func(a act) bool { return a.name == name })
		if len(left) == before {
			return nil, fmt.Errorf("skip %q: there is no act of that name", name)
		}
	}
	if len(left) == 0 {
		return nil, errors.New("skip: no act is left")
	}
	return left, nil
}

// target is one server.
type target struct{ name, address string }

// given returns the targets that have an address.
func given(all ...target) []target {
	return slices.DeleteFunc(all, func(t target) bool { return t.address == "" })
}
