// dial.go connects, within the time that the request or the client allows.

package httpclient

import (
	"context"
	"net"
	"time"
)

// connectTimeout is the key of a request's own timeout. The Transport hands the values of a request's context on to its
// dials, though not the end of the context: a connection that comes too late for one request serves another.
type connectTimeout struct{}

type dialer struct {
	net.Dialer
	timeout time.Duration
	count   *counters
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	limit := d.timeout
	if own, ok := ctx.Value(connectTimeout{}).(time.Duration); ok {
		limit = own
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		d.count.failed.Add(1)
		return nil, err
	}
	d.count.dialed.Add(1)
	d.count.open.Add(1)
	return &counted{Conn: conn, count: d.count}, nil
}
