package puff

// What the services of a process have done and hold, for who watches it.

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/puffstack/puff/httpclient"
	"github.com/puffstack/puff/internal/status"
	"github.com/puffstack/puff/postgres"
	"github.com/puffstack/puff/redis"
)

// directly names the connections to PostgreSQL that a program made by a URL of its own.
const directly = "direct"

// pools returns a report of each pool that was used.
func (s *services) pools() (all []status.Pool) {
	s.mu.Lock()
	pg, clients, hubs, agents := maps.Clone(s.postgres), maps.Clone(s.redis), maps.Clone(s.pubsub), maps.Clone(s.http)
	s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		all = append(all, httpPool(name, agents[name].Stats()))
	}
	for _, name := range slices.Sorted(maps.Keys(pg)) {
		all = append(all, postgresPool(name, pg[name].Stats()))
	}
	if st := s.direct.Stats(); st.Dialed+st.Failed > 0 {
		all = append(all, postgresPool(directly, st))
	}
	for _, name := range slices.Sorted(maps.Keys(hubs)) {
		st := hubs[name].Stats()
		p := redisPool("pubsub", name, st.Client)
		if st.Listening {
			p.Connections["listening"]++ // one of those that the client has made
			p.Connections["shared"] = max(p.Connections["shared"]-1, 0)
		}
		p.Calls = st.Published
		p.Subscriptions, p.Received, p.Dropped = st.Topics, st.Received, st.Dropped
		all = append(all, p)
	}
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		all = append(all, redisPool("redis", name, clients[name].Stats()))
	}
	return all
}

func postgresPool(name string, s postgres.Stats) status.Pool {
	return status.Pool{
		Service: "postgres", Name: name, Server: s.Server, Size: s.Size, Waiting: s.Waiting, DownSince: s.DownSince, Why: s.Why,
		Connections: map[string]int{"idle": s.Idle, "used": s.InUse, "listening": s.Listening},
		PoolCounts: status.PoolCounts{
			Calls: uint64(s.Queries), CallTime: s.QueryTime,
			Errors:   map[string]uint64{"down": uint64(s.Failed), "lost": uint64(s.Lost), "busy": uint64(s.TimedOut), "refused": uint64(s.Refused)},
			Connects: uint64(s.Dialed), Reconnects: uint64(s.Reconnected),
			Waits: uint64(s.Waited), WaitTime: s.WaitTime, Timeouts: uint64(s.TimedOut),
		},
	}
}

func redisPool(service, name string, s redis.Stats) status.Pool {
	used := s.Held + s.Waiting
	return status.Pool{
		Service: service, Name: name, Server: s.URL, DownSince: s.DownSince, Why: s.Why,
		Connections: map[string]int{"used": used, "shared": max(s.Connections-used, 0)},
		PoolCounts: status.PoolCounts{
			Calls: s.Commands, CallTime: s.CommandTime,
			Errors: map[string]uint64{
				"down": s.Unreached, "lost": s.Lost, "timeout": s.Late, "busy": s.TimedOut, "refused": s.Refused,
			},
			Connects: uint64(s.Dialed), Reconnects: uint64(s.Reconnected),
			Waits: s.Waited, WaitTime: s.WaitTime, Timeouts: s.TimedOut,
		},
	}
}

// httpErrors names the errors of requests as those of other services are.
var httpErrors = map[httpclient.Kind]string{
	httpclient.KindConnect: "down", httpclient.KindTLS: "tls", httpclient.KindTimeout: "timeout",
	httpclient.KindRedirects: "redirects", httpclient.KindExchange: "lost", httpclient.KindTooLarge: "too_large",
	httpclient.KindRequest: "refused", httpclient.KindCancelled: "cancelled",
}

func httpPool(name string, s httpclient.Stats) status.Pool {
	p := status.Pool{
		Service: "http", Name: name, Connections: map[string]int{"open": s.Connections},
		PoolCounts: status.PoolCounts{
			Calls: uint64(s.Requests), CallTime: s.RequestTime, Connects: uint64(s.Dialed), Errors: map[string]uint64{},
		},
	}
	for kind, word := range httpErrors {
		p.Errors[word] += s.Errors[kind]
	}
	return p
}

// prober asks services that are down whether they are back, so that one that nobody
// needs meanwhile does not count as down for ever.
type prober struct {
	group sync.WaitGroup

	mu    sync.Mutex
	asked map[string]context.CancelFunc // by kind and name: those that are being asked
	last  map[string]time.Time          // when they were
	over  bool
}

// probeLimit is how long a service may take to say that it is back, mostPause how long
// it is left alone at most: to ask may mean to look for a server that could be started.
const (
	probeLimit = 10 * time.Second
	mostPause  = 15 * time.Second
)

// probe asks a service that is down since then, unless it is being asked; the more rarely
// the longer that is.
func (p *prober) probe(id string, since time.Time, ping func(context.Context) error) {
	if since.IsZero() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.over || p.asked[id] != nil || now.Sub(p.last[id]) < min(now.Sub(since)/4, mostPause) {
		return
	}
	if p.last == nil {
		p.last = map[string]time.Time{}
	}
	p.last[id] = now
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	if p.asked == nil {
		p.asked = map[string]context.CancelFunc{}
	}
	p.asked[id] = cancel
	p.group.Go(func() {
		_ = ping(ctx) // the pool notes how it ended
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.asked, id)
	})
}

// end waits until nothing is asked any more.
func (p *prober) end() {
	p.mu.Lock()
	p.over = true
	for _, cancel := range p.asked {
		cancel()
	}
	p.mu.Unlock()
	p.group.Wait()
}

// probeDown has the services that are down asked whether they are back.
func (s *services) probeDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.postgres {
		s.prober.probe("postgres "+name, p.Stats().DownSince, p.Ping)
	}
	for name, c := range s.redis {
		s.prober.probe("redis "+name, c.Stats().DownSince, c.Ping)
	}
	for name, h := range s.pubsub {
		s.prober.probe("pubsub "+name, h.Client().Stats().DownSince, h.Client().Ping)
	}
}
