// text.go is the page for terminals.

package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// askLimit is how long the server may take to say how it is.
const askLimit = 5 * time.Second

// Ask returns what the server whose operators' address that is says of itself. A host that stands for all addresses of a
// machine stands for this machine.
func Ask(ctx context.Context, address string) (*Summary, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		address = net.JoinHostPort("localhost", port)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is a neighbour
	answer, err := client.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("ask for the status: nothing listens on %s: start \"puff serve\" with --metrics %s", address, address)
	case err != nil:
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	defer answer.Body.Close()
	s := new(Summary)
	if err := json.NewDecoder(io.LimitReader(answer.Body, 4<<20)).Decode(s); err != nil || answer.StatusCode != http.StatusOK || s.Version == "" {
		return nil, fmt.Errorf("ask for the status: who listens on %s is no puff", address)
	}
	return s, nil
}

// Write writes the summary for people, as lines without colours.
func (s *Summary) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "puff %s", s.Version)
	if s.Python != "" {
		fmt.Fprintf(&b, " with Python %s", s.Python)
	}
	fmt.Fprintf(&b, ", up %s: %s\n\n", time.Duration(s.UptimeS*float64(time.Second)).Truncate(time.Second), s.Health)
	fmt.Fprintf(&b, "requests     %d, %.1f per second, %d of them errors\n", s.Requests, s.Rate, s.Errors)
	fmt.Fprintf(&b, "latency      median %.2f ms, 99 %% %.2f ms\n", s.P50, s.P99)
	fmt.Fprintf(&b, "in flight    %d on %d connections\n", s.InFlight, s.Connections)
	var restarts []string
	for _, reason := range slices.Sorted(maps.Keys(s.Restarts)) {
		if n := s.Restarts[reason]; n > 0 {
			restarts = append(restarts, fmt.Sprintf("%d %s", n, reason))
		}
	}
	if len(restarts) == 0 {
		restarts = []string{"none"}
	}
	fmt.Fprintf(&b, "restarts     %s\n\n", strings.Join(restarts, ", "))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WORKER\tSTATE\tBUSY\tREQUESTS\tIN FLIGHT\tMEMORY\tRESTARTS\tSTARTED")
	for _, w := range s.Workers {
		fmt.Fprintf(t, "%d\t%s\t%.0f %%\t%d\t%d\t%.1f MB\t%d\t%s\n",
			w.PID, w.State, 100*w.Busy, w.Requests, w.InFlight, float64(w.RSS)/(1<<20), w.Restarts, w.Started.Local().Format(time.DateTime))
	}
	s.writePools(t)
	if len(s.Slow) > 0 {
		fmt.Fprintln(t, "\nSLOWEST\tSTATUS\tSLOW\tROUTE")
	}
	for _, r := range s.Slow[:min(len(s.Slow), 10)] {
		fmt.Fprintf(t, "%.1f ms\t%d\t%d\t%s\n", r.WorstMS, r.Status, r.Count, r.Route)
	}
	t.Flush() // into memory
	for _, line := range s.Down {
		fmt.Fprintf(&b, "\n%s", line)
	}
	if len(s.Down) > 0 {
		b.WriteString("\n\"puff doctor\" asks every service, \"puff services\" lists those that Puff runs\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writePools writes a line for each pool, nothing where none was used.
func (s *Summary) writePools(w io.Writer) {
	if len(s.Pools) > 0 {
		fmt.Fprintln(w, "\nSERVICE\tSTATE\tCONNECTIONS\tWAITING\tCALLS\tMEAN\tERRORS\tRECONNECTS")
	}
	for i := range s.Pools {
		p := &s.Pools[i]
		state, mean := "up", "-"
		if !p.DownSince.IsZero() {
			state = "down"
		}
		if p.Calls > 0 {
			mean = fmt.Sprintf("%.2f ms", ms(p.CallTime)/float64(p.Calls))
		}
		fmt.Fprintf(w, "%s %s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\n",
			p.Service, p.Name, state, p.held(), p.Waiting, p.Calls, mean, p.errors(), p.Reconnects)
	}
}

// held says how many connections there are, of how many, and in which states.
func (p *Pool) held() string {
	var states []string
	for _, state := range slices.Sorted(maps.Keys(p.Connections)) {
		if n := p.Connections[state]; n > 0 {
			states = append(states, fmt.Sprintf("%d %s", n, state))
		}
	}
	of := ""
	if p.Size > 0 {
		of = fmt.Sprintf(" of %d", p.Size)
	}
	if len(states) == 0 {
		return "0" + of
	}
	return strings.Join(states, ", ") + of
}
