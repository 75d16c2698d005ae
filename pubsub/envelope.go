package pubsub

// The envelope: what a message carries beside its body. Version 1 is
//
//	00 'p' 'u' 'f' 'f' 01, the 16 bytes of who published it, the body
//
// What does not begin so is somebody else's, and a body as it is.

import (
	"encoding/hex"
	"strings"
)

// ID names who publishes. The zero ID is nobody in particular.
type ID [16]byte

const mark = "\x00puff\x01"

// envelope returns body with who it is from.
func envelope(from ID, body string) string {
	if from == (ID{}) && !strings.HasPrefix(body, mark) {
		return body
	}
	var b strings.Builder
	b.Grow(len(mark) + len(from) + len(body))
	b.WriteString(mark)
	b.Write(from[:])
	b.WriteString(body)
	return b.String()
}

// open takes a message out of its envelope.
func open(text string) (from ID, body string) {
	rest, ok := strings.CutPrefix(text, mark)
	if !ok || len(rest) < len(from) {
		return ID{}, text
	}
	copy(from[:], rest)
	return from, rest[len(from):]
}

// String returns the ID as a UUID is written.
func (id ID) String() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
