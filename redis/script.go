package redis

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strconv"
)

// Script is a program in Lua that Redis runs as one step, by its digest: Redis gets its
// text when it does not know it.
type Script struct {
	text, digest string
}

// NewScript returns a Script of that text.
func NewScript(text string) *Script {
	sum := sha1.Sum([]byte(text))
	return &Script{text: text, digest: hex.EncodeToString(sum[:])}
}

// Digest returns its SHA-1, by which Redis knows it.
func (s *Script) Digest() string { return s.digest }

// Run runs it with keys and other arguments.
func (s *Script) Run(ctx context.Context, c *Client, keys, args []string) (Reply, error) {
	reply, err := c.Do(ctx, s.command("EVALSHA", s.digest, keys, args))
	if err != nil {
		return reply, err
	}
	// What Redis did not know it has not run, so this is no second time.
	if e, ok := reply.Err().(*Replied); ok && e.Code == "NOSCRIPT" {
		return c.Do(ctx, s.command("EVAL", s.text, keys, args))
	}
	return reply, nil
}

func (s *Script) command(name, what string, keys, args []string) []string {
	words := make([]string, 0, 3+len(keys)+len(args))
	words = append(words, name, what, strconv.Itoa(len(keys)))
	return append(append(words, keys...), args...)
}
