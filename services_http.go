package puff

// The HTTP clients of a process.

import "github.com/puffstack/puff/httpclient"

// httpNamed returns the client of an entry of [[http_client]].
func (s *services) httpNamed(name string) (*httpclient.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.http[name]; c != nil {
		return c, nil
	}
	config, err := s.configured()
	if err != nil {
		return nil, err
	}
	entry, err := entryNamed(config.HTTPClient, "http_client", name, func(h *HTTPClient) string { return h.Name })
	if err != nil {
		return nil, err
	}
	if s.http == nil {
		s.http = map[string]*httpclient.Client{}
	}
	s.http[name] = httpclient.New(httpclient.Config{
		HTTP2PriorKnowledge: entry.HTTP2PriorKnowledge, MaxIdleConnections: entry.MaxIdleConnections,
		UserAgent: entry.UserAgent, Timeout: orNone(entry.Timeout), ConnectTimeout: entry.ConnectTimeout,
	})
	return s.http[name], nil
}
