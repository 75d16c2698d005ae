package launch

// The binary's second name. A symbolic link would not do: programs resolve
// sys.executable with realpath and start what they get, so the file itself has to be
// called python.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// nameBinary makes name the same file as binary, or where the file system does not
// allow that (another device, somebody else's file) a copy of it.
func nameBinary(name, binary string) error {
	want, err := os.Stat(binary)
	if err != nil {
		return err
	}
	if have, err := os.Lstat(name); err == nil && sameBinary(have, want) {
		return nil
	}
	if binary, err = filepath.EvalSymlinks(binary); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d", name, os.Getpid())
	_ = os.Remove(temp)
	if os.Link(binary, temp) != nil {
		if err := copyBinary(temp, binary, want); err != nil {
			return errors.Join(err, os.Remove(temp))
		}
	}
	// Of two names of one file rename removes neither.
	defer os.Remove(temp)
	return os.Rename(temp, name)
}

// sameBinary holds for two names of one file, and for a copy: it has the time of what
// it was made from.
func sameBinary(have, want os.FileInfo) bool {
	return os.SameFile(have, want) || have.Mode().IsRegular() &&
		have.Size() == want.Size() && have.ModTime().Equal(want.ModTime())
}

func copyBinary(to, from string, info os.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// prune removes the folders of binaries that are gone: each holds as much as a binary.
// What can not be removed stays.
func prune(bin string) {
	files, _ := filepath.Glob(filepath.Join(bin, "*", bootFile))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, rest, found := strings.Cut(string(text), "\nbinary ")
		binary, _, _ := strings.Cut(rest, "\n")
		if _, err := os.Stat(binary); found && errors.Is(err, os.ErrNotExist) {
			_ = os.RemoveAll(filepath.Dir(file))
		}
	}
}
