package static

// answer.go answers one request with a file.

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/puffstack/puff/httpserver"
	"github.com/puffstack/puff/httpserver/negotiation"
)

// smallFile is the most that is read and sent along with the head, by one call of the kernel. More is sent by sendfile.
const smallFile = 32 << 10

// request is a request on its way to a file.
type request struct {
	x      *httpserver.Exchange
	m      *mount
	log    *slog.Logger
	fields []httpserver.Field // of the answer
	f      *file
	tag    string
}

func newRequest(x *httpserver.Exchange, m *mount, log *slog.Logger) *request {
	return &request{x: x, m: m, log: log, fields: make([]httpserver.Field, 0, 12)}
}

func (r *request) add(name, value string) {
	r.fields = append(r.fields, httpserver.Field{Name: []byte(name), Value: []byte(value)})
}

// serve answers with the file called name, and reports false if there is none. asFolder: the path names a folder.
func (r *request) serve(name string, asFolder bool) bool {
	d, err := openFolder(r.m.Dir, r.m.FollowSymlinks)
	if err != nil {
		r.complain(r.m.Dir, err)
		return false
	}
	defer d.close()
	if asFolder {
		if r.m.Index == "" {
			return false
		}
		if name == "." {
			name = r.m.Index
		} else {
			name += "/" + r.m.Index
		}
	}
	f, isDir, err := d.file(name)
	switch {
	case isDir && !asFolder && r.m.Index != "":
		return r.reads() && r.redirect(d, name)
	case err != nil:
		r.complain(name, err)
		return false
	}
	r.f = f
	defer r.close()
	if !r.reads() {
		r.add("Allow", "GET, HEAD")
		r.plain(405)
		return true
	}
	r.choose(d, name)
	r.answer()
	return true
}

// reads reports whether the method is one that files have.
func (r *request) reads() bool {
	method := string(r.x.Method)
	return method == "GET" || method == "HEAD"
}

// close closes the file, unless the engine has it.
func (r *request) close() {
	if r.f != nil {
		r.f.Close()
	}
}

// complain tells the operator of what should be readable and is not. The client learns nothing of it.
func (r *request) complain(name string, err error) {
	if unreadable(err) {
		r.log.Warn("static file not served", "dir", r.m.Dir, "file", name, "error", err)
	}
}

// redirect sends the client of a folder that has an index to the folder's own path, so that links in the index lead to the
// folder's files.
func (r *request) redirect(d *folder, name string) bool {
	if name != "." {
		name += "/"
	} else {
		name = ""
	}
	index, _, err := d.file(name + r.m.Index)
	if err != nil {
		return false
	}
	index.Close()
	// A path has no empty segments here, so this can not be taken for another host.
	to := string(r.x.Path) + "/"
	if len(r.x.Query) > 0 {
		to += "?" + string(r.x.Query)
	}
	r.add("Location", to)
	r.plain(301)
	return true
}

// plain answers with a short text.
func (r *request) plain(status int) {
	r.add("Content-Type", "text/plain; charset=utf-8")
	r.respond(status, []byte(http.StatusText(status)+"\n"))
}

// respond gives the whole answer. The engine refuses none of these heads; that the client is gone is no news.
func (r *request) respond(status int, body []byte) {
	_ = r.x.Respond(&httpserver.Head{Status: status, Fields: r.fields}, body)
}

// choose takes the compressed file if there is one for this client, and says what the file is.
func (r *request) choose(d *folder, name string) {
	t := typeOf(name)
	r.add("Content-Type", t.name)
	if t.compresses {
		accepted := negotiation.ReadCodings(r.x.Fields)
		f, coding, varies := d.sibling(name, &accepted)
		if f != nil {
			r.f.Close()
			r.f = f
			r.add("Content-Encoding", coding)
		}
		if varies {
			r.add("Vary", "Accept-Encoding")
		}
	}
	r.tag = r.f.tag()
	r.add("ETag", r.tag)
	r.add("Last-Modified", r.f.modified.UTC().Format(http.TimeFormat))
	if r.m.cache != "" {
		r.add("Cache-Control", r.m.cache)
	}
}

// answer sends the file, or what the conditions and ranges of the request leave of it.
func (r *request) answer() {
	modified := r.f.modified.Truncate(time.Second) // fields know no more
	switch judge(r.x.Fields, r.tag, modified) {
	case notModified:
		r.respond(304, nil)
		return
	case failed:
		r.plain(412)
		return
	}
	r.add("Accept-Ranges", "bytes")
	value := negotiation.Find(r.x.Fields, "range")
	if value != nil && string(r.x.Method) == "GET" && wantsRange(r.x.Fields, r.tag, modified) {
		spans, ok := readRanges(string(value), r.f.size)
		switch {
		case !ok:
			r.add("Content-Range", "bytes */"+strconv.FormatInt(r.f.size, 10))
			r.plain(416)
			return
		case len(spans) == 1:
			r.add("Content-Range", spans[0].contentRange(r.f.size))
			r.send(206, spans[0])
			return
		case len(spans) > 1:
			r.sendParts(spans)
			return
		}
	}
	r.send(200, span{0, r.f.size})
}

// send sends a part of the file.
func (r *request) send(status int, s span) {
	r.add("Content-Length", strconv.FormatInt(s.length, 10))
	if string(r.x.Method) == "HEAD" || s.length == 0 {
		r.respond(status, nil)
		return
	}
	if s.length <= smallFile {
		body := make([]byte, s.length)
		if n, err := r.f.ReadAt(body, s.from); n < len(body) {
			r.short(err)
			return
		}
		r.respond(status, body)
		return
	}
	x, f := r.x, r.f.File
	if err := x.Start(&httpserver.Head{Status: status, Fields: r.fields}); err != nil {
		x.Abort()
		return
	}
	r.f = nil
	// What fails from here on fails because the client is gone, or the file is shorter than it was: the engine cuts the
	// connection.
	_ = x.SendFile(f, s.from, s.length)
	_ = x.Finish(nil)
}

// short cuts the answer for a file that lost its end between two looks at it.
func (r *request) short(err error) {
	if err != nil && err != io.EOF {
		r.complain(r.f.Name(), err)
	}
	r.x.Abort()
}

// sendParts sends several parts as multipart/byteranges (section 14.6).
func (r *request) sendParts(spans []span) {
	p := newParts(r.fields, spans, r.f.size)
	x := r.x
	if err := x.Start(&httpserver.Head{Status: 206, Fields: p.fields}); err != nil {
		x.Abort()
		return
	}
	for i, s := range spans {
		f, err := r.again()
		if err != nil {
			r.complain(r.f.Name(), err)
			x.Abort()
			return
		}
		_ = x.Write([]byte(p.heads[i]))
		_ = x.SendFile(f, s.from, s.length)
	}
	_ = x.Write([]byte(p.end))
	_ = x.Finish(nil)
}

// again returns the open file a second time: each call of SendFile closes one.
func (r *request) again() (*os.File, error) {
	syscall.ForkLock.RLock() // no child may inherit it
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(int(r.f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), r.f.Name()), nil
}

func cacheControl(age time.Duration) string {
	if age <= 0 {
		return ""
	}
	return "public, max-age=" + strconv.FormatInt(int64(age/time.Second), 10)
}
