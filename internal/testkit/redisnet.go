package testkit

// Redis as it runs elsewhere: over TCP and TLS, watched by Sentinel, in a cluster.

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisTCP starts a server that also listens at Address.
func RedisTCP(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	port := FreePort(t)
	s := Redis(t, append([]string{"--bind", "127.0.0.1", "--port", port}, args...)...)
	s.Address = "127.0.0.1:" + port
	return s
}

// Say sends the server a command of words and returns the first line of its reply, and
// of a text what is in it.
func (s *RedisServer) Say(t testing.TB, words ...string) string {
	t.Helper()
	text, err := s.say(words)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return text
}

func (s *RedisServer) say(words []string) (string, error) {
	conn, err := net.DialTimeout("unix", s.Socket, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "%s\r\n", strings.Join(words, " ")); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil || line[0] != '$' {
		return strings.TrimSpace(line), err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || n < 0 {
		return "", err
	}
	text := make([]byte, n)
	for at := 0; at < n && err == nil; {
		var more int
		more, err = r.Read(text[at:])
		at += more
	}
	return string(text), err
}

// Sentinel is a server, its replica, and who watches them.
type Sentinel struct {
	// Primary was the first master, Replica is the next one.
	Primary, Replica *RedisServer
	// Watcher is redis-sentinel.
	Watcher *RedisServer
}

// RedisSentinel starts a server that Sentinel knows as main, with a replica.
func RedisSentinel(t testing.TB) *Sentinel {
	t.Helper()
	primary := RedisTCP(t)
	host, port, _ := net.SplitHostPort(primary.Address)
	replica := RedisTCP(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	Wait(t, "the replica is in step", func() bool {
		return strings.Contains(replica.Say(t, "INFO", "replication"), "master_link_status:up")
	})
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main %s %s 1\nsentinel down-after-milliseconds main 500\n"+
		"sentinel failover-timeout main 2000\n", host, port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinelPort := FreePort(t)
	watcher := startRedis(t, []string{file, "--sentinel"}, []string{"--bind", "127.0.0.1", "--port", sentinelPort})
	watcher.Address = "127.0.0.1:" + sentinelPort
	Wait(t, "Sentinel knows the replica", func() bool {
		return strings.Contains(watcher.Say(t, "INFO", "sentinel"), "slaves=1")
	})
	return &Sentinel{Primary: primary, Replica: replica, Watcher: watcher}
}

// clusterSlots is how many slots a cluster has.
const clusterSlots = 16384

// RedisCluster starts a cluster of three nodes.
func RedisCluster(t testing.TB) []*RedisServer {
	t.Helper()
	var nodes []*RedisServer
	for range 3 {
		nodes = append(nodes, RedisTCP(t, clusterNode(t)...))
	}
	meet(t, nodes)
	return nodes
}

// RedisClusterTLS is RedisCluster with nodes that speak TLS alone, among them too.
func RedisClusterTLS(t testing.TB, certificate, key, authority string) []*RedisServer {
	t.Helper()
	var nodes []*RedisServer
	for range 3 {
		port := FreePort(t)
		n := Redis(t, append(clusterNode(t), "--bind", "127.0.0.1", "--tls-port", port, "--tls-cluster", "yes",
			"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority)...)
		n.Address = "127.0.0.1:" + port
		nodes = append(nodes, n)
	}
	meet(t, nodes)
	return nodes
}

func clusterNode(t testing.TB) []string {
	t.Helper()
	return []string{"--cluster-enabled", "yes", "--cluster-port", FreePort(t), "--cluster-node-timeout", "2000"}
}

// meet makes nodes a cluster and returns when that is complete.
func meet(t testing.TB, nodes []*RedisServer) {
	t.Helper()
	for i, n := range nodes {
		from, to := clusterSlots*i/len(nodes), clusterSlots*(i+1)/len(nodes)-1
		n.Say(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to))
		n.Say(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for _, n := range nodes[1:] {
		host, port, _ := net.SplitHostPort(n.Address)
		nodes[0].Say(t, "CLUSTER", "MEET", host, port, n.option("--cluster-port"))
	}
	for _, n := range nodes {
		Wait(t, "the cluster is complete", func() bool {
			info := n.Say(t, "CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
}
