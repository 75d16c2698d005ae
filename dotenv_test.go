package puff

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDotenvReadsWhatPythonDotenvReads(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "A=1\nB = two words \n", "A=1|B=two words"},
		{"empty values", "A=\nB= # nothing\nC=''", "A=|B=|C="},
		{"comments and blank lines", "# one\n\n  # two\nA=1 # three\n", "A=1"},
		{"hash inside", "A=a#b\nB=#c\nC=\"x # y\" # z\n", "A=a#b|B=#c|C=x # y"},
		{"export", "export A=1\nexport\tB=2\nexport C\nexport=3\nexported=4", "A=1|B=2|export=3|exported=4"},
		{"windows", "\ufeffA=1\r\nB='2'\r\n", "A=1|B=2"},
		{"double quotes", `A="a\nb\t\"c\" \\ \$ \x"`, "A=a\nb\t\"c\" \\ $ \\x"},
		{"escaped quote at the end", `A="x\""` + "\n" + `B="c:\\"`, `A=x"|B=c:\`},
		{"single quotes", `A='a\n $B ${B} \' \\'`, `A=a\n $B ${B} ' \`},
		{"several lines", "A=\"one\ntwo\"\nB='x\n\ny'\nC=3", "A=one\ntwo|B=x\n\ny|C=3"},
		{"dollars in passwords", "A=pa$$word$X\nB=\"$1\"", "A=pa$$word$X|B=$1"},
		{"variables", "A=1\nB=${A}2\nC=\"${B}${NONE}3\"\nD=${NONE:-d}\nE=${OUT}", "A=1|B=12|C=123|D=d|E=outside"},
		{"escaped variable", `A="\${OUT}"`, "A=${OUT}"},
		{"unclosed variable", "A=${OUT", "A=${OUT"},
		{"environment before the file", "OUT=in\nA=${OUT}", "OUT=in|A=outside"},
		{"same name twice", "A=1\nB=2\nA=3", "A=3|B=2"},
		{"equals signs", "A=b=c==", "A=b=c=="},
		{"names", "a.b-c=1\n_X9=2", "a.b-c=1|_X9=2"},
		{"utf-8", "A=grüße\nB=\"ü\"", "A=grüße|B=ü"},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pairs, err := parseDotenv(".env", tt.in, environ("OUT=outside"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range pairs {
				got = append(got, p.name+"="+p.value)
			}
			if g := strings.Join(got, "|"); g != tt.want {
				t.Errorf("parse %q:\n got %q\nwant %q", tt.in, g, tt.want)
			}
		})
	}
}

func TestDotenvErrorsNameTheLineAndKeepSecrets(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"no equals sign", "A=1\nsecret\nB=2", "read .env:2: want NAME=VALUE"},
		{"at the end", "A=1\nsecret", "read .env:2: want NAME=VALUE"},
		{"no name", "\n=secret", "read .env:2: want NAME=VALUE"},
		{"open double quote", "A=1\nB=\"secret\nC=2", "read .env:2: the closing quote is missing"},
		{"open single quote", "B='secret\\'", "read .env:1: the closing quote is missing"},
		{"words after the quote", "A=1\n\nB=\"x\" secret", "read .env:3: want nothing but a comment after the closing quote"},
		{"words after a long value", "A=1\nB=\"x\ny\" secret", "read .env:2: want nothing but a comment after the closing quote"},
	}
	for _, tt := range tests {
		_, err := parseDotenv(".env", tt.in, environ())
		if got := errorText(err); got != tt.want || strings.Contains(got, "secret") {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// project makes a folder with the given files and goes there.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// unset makes a variable absent until the test ends.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "")
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

func TestDotenvIsSearchedUpwardsAndOverridesNothing(t *testing.T) {
	dir := project(t, map[string]string{".env": "PUFF_TEST_A=file\nPUFF_TEST_B=file\n", "a/b/x": "", "a/.env/x": ""})
	t.Chdir(filepath.Join(dir, "a", "b"))
	unset(t, "PUFF_TEST_A")
	t.Setenv("PUFF_TEST_B", "")
	c := NewConfig()
	if err := c.LoadDotenv(); err != nil {
		t.Fatal(err)
	}
	if a, b := os.Getenv("PUFF_TEST_A"), os.Getenv("PUFF_TEST_B"); a != "file" || b != "" {
		t.Errorf("got A %q, B %q, want the file's and what was there", a, b)
	}
	if file := c.DotenvFile; filepath.Base(file) != ".env" || filepath.Base(filepath.Dir(file)) != filepath.Base(dir) {
		t.Errorf("got the file %s, want the one of %s", file, dir)
	}
}

func TestDotenvPathMustExistAndFalseSwitchesItOff(t *testing.T) {
	project(t, map[string]string{".env": "PUFF_TEST_A=1\n", "my.env": "PUFF_TEST_A=2\n"})
	unset(t, "PUFF_TEST_A")

	off := parse(t, "dotenv = false\ndotenv_path = 'none'\n")
	if err := off.LoadDotenv(); off.DotenvFile != "" || err != nil {
		t.Errorf("switched off: got %q, %v", off.DotenvFile, err)
	}
	missing := parse(t, "\ndotenv_path = 'none'\n")
	err := missing.LoadDotenv()
	if got, want := errorText(err), "read none: no such file or directory (named by dotenv_path of puff.toml:2)"; got != want {
		t.Errorf("missing:\n got %s\nwant %s", got, want)
	}
	named := parse(t, "dotenv_path = 'my.env'\n")
	if err := named.LoadDotenv(); named.DotenvFile != "my.env" || err != nil || os.Getenv("PUFF_TEST_A") != "2" {
		t.Errorf("named: got %q, %v, A=%q", named.DotenvFile, err, os.Getenv("PUFF_TEST_A"))
	}
}

func FuzzDotenvNeverPanics(f *testing.F) {
	f.Add("A=\"x\\\"\"\nexport B='${A}' # c\nC=${A:-${B}}")
	f.Fuzz(func(t *testing.T, text string) {
		pairs, err := parseDotenv(".env", text, environ())
		for _, p := range pairs {
			if p.name == "" || strings.ContainsAny(p.name, " =\n") {
				t.Errorf("parse %q: got the name %q, %v", text, p.name, err)
			}
		}
	})
}
