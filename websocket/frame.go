package websocket

// frame.go is the head of a frame (RFC 6455, section 5.2): reading it, checking it, writing it, and the mask.

import (
	"encoding/binary"
)

type opcode uint8

const (
	opMore   opcode = 0x0
	opText   opcode = 0x1
	opBinary opcode = 0x2
	opClose  opcode = 0x8
	opPing   opcode = 0x9
	opPong   opcode = 0xa
)

func (o opcode) control() bool { return o >= opClose }

const (
	bitFin    = 0x80
	bitPacked = 0x40 // RSV1, of permessage-deflate
	bitsOther = 0x30 // RSV2 and RSV3, of nobody
	bitMask   = 0x80
)

// frame is what the head of a frame says.
type frame struct {
	opcode opcode
	fin    bool
	packed bool
	mask   uint32 // as it lies in memory
}

// readHead takes what p has of the head of a frame. inside says whether that was all of it.
func (c *Conn) readHead(p []byte) (used int) {
	used = c.take(p, 2)
	if c.have < 2 {
		return used
	}
	used += c.take(p[used:], headSize(c.head[1]))
	if c.have < headSize(c.head[1]) {
		// What can be seen to be wrong is not waited for.
		return used
	}
	c.inside, c.have = true, 0
	return used
}

func (c *Conn) take(p []byte, want int) int {
	if c.have >= want {
		return 0
	}
	n := copy(c.head[c.have:want], p)
	c.have += n
	return n
}

// headSize returns the length of a head by its second byte.
func headSize(b byte) int {
	size := 2
	switch b &^ bitMask {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if b&bitMask != 0 {
		size += 4
	}
	return size
}

// begin checks the head that was read and makes it the current frame.
func (c *Conn) begin() *failure {
	b0, b1 := c.head[0], c.head[1]
	size := headSize(b1)
	c.frame = frame{opcode: opcode(b0 & 0xf), fin: b0&bitFin != 0, packed: b0&bitPacked != 0}
	if b1&bitMask == 0 {
		return failMask
	}
	c.frame.mask = binary.LittleEndian.Uint32(c.head[size-4:])
	c.at = 0
	switch n := b1 &^ bitMask; n {
	case 126:
		c.left = uint64(binary.BigEndian.Uint16(c.head[2:]))
	case 127:
		c.left = binary.BigEndian.Uint64(c.head[2:])
	default:
		c.left = uint64(n)
	}
	if b0&bitsOther != 0 || c.frame.packed && c.deflate == nil {
		return failReserved
	}
	if c.left>>63 != 0 {
		return failLength
	}
	if f := c.weigh(); f != nil {
		return f
	}
	if c.frame.opcode.control() {
		c.length = 0
		return c.beginControl()
	}
	return c.beginData()
}

// weigh bounds how many frames a client may send that say nothing and cost something all the same: pings, pongs and empty
// fragments. Those with content make up for them.
func (c *Conn) weigh() *failure {
	switch o := c.frame.opcode; {
	case o == opPing || o == opPong || o <= opBinary && !c.frame.fin && c.left == 0:
		if c.idle++; c.idle > maxIdle {
			return failIdle
		}
	case o <= opBinary && c.left > 0:
		c.idle = max(0, c.idle-idleGain)
	}
	return nil
}

const (
	maxIdle  = 1000
	idleGain = 4
)

// Forgive forgets n of the pings, pongs and empty fragments that the client has sent: with more than a thousand of them, and
// too little of substance between them, the connection fails with [Policy]. It is to be called as time passes.
func (c *Conn) Forgive(n int) { c.idle = max(0, c.idle-n) }

func (c *Conn) beginControl() *failure {
	switch {
	case c.frame.opcode > opPong:
		return failOpcode
	case !c.frame.fin:
		return failControl
	case c.left > maxControl:
		return failControl
	case c.frame.packed:
		return failReserved
	}
	return nil
}

func (c *Conn) beginData() *failure {
	if c.state != stateOpen && c.frame.opcode <= opBinary {
		return nil // it is dropped
	}
	switch c.frame.opcode {
	case opMore:
		if !c.begun {
			return failOrder
		}
		if c.frame.packed {
			return failReserved
		}
	case opText, opBinary:
		if c.begun {
			return failOrder
		}
		c.begun, c.text, c.packed, c.checked = true, c.frame.opcode == opText, c.frame.packed, 0
	default:
		return failOpcode
	}
	if c.left > uint64(c.max) || int64(c.left) > c.max-int64(len(c.message)) {
		return failSize
	}
	return nil
}

// appendHead appends the head of a frame that is a whole message, as a server sends it.
func appendHead(b []byte, o opcode, packed bool, n int) []byte {
	b0 := byte(o) | bitFin
	if packed {
		b0 |= bitPacked
	}
	switch {
	case n <= maxControl:
		return append(b, b0, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, b0, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, b0, 127), uint64(n))
}

// unmask takes the mask off p, of which the first byte is number at of the payload, and returns the number of the next.
func unmask(p []byte, mask uint32, at int) int {
	next := (at + len(p)) & 3
	// Turned so that its first byte belongs to p's.
	mask = mask>>(8*(at&3)) | mask<<(32-8*(at&3))
	wide := uint64(mask)<<32 | uint64(mask)
	for len(p) >= 32 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^wide)
		binary.LittleEndian.PutUint64(p[16:], binary.LittleEndian.Uint64(p[16:])^wide)
		binary.LittleEndian.PutUint64(p[24:], binary.LittleEndian.Uint64(p[24:])^wide)
		p = p[32:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(wide >> (8 * (i & 7)))
	}
	return next
}
