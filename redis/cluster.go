package redis

// A cluster: which node a command goes to, what has to go to all of them, and what can
// not go together.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/redis/rueidis"
)

// The library's slots of a command without a key, and ours of what has not sent one yet.
const (
	noKey   = 1 << 14
	nothing = noKey + 1
)

// everywhere says of commands that speak of all keys how the replies of the nodes that
// have them become one.
var everywhere = map[string]func(replies []Reply) Reply{
	"DBSIZE": sum, "KEYS": joined, "FLUSHDB": first, "FLUSHALL": first, "SCRIPT": first,
}

func first(replies []Reply) Reply { return replies[0] }

func sum(replies []Reply) Reply {
	total := &own{kind: Integer}
	for i := range replies {
		total.n += replies[i].Int()
	}
	return Reply{own: total}
}

func joined(replies []Reply) Reply {
	all := &own{kind: Array}
	for i := range replies {
		all.items = append(all.items, replies[i].Items()...)
	}
	return Reply{own: all}
}

// scattered sends a command that speaks of all keys; ok is false for other commands.
func (l *link) scattered(ctx context.Context, args []string) (reply Reply, ok bool, err error) {
	n := name(args)
	merge := everywhere[n]
	if merge == nil && n != "SCAN" || len(args) < 2 && n == "SCAN" {
		return Reply{}, false, nil
	}
	nodes, err := l.primaries(ctx)
	if err != nil {
		return Reply{}, true, err
	}
	if n == "SCAN" {
		reply, err = l.scan(ctx, nodes, args)
		return reply, true, err
	}
	replies := make([]Reply, len(nodes))
	for i, node := range nodes {
		if replies[i], err = toReply(node.Do(ctx, node.B().Arbitrary(args...).Build())); err != nil {
			return Reply{}, true, err
		}
		if replies[i].Err() != nil {
			return replies[i], true, nil
		}
	}
	return merge(replies), true, nil
}

// mostNodes is how many nodes the cursor of a scan tells apart.
const mostNodes = 1024

// scan goes on with a scan over all nodes, one after the other: its cursor is that of a
// node, and which.
func (l *link) scan(ctx context.Context, nodes []rueidis.Client, args []string) (Reply, error) {
	words, at := slices.Clone(args), 0
	if cursor, err := strconv.ParseUint(args[1], 10, 64); err == nil { // else Redis objects
		words[1], at = strconv.FormatUint(cursor/mostNodes, 10), int(cursor%mostNodes)
	}
	if at >= len(nodes) { // the cluster has become smaller
		return page(0, nil), nil
	}
	reply, err := toReply(nodes[at].Do(ctx, nodes[at].B().Arbitrary(words...).Build()))
	if err != nil || reply.Err() != nil {
		return reply, err
	}
	items := reply.Items()
	if len(items) != 2 {
		return reply, nil
	}
	next, err := strconv.ParseUint(items[0].Text(), 10, 64)
	if err != nil || next > (1<<63-1)/mostNodes {
		return reply, fmt.Errorf("scan a cluster: the cursor %q of a node is too large", items[0].Text())
	}
	if next == 0 {
		if at++; at == len(nodes) {
			at = 0
		}
	}
	return page(next*mostNodes+uint64(at), items[1].Items()), nil
}

// page is what SCAN replies.
func page(cursor uint64, keys []Reply) Reply {
	return Reply{own: &own{kind: Array, items: []Reply{
		{own: &own{kind: Bulk, text: strconv.FormatUint(cursor, 10)}},
		{own: &own{kind: Array, items: keys}},
	}}}
}

// primaries returns the nodes that have keys, in the order of their addresses.
func (l *link) primaries(ctx context.Context) ([]rueidis.Client, error) {
	slots, err := toReply(l.Do(ctx, l.B().Arbitrary("CLUSTER", "SLOTS").Build()))
	if err == nil {
		err = slots.Err()
	}
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, s := range slots.Items() {
		if parts := s.Items(); len(parts) > 2 && parts[2].Len() > 1 {
			node := parts[2].Items()
			addresses = append(addresses, net.JoinHostPort(node[0].Text(), strconv.FormatInt(node[1].Int(), 10)))
		}
	}
	slices.Sort(addresses)
	known := l.Nodes()
	var nodes []rueidis.Client
	for _, a := range slices.Compact(addresses) {
		if known[a] == nil {
			return nil, fmt.Errorf("find the nodes of a cluster: %s is not known yet", a)
		}
		nodes = append(nodes, known[a])
	}
	if len(nodes) == 0 {
		return nil, errors.New("find the nodes of a cluster: none has keys")
	}
	return nodes, nil
}

// buildAll builds commands that go in one trip. In a cluster those without a key go
// where the first key is, since the library knows no other place for them.
func (l *link) buildAll(commands [][]string) []rueidis.Completed {
	all := make([]rueidis.Completed, len(commands))
	key, spread := "", false
	slot := uint16(noKey)
	for i, args := range commands {
		all[i] = l.build(args, false)
		switch at := all[i].Slot(); {
		case !l.cluster || at == noKey:
		case slot == noKey:
			slot, key = at, args[keyOf(args)]
		case at != slot:
			spread = true
		}
	}
	if !spread {
		return all
	}
	for i := range all {
		if all[i].Slot() == noKey {
			all[i] = all[i].SetSlot(key)
		}
	}
	return all
}

// slotOf returns the slot that all keys of commands have, noKey if there are none. An
// error is a [*Replied]: what a node says too, of one command whose keys are apart.
func (l *link) slotOf(commands [][]string) (uint16, error) {
	slot := uint16(noKey)
	if !l.cluster {
		return slot, nil
	}
	for _, args := range commands {
		c := l.build(args, false)
		at := c.Slot()
		if slot == noKey {
			slot = at
		} else if at != noKey && at != slot {
			return slot, apart()
		}
	}
	return slot, nil
}

func apart() error {
	return &Replied{Code: "CROSSSLOT", Text: "CROSSSLOT Keys in a transaction don't hash to the same slot " +
		"of the cluster: give them a common part in braces, as in {user:1}:name"}
}
