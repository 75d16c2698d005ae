// h2frames.go is what each frame of the client does. Header blocks go on in h2head.go.

package httpserver

import (
	"golang.org/x/net/http2"
)

// frame takes one frame, which its framer found well-formed.
func (h *h2) frame(f http2.Frame) error {
	if !h.settled {
		if s, ok := f.(*http2.SettingsFrame); !ok || s.IsAck() {
			return h2Fault{http2.ErrCodeProtocol, "the first frame is not SETTINGS"}
		}
		h.settled = true
	}
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return h.headers(f)
	case *http2.ContinuationFrame:
		return h.continuation(f)
	case *http2.DataFrame:
		return h.data(f)
	case *http2.WindowUpdateFrame:
		return h.windowUpdate(f)
	case *http2.RSTStreamFrame:
		return h.rstStream(f)
	case *http2.SettingsFrame:
		return h.settings(f)
	case *http2.PingFrame:
		return h.ping(f)
	case *http2.PriorityFrame:
		return h.priority(f)
	case *http2.GoAwayFrame:
		// The client opens no more streams, and closes when it has its answers.
		return h.spend(1)
	case *http2.PushPromiseFrame:
		return h2Fault{http2.ErrCodeProtocol, "a client promises no pushes"}
	}
	return h.spend(1)
}

// isIdle reports whether the client has not opened the stream id.
func (h *h2) isIdle(id uint32) bool { return id%2 == 0 || id > h.last }

// data takes content of a request. Padding counts as content that was used at once.
func (h *h2) data(f *http2.DataFrame) error {
	n, p := int(f.Length), f.Data()
	if h.recvWindow -= n; h.recvWindow < 0 {
		return h2Fault{http2.ErrCodeFlowControl, "more content than the window of the connection allows"}
	}
	if len(p) == 0 && !f.StreamEnded() {
		if err := h.spend(1); err != nil {
			return err
		}
	}
	st := h.streams[f.StreamID]
	if st == nil {
		h.returnWindow(n)
		return h.lateData(f.StreamID)
	}
	h.returnWindow(n - len(p))
	if st.ended {
		h.returnWindow(len(p))
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeStreamClosed}
	}
	if st.recvWindow -= n; st.recvWindow < 0 {
		h.returnWindow(len(p))
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeFlowControl}
	}
	st.ended = f.StreamEnded()
	if !st.ended {
		st.returnWindow(n - len(p))
	}
	return st.receive(p)
}

// lateData takes content of a stream that is closed.
func (h *h2) lateData(id uint32) error {
	if h.isIdle(id) {
		return h2Fault{http2.ErrCodeProtocol, "content of a stream that is not open"}
	}
	if id > h.limit {
		return nil
	}
	if r := h.closedLately(id); r != nil && r.own {
		// Sent before the client knew.
		return h.spend(1)
	}
	return http2.StreamError{StreamID: id, Code: http2.ErrCodeStreamClosed}
}

func (h *h2) windowUpdate(f *http2.WindowUpdateFrame) error {
	if err := h.spend(1); err != nil {
		return err
	}
	if f.StreamID == 0 {
		h.sendWindow += int64(f.Increment)
		if h.sendWindow > h2MaxWindow {
			return h2Fault{http2.ErrCodeFlowControl, "the window of the connection is too large"}
		}
		h.carrier.wake()
		return nil
	}
	st := h.streams[f.StreamID]
	if st == nil {
		if h.isIdle(f.StreamID) {
			return h2Fault{http2.ErrCodeProtocol, "a window for a stream that is not open"}
		}
		return nil
	}
	st.sendWindow += int64(f.Increment)
	if st.sendWindow > h2MaxWindow {
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeFlowControl}
	}
	st.enqueue()
	return nil
}

func (h *h2) rstStream(f *http2.RSTStreamFrame) error {
	if h.isIdle(f.StreamID) {
		return h2Fault{http2.ErrCodeProtocol, "reset of a stream that is not open"}
	}
	if st := h.streams[f.StreamID]; st != nil {
		h.forget(st, false)
		h.abandon(st, errReset)
		return h.spend(h2ResetCost)
	}
	if r := h.closedLately(f.StreamID); r != nil && r.frames > 0 {
		r.frames-- // some clients say it again for each frame that was on its way
		return nil
	}
	return h.spend(1)
}

func (h *h2) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		if h.acks > 0 {
			h.acks--
			return nil
		}
		return h.spend(h2SettingsCost)
	}
	if err := h.spend(h2SettingsCost); err != nil {
		return err
	}
	if f.NumSettings() > h2MaxSettings {
		return h2Fault{http2.ErrCodeEnhanceYourCalm, "too many settings"}
	}
	if err := f.ForeachSetting(h.setting); err != nil {
		return err
	}
	h.framer.WriteSettingsAck()
	h.carrier.wake()
	return nil
}

func (h *h2) setting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		h.encoder.SetMaxDynamicTableSize(s.Val)
	case http2.SettingMaxFrameSize:
		h.maxFrame = min(int(s.Val), h2MaxFrame)
	case http2.SettingInitialWindowSize:
		change := int64(s.Val) - h.firstSend
		h.firstSend = int64(s.Val)
		for _, st := range h.streams {
			st.sendWindow += change
			if st.sendWindow > h2MaxWindow {
				return h2Fault{http2.ErrCodeFlowControl, "the window of a stream is too large"}
			}
			st.enqueue()
		}
	}
	return nil
}

func (h *h2) ping(f *http2.PingFrame) error {
	if err := h.spend(1); err != nil || f.IsAck() {
		return err
	}
	h.framer.WritePing(true, f.Data)
	h.carrier.wake()
	return nil
}

func (h *h2) priority(f *http2.PriorityFrame) error {
	if f.StreamDep == f.StreamID {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
	}
	return h.spend(1)
}
