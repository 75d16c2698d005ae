// longturn.go is what the goroutine of a connection on the long road does from handing a request to its handler until the
// answer is out: it writes, reads the body, or waits, whatever the handler asks for.

package httpserver

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// maxDrop and dropTime bound how much of a body nobody read is read all the same, to keep the connection.
const (
	maxDrop  = 256 << 10
	dropTime = 2 * time.Second
)

// errPoked is returned by reads the handler interrupted because there is something to write.
var errPoked = errors.New("read interrupted")

// job is what to do next.
type job uint8

const (
	jobSend job = iota
	jobCall
	jobBody
	jobWatch
	jobTurned
	jobGone
	jobOver
	jobDead
)

// answer has x answered and reports whether the connection can carry another request.
func (c *longConn) answer(x *Exchange) bool {
	c.begin(x)
	c.s.handler.Handle(x)
	c.off += c.head
	c.head = 0
	if x.Complete {
		c.off += c.ready
		c.ready = 0
	}
	turned := turnedConn{longConn: c}
	for {
		var err error
		switch c.await() {
		case jobSend:
			err = c.send(x)
		case jobCall:
			c.call()
		case jobBody:
			err = c.readBody(x)
		case jobWatch:
			err = c.lookOut()
		case jobTurned:
			err = turned.read(x)
		case jobGone:
			err = errGone
		case jobDead:
			err = ErrServerClosed
		case jobOver:
			return c.conclude()
		}
		if err != nil && err != errPoked {
			c.fail(x, err)
			return false
		}
	}
}

// begin makes x the exchange of the connection.
func (c *longConn) begin(x *Exchange) {
	c.served++
	if c.body.done() && c.body.total <= int64(c.s.c.ShortBody) {
		x.Body, x.Complete = c.in[c.off+c.head:c.off+c.head+c.ready], true
		x.Trailers = c.body.trailers()
	}
	c.asked = !x.lasting()
	c.s.flying.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	x.road, x.front = c, nil
	x.Began = time.Now()
	x.answer = newAnswer(x, c.served < c.s.c.MaxRequestsPerConn)
	c.x = x
	c.fate, c.untilEnd, c.credit = fateNone, false, 0
	c.pulled, c.drawn, c.watching, c.told = false, false, false, false
	c.expecting = x.framing.expect && c.body.total == 0
	c.noteUnread()
}

// noteUnread tells the handler's side how much of the body has not been read.
func (c *longConn) noteUnread() {
	c.unread = c.body.left
	if c.body.chunked && !c.body.done() {
		c.unread = -1
	}
}

// await waits until there is something to do.
func (c *longConn) await() job {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.cut:
			return jobDead
		case len(c.posted) > 0:
			return jobCall
		case !c.out.empty() || c.credit > 0:
			return jobSend
		case c.fate != fateNone:
			return jobOver
		case c.turned && c.pulled:
			return jobTurned
		case c.pulled && !c.turned && (c.ready > 0 || !c.body.done()):
			return jobBody
		case c.watching && c.eof && len(c.in) == c.off:
			return jobGone
		case c.watching && !c.eof && len(c.in)-c.off < scratchSize:
			return jobWatch
		}
		c.wake.Wait()
	}
}

// call calls what was posted.
func (c *longConn) call() {
	c.mu.Lock()
	posted := c.posted
	c.posted = nil
	c.mu.Unlock()
	for _, f := range posted {
		f()
	}
}

// send writes what the handler has written so far.
func (c *longConn) send(x *Exchange) error {
	c.mu.Lock()
	o, credit := c.out, c.credit
	c.out, c.credit = outbox{}, 0
	c.mu.Unlock()
	defer func() { o.drop() }()
	c.written(x, credit)
	for first := true; !o.empty(); first = false {
		if c.call(); !first && c.abandoned() {
			return nil
		}
		b := o.ready()
		if len(b) == 0 {
			if err := c.sendPart(x, &o); err != nil {
				return err
			}
			continue
		}
		n, err := c.put(b[:min(len(b), scratchSize)])
		c.written(x, o.sent(n))
		if err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cap(c.out.buf) == 0 && cap(o.buf) <= scratchSize {
		c.out.buf, o.buf = o.buf[:0], nil
	}
	return nil
}

// sendPart sends some of the first file.
func (c *longConn) sendPart(x *Exchange, o *outbox) error {
	p := &o.files[0]
	n, err := c.sendFrom(p.file, p.off, p.n)
	p.off += n
	p.n -= n
	c.written(x, int(n))
	if p.n == 0 {
		o.detach()
	}
	if err == io.EOF {
		return errShortFile
	}
	return slow(int(n), err)
}

// sendFrom sends some of the n bytes of f from off.
func (c *longConn) sendFrom(f *os.File, off, n int64) (int64, error) {
	if _, ok := c.nc.(io.ReaderFrom); ok {
		// A TCP connection sends the file without copying it here.
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return 0, err
		}
		c.setWriteDeadline()
		return io.CopyN(c.nc, f, min(n, 4*scratchSize))
	}
	b := c.s.pieces.take()
	defer c.s.pieces.give(b)
	piece := *b
	if c.tls != nil {
		piece = piece[:tlsPiece]
	}
	k, err := f.ReadAt(piece[:min(n, int64(len(piece)))], off)
	if k == 0 {
		return 0, err
	}
	k, err = c.put(piece[:k])
	return int64(k), err
}

func (c *longConn) setWriteDeadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cut {
		c.nc.SetWriteDeadline(time.Now().Add(c.s.c.WriteTimeout))
	}
}

func (c *longConn) put(b []byte) (int, error) {
	if c.tls != nil {
		b = b[:min(len(b), tlsPiece)]
	}
	c.setWriteDeadline()
	n, err := c.nc.Write(b)
	return n, slow(n, err)
}

