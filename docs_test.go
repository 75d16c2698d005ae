package puff_test

// What the documents say is true: files that they name exist, commands that they show
// are there, tables that follow from the code do.

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/puffstack/puff"
)

var update = flag.Bool("update", false, "rewrite the parts of documents that follow from the code")

// document is a Markdown file: its text without fenced blocks, and these.
type document struct {
	name   string
	text   string
	fences []fence
}

// fence is a fenced block.
type fence struct {
	line     int
	language string
	body     string
}

// documents reads all Markdown of the project.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	for _, name := range tree(t, ".md") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseDocument(t, name, string(data)))
	}
	return all
}

func parseDocument(t *testing.T, name, data string) document {
	t.Helper()
	d := document{name: name}
	var open *fence
	for i, line := range strings.SplitAfter(data, "\n") {
		mark, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &fence{line: i + 1, language: strings.TrimSpace(mark)}
		case isFence:
			d.fences = append(d.fences, *open)
			open = nil
		case open != nil:
			open.body += line
		default:
			d.text += line
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the fenced block has no end", name, open.line)
	}
	return d
}

// targets lists what make can be asked for.
func targets(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(string(data), -1) {
		names = append(names, m[1])
	}
	return names
}

// help returns what "puff ARGS" prints in a project that has every command.
func help(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "puff.toml")
	if err := os.WriteFile(file, []byte("django = true\npytest_path = \".\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Env = append(os.Environ(), "PUFF_CONFIG="+file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("puff %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func TestTheReadmeBeginsWithTheTwoCommandsThatDoEverything(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	d := parseDocument(t, "README.md", string(data))
	if len(d.fences) < 2 {
		t.Fatal("README.md has no commands and a program")
	}
	if got, want := d.fences[0].body, "make demo\nmake test\n"; got != want {
		t.Errorf("the first block is %q, want %q", got, want)
	}
	heading := strings.Index(string(data), "\n## ")
	program := strings.Index(string(data), d.fences[1].body)
	if d.fences[1].language != "python" || heading >= 0 && program > heading {
		t.Error("README.md does not show a program before its first heading")
	}
}

func TestTomlInDocumentsIsAcceptedByPuff(t *testing.T) {
	n := 0
	for _, d := range documents(t) {
		for _, f := range d.fences {
			if f.language != "toml" {
				continue
			}
			n++
			if _, err := puff.ParseConfig(fmt.Sprintf("%s:%d", d.name, f.line), []byte(f.body)); err != nil {
				t.Error(err)
			}
		}
	}
	if n == 0 {
		t.Error("no document has toml: there is nothing to test")
	}
}

func TestCommandsInDocumentsExist(t *testing.T) {
	known := commands{targets: targets(t), puff: map[string]bool{}}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z_-]+)`).FindAllStringSubmatch(help(t, "--help"), -1) {
		known.puff[m[1]] = true
	}
	inline := regexp.MustCompile("`([^`\n]+)`")
	n := 0
	for _, d := range documents(t) {
		var lines []string
		known.project = projectCommands(d)
		for _, f := range d.fences {
			if f.language == "sh" {
				lines = append(lines, strings.Split(f.body, "\n")...)
			}
		}
		for _, m := range inline.FindAllStringSubmatch(d.text, -1) {
			lines = append(lines, m[1])
		}
		for _, line := range lines {
			ours, err := known.check(line)
			if err != nil {
				t.Errorf("%s: %q: %v", d.name, line, err)
			}
			if ours {
				n++
			}
		}
	}
	if n < 5 {
		t.Errorf("documents show %d commands of the project, want some", n)
	}
}

// commands is what may be typed.
type commands struct {
	targets []string
	puff    map[string]bool
	project []string // commands of a puff.toml
}

// projectCommands lists the commands of the puff.toml beside a document, and of those
// in it.
func projectCommands(d document) (names []string) {
	files := [][]byte{}
	if data, err := os.ReadFile(filepath.Join(path.Dir(d.name), "puff.toml")); err == nil {
		files = append(files, data)
	}
	for _, f := range d.fences {
		if f.language == "toml" {
			files = append(files, []byte(f.body))
		}
	}
	for _, data := range files {
		config, err := puff.ParseConfig(d.name, data)
		if err != nil {
			continue // another test says so
		}
		for _, c := range config.Commands {
			names = append(names, c.Name)
		}
	}
	return names
}

// check looks at one line of shell. It is ours when it runs make, puff or a file of the
// project.
func (c commands) check(line string) (ours bool, err error) {
	line, _, _ = strings.Cut(line, " #")
	words := strings.Fields(line)
	for len(words) > 0 && strings.Contains(words[0], "=") {
		words = words[1:] // a variable in front
	}
	if len(words) == 0 {
		return false, nil
	}
	switch head := words[0]; {
	case head == "make":
		for _, w := range words[1:] {
			if !strings.Contains(w, "=") && !slices.Contains(c.targets, w) {
				return true, fmt.Errorf("the Makefile has no %s", w)
			}
		}
		return true, nil
	case head == "puff" || head == "bin/puff":
		return true, c.checkPuff(words[1:])
	case strings.HasPrefix(head, "scripts/") || strings.HasPrefix(head, "bench/") && len(words) > 1:
		_, err := os.Stat(head)
		return true, err
	}
	return false, nil
}

// checkPuff looks for the command among the words after puff.
func (c commands) checkPuff(words []string) error {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		words = words[min(2, len(words)):] // a flag and its value
	}
	if len(words) == 0 || c.puff[words[0]] || slices.Contains(c.project, words[0]) || strings.ToUpper(words[0]) == words[0] {
		return nil // no command, a known one, or a word that stands for one
	}
	return fmt.Errorf("puff has no command %s", words[0])
}

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			name := d.name
			if target != "" {
				name = path.Join(path.Dir(d.name), target)
			}
			data, err := os.ReadFile(name)
			if info, statErr := os.Stat(name); statErr == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: link %s: %v", d.name, m[1], err)
			}
			if anchor != "" && !slices.Contains(anchors(string(data)), anchor) {
				t.Errorf("%s: link %s: %s has no such heading", d.name, m[1], name)
			}
		}
	}
}

