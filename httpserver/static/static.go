// Package static serves the files of folders, in front of a handler that takes the rest.
//
//	files := static.Filter(static.Config{Mounts: []static.Mount{{URL: "/assets", Dir: "build/assets", CacheAge: time.Hour}}})
//	server := httpserver.New(httpserver.Config{Handler: app, Filters: []httpserver.Filter{files}})
//
// GET and HEAD are answered as RFC 9110 has it: with validators, conditions, ranges, and the compressed file beside the plain
// one where the client takes it. A path that names no file goes on to the handler.
//
// Never served: folders as lists, what begins with a dot (/.well-known excepted), anything but regular files, and what lies
// outside of its folder, however the path or a link leads there.
package static

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/puffstack/puff/httpserver"
)

// Mount is one folder.
type Mount struct {
	// URL is the path of the folder, with a slash in front. Required.
	URL string
	// Dir is the folder. It may come, go and be replaced while it is served. Required.
	Dir string
	// CacheAge is how long clients may keep a file without asking. Default: 0, not said.
	CacheAge time.Duration
	// Index is the file that is served for a folder. Default: none, folders are not served.
	Index string
	// FollowSymlinks serves what links inside of Dir lead to outside of it. Default: false.
	FollowSymlinks bool
}

// Config says what is served.
type Config struct {
	// Mounts are the folders; of those whose URL fits a path the longest URL wins, among equals the first.
	Mounts []Mount
	// Logger hears of files that can not be read. Default: silence.
	Logger *slog.Logger
}

// mount is a Mount made ready. It is never changed.
type mount struct {
	Mount
	prefix string // the URL without a slash at its end
	cache  string // the Cache-Control of its files; "": none
}

// Filter returns the filter that serves the mounts of c.
func Filter(c Config) httpserver.Filter {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var mounts []mount
	for _, m := range c.Mounts {
		mounts = append(mounts, mount{Mount: m, prefix: strings.TrimRight(m.URL, "/"), cache: cacheControl(m.CacheAge)})
	}
	slices.SortStableFunc(mounts, func(a, b mount) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
	return func(next httpserver.Handler) httpserver.Handler { return &handler{next, mounts, log} }
}

type handler struct {
	next   httpserver.Handler
	mounts []mount
	log    *slog.Logger
}

var _ httpserver.Handler = (*handler)(nil)

// Handle implements httpserver.Handler.
func (h *handler) Handle(x *httpserver.Exchange) {
	m, name, folder := h.find(x.Path)
	if m == nil {
		h.next.Handle(x)
		return
	}
	r := newRequest(x, m, h.log)
	if !r.serve(name, folder) {
		h.next.Handle(x)
	}
}

// find returns the mount that a path belongs to and what the path names there: a file, or a folder if it ends with a slash.
// nil: the path belongs to nobody, or names nothing that is served.
func (h *handler) find(path []byte) (m *mount, name string, folder bool) {
	if len(path) == 0 || path[0] != '/' {
		return nil, "", false
	}
	decoded, ok := decode(path)
	if !ok {
		return nil, "", false
	}
	for i := range h.mounts {
		m := &h.mounts[i]
		rest, found := strings.CutPrefix(decoded, m.prefix)
		if !found || rest != "" && rest[0] != '/' {
			continue
		}
		name, folder, ok := clean(rest)
		if !ok {
			return nil, "", false
		}
		return m, name, folder
	}
	return nil, "", false
}
