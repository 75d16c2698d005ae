package pyfind

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// cacheFormat names the meaning of an entry: what the interpreter is asked, and the shape it is
// kept in. A puff that asks something else does not believe what another one wrote.
func cacheFormat() string {
	const shape = "1"
	sum := sha256.Sum256([]byte(shape + probeScript))
	return hex.EncodeToString(sum[:8])
}

// An entry is one question, its answer and all that rests on. It is true for as long as every stamp and every
// variable is what it was.
type entry struct {
	Format string            `json:"format"`
	Path   string            `json:"path"`
	Dir    string            `json:"dir,omitempty"`
	Env    map[string]string `json:"env"`
	Files  []stamp           `json:"files"`
	Python *Python           `json:"python"`
}

// A stamp is what a file or folder looked like, all zero when there was none.
type stamp struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	ModTime int64  `json:"mtime"`
	Inode   uint64 `json:"inode"`
}

// stampOf follows links: what counts is what the interpreter would read.
func stampOf(path string) stamp {
	s := stamp{Path: path}
	info, err := os.Stat(path)
	if err != nil {
		return s
	}
	s.Size, s.ModTime = info.Size(), info.ModTime().UnixNano()
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Inode = sys.Ino
	}
	return s
}

// watch returns the folders of packages as the interpreter saw them before it looked into them.
func (a *answer) watch() []stamp {
	var stamps []stamp
	for _, s := range a.Stamps {
		s.stamp.Path = string(s.Path)
		stamps = append(stamps, s.stamp)
	}
	return stamps
}

// cacheFile is where the answer to q is kept, "" when there is no cache. One file each, so two puffs
// that start different Pythons do not write over each other.
func (f *finder) cacheFile(q question) string {
	if f.CacheDir == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(q.path + "\x00" + q.dir))
	return filepath.Join(f.CacheDir, hex.EncodeToString(sum[:16])+".json")
}

// load returns the kept answer to q, nil when there is none that still holds. A file that cannot be
// read or understood is as good as none.
func (f *finder) load(q question) *Python {
	file := f.cacheFile(q)
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var e entry
	if json.Unmarshal(data, &e) != nil || !f.holds(e, q) {
		return nil
	}
	return e.Python
}

// holds reports whether e answers q and nothing that it rests on has changed.
func (f *finder) holds(e entry, q question) bool {
	if e.Format != cacheFormat() || e.Path != q.path || e.Dir != q.dir || e.Python == nil {
		return false
	}
	if !q.shim && e.Python.Executable != q.path {
		return false
	}
	// An entry that is not about these files as they are was not written by store.
	for _, path := range append(q.files, e.Python.Executable, e.Python.Library) {
		if !slices.ContainsFunc(e.Files, func(s stamp) bool { return s.Path == path }) {
			return false
		}
	}
	for _, name := range q.env {
		if value, ok := e.Env[name]; !ok || f.Env(name) != value {
			return false
		}
	}
	if !exists(e.Python.Library) {
		return false
	}
	return !slices.ContainsFunc(e.Files, func(s stamp) bool { return s != stampOf(s.Path) })
}

// store keeps p as the answer to q. It is a favour to the next start and may fail: a cache folder
// that cannot be written costs time and nothing else.
func (f *finder) store(q question, p *Python, files []stamp) {
	file := f.cacheFile(q)
	if file == "" || !q.shim && p.Executable != q.path {
		return // what an unknown shim leads to depends on files and folders that only it knows
	}
	e := entry{Format: cacheFormat(), Path: q.path, Dir: q.dir, Env: make(map[string]string), Files: files, Python: p}
	for _, name := range q.env {
		e.Env[name] = f.Env(name)
	}
	for _, path := range append(venvFiles(p.Executable), p.Executable, p.Library) {
		e.Files = append(e.Files, stampOf(path))
	}
	data, err := json.Marshal(e)
	if err != nil {
		return
	}
	if err := writeWhole(file, data); err != nil {
		f.Logger.Debug("python not cached", "error", err)
	}
}

// writeWhole writes a file under another name and moves it into place, so that no reader ever
// sees half of one.
func writeWhole(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
	return err
}