// slow forgives a timeout of a write that made progress.
func slow(n int, err error) error {
	switch {
	case !isTimeout(err):
		return err
	case n > 0:
		return nil
	}
	return errSlowClient
}

// written tells the handler that n bytes of body are gone, if it still cares.
func (c *longConn) written(x *Exchange, n int) {
	if n > 0 && x.Peer != nil && c.current(x) {
		x.Peer.Written(x, n)
	}
}

// abandoned reports whether the handler gave the answer up, so that there is no use in sending more of it.
func (c *longConn) abandoned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.aborted
}

// current reports whether the handler has not ended x.
func (c *longConn) current(x *Exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.x == x
}

// readBody answers one Pull: with what came along with the head, if there is some of it left.
func (c *longConn) readBody(x *Exchange) error {
	if c.ready == 0 {
		return c.readPiece(x)
	}
	n := min(c.ready, scratchSize)
	c.ready -= n
	c.off += n
	c.tellBody(x, c.in[c.off-n:c.off])
	return nil
}

// readPiece reads a piece of the body from the socket.
func (c *longConn) readPiece(x *Exchange) error {
	b := c.s.pieces.take()
	defer c.s.pieces.give(b)
	for {
		n, err := c.read(*b, c.s.c.BodyTimeout)
		switch {
		case n > 0:
		case isTimeout(err):
			return refuseSlowBody
		case isEnd(err):
			return refuseEarlyEnd
		default:
			return err
		}
		raw := (*b)[:n]
		content, used, r := c.body.take(raw, &c.s.c)
		if r != nil {
			return r
		}
		if used < n {
			c.in, c.off = append(c.in[:0], raw[used:]...), 0
		}
		if content > 0 || c.body.done() {
			c.tellBody(x, raw[:content])
			return nil
		}
	}
}

// tellBody gives p to the handler.
func (c *longConn) tellBody(x *Exchange, p []byte) {
	last := c.ready == 0 && c.body.done()
	c.mu.Lock()
	c.pulled, c.told = false, last
	c.noteUnread()
	current := c.x == x
	if current && last {
		x.Trailers = c.body.trailers()
	}
	c.mu.Unlock()
	if current && x.Peer != nil {
		x.Peer.Body(x, p, last)
	}
}

// lookOut waits for the client to hang up. What it sends instead is the next request.
func (c *longConn) lookOut() error {
	if c.off > 0 {
		c.in = c.in[:copy(c.in, c.in[c.off:])]
		c.off = 0
	}
	if len(c.in) == cap(c.in) {
		c.in = append(make([]byte, 0, max(4<<10, 2*cap(c.in))), c.in...)
	}
	n, err := c.read(c.in[len(c.in):cap(c.in)], endless)
	c.in = c.in[:len(c.in)+n]
	switch {
	case n > 0 || err == errPoked:
		return nil
	case isEnd(err) && len(c.in) > 0:
		// The client said all it has to say, and that was more than one request: it waits for the answers.
		c.eof = true
		return nil
	}
	return errGone
}

// read reads, unless there is something to write, or until there is.
func (c *longConn) read(b []byte, d time.Duration) (int, error) {
	c.mu.Lock()
	if !c.out.empty() || c.fate != fateNone || len(c.posted) > 0 {
		c.mu.Unlock()
		return 0, errPoked
	}
	c.reading, c.poked = true, false
	deadline := time.Time{}
	if d < endless {
		deadline = time.Now().Add(d)
	}
	c.setReadDeadline(deadline)
	c.mu.Unlock()
	n, err := c.nc.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	switch {
	case c.cut:
		return n, ErrServerClosed
	case c.poked && isTimeout(err):
		err = errPoked
	}
	return n, err
}

// fail ends an exchange that cannot be answered as the handler would: with an answer of our own if none began and the client
// is at fault, by cutting the connection otherwise.
func (c *longConn) fail(x *Exchange, err error) {
	c.mu.Lock()
	if c.cut {
		err = ErrServerClosed
	}
	told := c.x == x
	c.x = nil
	fresh := told && x.answer.stage == fresh
	if c.turned && err == ErrServerClosed && told {
		c.farewell(x)
	}
	c.out.drop()
	c.mu.Unlock()
	if told && x.Peer != nil {
		x.Peer.Closed(x, err)
	}
	if r, ok := errors.AsType[*refusal](err); ok && fresh {
		c.refuse(r)
		return
	}
	c.sever()
}

// conclude is called when the answer is out, and reports whether the connection goes on.
func (c *longConn) conclude() bool {
	c.off += c.ready
	c.ready = 0
	switch c.fate {
	case fateKeep:
		return c.dropBody()
	case fateCut:
		if tcp, ok := bare(c.nc).(*net.TCPConn); ok && c.untilEnd {
			tcp.SetLinger(0)
		}
		c.sever()
	case fateClose:
		if len(c.in) > c.off || !c.body.done() {
			c.linger()
		}
	default:
		c.linger()
	}
	return false
}

// dropBody reads what the handler left of the body, and reports whether that was not too much.
func (c *longConn) dropBody() bool {
	if c.body.done() {
		return true
	}
	c.mu.Lock()
	c.setReadDeadline(time.Now().Add(dropTime))
	c.mu.Unlock()
	b := c.s.pieces.take()
	defer c.s.pieces.give(b)
	for budget := maxDrop; !c.body.done(); {
		n, err := c.nc.Read(*b)
		if err != nil {
			return false
		}
		raw := (*b)[:n]
		_, used, r := c.body.take(raw, &c.s.c)
		if budget -= used; r != nil || budget < 0 {
			c.linger()
			return false
		}
		c.in, c.off = append(c.in[:0], raw[used:]...), 0
	}
	return true
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) }