// anchors lists what headings are called in links.
func anchors(text string) (names []string) {
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		names = append(names, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}

func TestTheFiveStopsOfARequestNameThemselves(t *testing.T) {
	data, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, stop := range map[string]int{
		"cli/serve.go": 1, "serve.go": 2, "internal/wsgi/wsgi.go": 3, "internal/asgi/asgi.go": 3,
		"internal/py/lane.go": 4, "python/puff/_wsgi.py": 5, "python/puff/_asgi.py": 5,
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		head := strings.Join(strings.SplitN(string(text), "\n", 20)[:19], "\n")
		if want := fmt.Sprintf("top %d of 5", stop); !strings.Contains(head, want) {
			t.Errorf("%s does not say that it is stop %d of 5 at its top", name, stop)
		}
		if !bytes.Contains(data, []byte(name)) {
			t.Errorf("ARCHITECTURE.md does not name %s", name)
		}
	}
}

func TestServingIsDocumentedFromTheTableOfSettings(t *testing.T) {
	const name, begin, end = "docs/serving.md", "<!-- settings -->\n", "<!-- /settings -->\n"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q and %q", name, begin, end)
	}
	want := settingsTable()
	if *update && got != want {
		if err := os.WriteFile(name, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s (-) does not have the settings (+); type go test -run Serving -update .\n%s", name, diff)
	}
	documented := regexp.MustCompile("(?m)^\\| `--([a-z-]+)").FindAllStringSubmatch(got, -1)
	flags := regexp.MustCompile(`(?m)^  --([a-z-]+)`)
	settings, services, _ := strings.Cut(help(t, "serve", "--help"), "\nServices\n")
	printed := flags.FindAllStringSubmatch(settings, -1)
	if diff := cmp.Diff(second(documented), second(printed)); diff != "" {
		t.Errorf("flags in %s (-) and in puff serve --help (+) differ:\n%s", name, diff)
	}
	page, err := os.ReadFile("docs/services.md")
	if err != nil {
		t.Fatal(err)
	}
	given := flags.FindAllStringSubmatch(services, -1)
	if len(given) == 0 {
		t.Error("puff serve --help has no flags of services")
	}
	for _, flag := range given {
		if !bytes.Contains(page, []byte("`"+strings.TrimSpace(flag[0])+"`")) {
			t.Errorf("docs/services.md does not have %s", flag[0])
		}
	}
}

func second(matches [][]string) (all []string) {
	for _, m := range matches {
		all = append(all, m[1])
	}
	return all
}

// settingsTable writes the flags of puff serve, a table for each group.
func settingsTable() string {
	var b strings.Builder
	for _, group := range puff.Groups() {
		fmt.Fprintf(&b, "\n### %s\n\n| flag | default | meaning |\n| --- | --- | --- |\n", group)
		for _, s := range puff.Settings() {
			if s.Group != group || s.Positional {
				continue
			}
			flag, def := "--"+s.Name, s.Default()
			switch {
			case s.Arg == "":
				def = ""
			case def == "0":
				flag, def = flag+" "+s.Arg, "no limit"
			default:
				flag += " " + s.Arg
			}
			if def != "" && def != "no limit" {
				def = "`" + def + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(flag, "|", "\\|"), def, s.Help)
		}
	}
	return b.String() + "\n"
}
