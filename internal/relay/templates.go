package relay

import (
	"net/netip"

	"github.com/puffstack/puff/internal/py"
)

// maxTemplates bounds how many addresses have a template at a time: with an address
// per request none is worth keeping, and numbers are few.
const maxTemplates = 256

// Templates numbers what requests to one address have in common: dicts that Python
// has already, and copies for each request.
type Templates struct {
	// Build makes the dict for requests to an address. Required.
	Build func(local netip.AddrPort) py.Dict

	known   map[netip.AddrPort]uint16
	numbers []uint16       // used again when there are too many addresses
	last    netip.AddrPort // the address before, and its number
	lastID  uint16
}

// Number returns the number of the dict for requests to local, which Python knows by
// the time it reads what s sends next.
func (t *Templates) Number(s *Side, local netip.AddrPort) uint16 {
	if local == t.last && t.lastID != 0 {
		return t.lastID
	}
	id, ok := t.known[local]
	if !ok {
		if t.known == nil || len(t.known) >= maxTemplates {
			t.known = map[netip.AddrPort]uint16{}
		}
		if len(t.known) == len(t.numbers) {
			t.numbers = append(t.numbers, NewIDs(1))
		}
		id = t.numbers[len(t.known)]
		s.Port.Define(id, t.Build(local))
		t.known[local] = id
	}
	t.last, t.lastID = local, id
	return id
}
