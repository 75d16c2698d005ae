// h2upgrade.go is how a connection without TLS begins to speak HTTP/2: by its first bytes, or by an Upgrade (RFC 7540 section
// 3.2) of a request of HTTP/1.1.

package httpserver

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"golang.org/x/net/http2"
)

// greeting is what the first bytes of a connection say about its version.
type greeting uint8

const (
	greetsH1    greeting = iota
	greetsH2             // the preface of HTTP/2
	greetsMore           // it takes more to tell
	greetsOld            // HTTP/1 where only HTTP/2 is spoken
	greetsWrong          // nothing known, where only HTTP/2 is spoken
)

// enough is how many bytes without a line break are no request.
const enough = 1 << 10

// greetingOf looks at b, all that has arrived on a connection.
func greetingOf(b []byte, c *Config) greeting {
	const preface = http2.ClientPreface
	n := min(len(b), len(preface))
	switch {
	case c.HTTP == "1":
		return greetsH1
	case string(b[:n]) == preface[:n] && n == len(preface):
		return greetsH2
	case string(b[:n]) == preface[:n]:
		return greetsMore
	case c.HTTP != "2":
		return greetsH1
	case bytes.Contains(b, []byte(" HTTP/1.")):
		return greetsOld
	case bytes.IndexByte(b, '\n') < 0 && len(b) < enough:
		return greetsMore
	}
	return greetsWrong
}

// switching is the answer to an Upgrade that is accepted.
const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

var settingsName = []byte("http2-settings")

// upgradeSettings returns the client's settings if x asks for HTTP/2 and can have it. An Upgrade is an offer: what is not
// right about it is ignored, as RFC 9113 has it for all of them.
func (x *Exchange) upgradeSettings(c *Config) ([]http2.Setting, bool) {
	if !x.framing.h2c || x.Minor == 0 || x.Scheme == "https" || c.HTTP == "1" || string(x.Method) == "CONNECT" {
		return nil, false
	}
	var coded []byte
	named, upgraded := false, false
	for _, f := range x.Fields {
		switch {
		case bytes.EqualFold(f.Name, settingsName):
			if coded != nil {
				return nil, false
			}
			coded = f.Value
		case same(f.Name, "connection"):
			for option := range bytes.SplitSeq(f.Value, []byte{','}) {
				option = trim(option)
				named = named || bytes.EqualFold(option, settingsName)
				upgraded = upgraded || same(option, "upgrade")
			}
		}
	}
	if !named || !upgraded || coded == nil {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.AppendDecode(nil, bytes.TrimRight(coded, "="))
	if err != nil || len(raw)%6 != 0 || len(raw)/6 > h2MaxSettings {
		return nil, false
	}
	var settings []http2.Setting
	for ; len(raw) > 0; raw = raw[6:] {
		s := http2.Setting{ID: http2.SettingID(binary.BigEndian.Uint16(raw)), Val: binary.BigEndian.Uint32(raw[2:])}
		if s.Valid() != nil {
			return nil, false
		}
		settings = append(settings, s)
	}
	return settings, true
}

// upgraded serves x, which came by HTTP/1.1, as the first stream. It is called with the lock.
func (h *h2) upgraded(x *Exchange, body []byte, settings []http2.Setting) {
	for _, s := range settings {
		_ = h.setting(s) // valid, and there is no stream whose window could overflow
	}
	h.last, h.served = 1, 1
	st := h.open(1)
	y := &st.x
	copied := func(p []byte) []byte {
		if p == nil {
			return nil
		}
		return st.keep(string(p))
	}
	y.Method, y.Target, y.Path, y.Query = copied(x.Method), copied(x.Target), copied(x.Path), copied(x.Query)
	y.Host = copied(x.Host)
	y.Fields = y.Fields[:0]
	for _, f := range x.Fields {
		name := []byte(h.lowered(f.Name))
		if !ofConnection[string(name)] && !bytes.Equal(name, settingsName) {
			y.Fields = append(y.Fields, Field{name, copied(f.Value)})
		}
	}
	y.ContentLength = int64(len(body))
	st.trailers = copyFields(x.Trailers)
	st.ended = true
	if len(body) > 0 {
		h.recvWindow -= len(body)
		st.in = append(h.carrier.grow(nil, len(body)), body...)
	}
	st.hand()
}
