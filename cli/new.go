package cli

// puff new: a project to begin with, which runs as it stands. Its files are in project/.

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

//go:embed project
var project embed.FS

// projectFiles says what of project/ becomes which file, in the order they are written.
var projectFiles = []struct{ from, to string }{
	{"project/app.py", "app.py"},
	{"project/puff.toml", "puff.toml"},
	{"project/tests/test_app.py", "tests/test_app.py"},
	{"project/README.md", "README.md"},
	{"project/gitignore", ".gitignore"}, // a file of that name would count here
}

func (a *app) newCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new DIR",
		Short: "Begin a project that serves, with tests.",
		Long: `Writes a small ASGI application, its tests, a puff.toml, a README.md and a ` +
			`.gitignore to a folder that does not exist or is empty.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 || args[0] == "":
				return usagef("new", "new needs the name of a folder")
			case len(args) > 1:
				return usagef("new", "new takes one folder, got %q too", args[1])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.newProject(args[0]) },
	}
}

func (a *app) newProject(folder string) error {
	path, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("make a project: %w", err)
	}
	entries, err := os.ReadDir(path)
	switch {
	case err == nil && len(entries) > 0:
		return fmt.Errorf("make a project in %s: there is something in it, as %s; name an empty folder or a new one",
			folder, entries[0].Name())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("make a project in %s: %w; name an empty folder or a new one", folder, err)
	}
	for _, f := range projectFiles {
		text, err := project.ReadFile(f.from)
		if err != nil {
			return err
		}
		name := strings.Map(printable, filepath.Base(path))
		if err := writeNew(filepath.Join(path, f.to), strings.Replace(string(text), "# NAME", "# "+name, 1)); err != nil {
			return fmt.Errorf("make a project in %s: %w", folder, err)
		}
	}
	_, err = fmt.Fprintf(a.stdout, "A project is in %s. Now:\n\n  cd %s\n  puff dev\n", folder, quoteForShell(folder))
	return err
}

// writeNew writes a file that does not exist yet.
func writeNew(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '_'
}

// quoteForShell has a shell take text as one word.
func quoteForShell(text string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+", r)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 && !strings.HasPrefix(text, "-") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
