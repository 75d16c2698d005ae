// Package launch turns a process into Python with Puff in it.
//
// The border reads what to load from a small file, before Go's own start. This
// package writes that file, beside a second name of the binary that begins with
// "python": started by that name, the binary is that Python. The folder is kept
// per interpreter and binary, so children start without asking anything again.
//
//	b, err := launch.Prepare(found, python.Faces, self, "")
//	return b.Exec(false, []string{"-m", "this"}) // what python -m this does
package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/puffstack/puff/internal/pyfind"
)

// Variable is what the border looks for: the path of a boot file.
const Variable = "PUFF_BOOT"

const bootFile = "puff.boot"

// Boot is a Python that is ready to be started.
type Boot struct {
	Python *pyfind.Python
	Name   string // the binary's name as python: what sys.executable is
	File   string // the boot file
	Faces  string // the folder that holds the package puff

	self string // the binary
}

// Prepare makes the folder for found, with the faces unpacked beside it. self is the
// path of the running binary, cache the folder to write in ("": the user's cache).
func Prepare(found *pyfind.Python, faces fs.FS, self, cache string) (*Boot, error) {
	if cache == "" {
		var err error
		if cache, err = defaultCache(); err != nil {
			return nil, err
		}
	}
	unpacked, err := unpack(faces, filepath.Join(cache, "faces"))
	if err != nil {
		return nil, fmt.Errorf("unpack the package puff: %w", err)
	}
	sum := sha256.Sum256([]byte(found.Executable + "\x00" + found.Library + "\x00" + self))
	dir := filepath.Join(cache, "bin", hex.EncodeToString(sum[:8]))
	b := &Boot{
		Python: found,
		Name:   filepath.Join(dir, baseName(found)),
		File:   filepath.Join(dir, bootFile),
		Faces:  unpacked,
		self:   self,
	}
	lines := [][2]string{
		{"library", found.Library}, {"executable", found.Executable},
		{"faces", unpacked}, {"name", b.Name}, {"binary", self},
	}
	var text strings.Builder
	for _, l := range lines {
		if strings.ContainsAny(l[1], "\n\x00") {
			return nil, fmt.Errorf("start Python: the path %q has a line break in it: move it to another folder", l[1])
		}
		fmt.Fprintf(&text, "%s %s\n", l[0], l[1])
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		prune(filepath.Dir(dir))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start Python: %w", err)
	}
	if err := replaceFile(b.File, []byte(text.String())); err != nil {
		return nil, fmt.Errorf("start Python: %w", err)
	}
	if err := nameBinary(b.Name, self); err != nil {
		return nil, fmt.Errorf("start Python: %w", err)
	}
	return b, nil
}

// baseName is what the interpreter's file is called where that begins with "python":
// programs compare the names of the two.
func baseName(found *pyfind.Python) string {
	if name := filepath.Base(found.Executable); strings.HasPrefix(name, "python") {
		return name
	}
	return fmt.Sprintf("python%d.%d", found.VersionInfo[0], found.VersionInfo[1])
}

// Exec replaces this process by the Python; it only returns when that fails. As a
// program (args is the command line of puff) Python asks Go what to run; else args
// are python's own, without its name.
func (b *Boot) Exec(program bool, args []string) error {
	// A program keeps the name that people look for in a list of processes.
	path, env := b.self, append(os.Environ(), Variable+"="+b.File)
	if !program {
		path, env = b.Name, os.Environ()
		args = append([]string{b.Name}, args...)
	}
	return fmt.Errorf("start Python: run %s: %w", path, syscall.Exec(path, args, env))
}

// Binary returns the file that is no Python: executable itself, or what a name that
// Prepare made was made from.
func Binary(executable string) string {
	if !strings.HasPrefix(filepath.Base(executable), "python") {
		return executable
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(executable), bootFile))
	if err != nil {
		return executable
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if path, ok := strings.CutPrefix(line, "binary "); ok {
			return path
		}
	}
	return executable
}

// defaultCache is the user's cache folder, or where there is none a folder in the
// system's temporary one that nobody else can write to.
func defaultCache() (string, error) {
	if dir, err := os.UserCacheDir(); err == nil {
		dir = filepath.Join(dir, "puff")
		if os.MkdirAll(dir, 0o700) == nil && writable(dir) {
			return dir, nil
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("puff-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("start Python: no folder for its link: %w; set XDG_CACHE_HOME to one that can be written", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("start Python: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("start Python: %s belongs to somebody else; set XDG_CACHE_HOME to a folder of your own", dir)
	}
	return dir, nil
}

func writable(dir string) bool {
	const wOK = 2
	return syscall.Access(dir, wOK) == nil
}

// unpack writes the faces to a folder named by their contents, once.
func unpack(faces fs.FS, under string) (string, error) {
	sum := sha256.New()
	files := map[string][]byte{}
	err := fs.WalkDir(faces, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(faces, path)
		files[path] = data
		fmt.Fprintf(sum, "%s\x00%d\x00", path, len(data))
		sum.Write(data)
		return err
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(under, hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(under, 0o700); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(under, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	for path, data := range files {
		to := filepath.Join(temp, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			return "", err
		}
	}
	// Somebody who was faster wrote the same.
	if err := os.Rename(temp, dir); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return "", err
	}
	return dir, nil
}

// replaceFile writes data unless it is there already; readers never see half of it.
func replaceFile(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(data) {
		return nil
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
