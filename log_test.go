package puff

import (
	"bytes"
	"strings"
	"testing"
)

func TestTracebacksFollowTheirLineUnquoted(t *testing.T) {
	var out bytes.Buffer
	newLogger(&out, "info", "text").Error("it failed", "error", "a b", "traceback", "Traceback:\n  line 1\nE: x\n")
	_, got, _ := strings.Cut(out.String(), " ") // the time
	want := "level=ERROR msg=\"it failed\" error=\"a b\"\nTraceback:\n  line 1\nE: x\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoggersMadeOfOneKeepItsLevelAndAttributes(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, "warning", "text").With("a", 1).With("b", 2).WithGroup("g")
	log.Info("too quiet")
	log.Warn("heard", "c", 3)
	_, got, _ := strings.Cut(out.String(), " ")
	if want := "level=WARN msg=heard a=1 b=2 g.c=3\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONLinesHaveTheKeysOfPythonsRecords(t *testing.T) {
	var out bytes.Buffer
	newLogger(&out, "info", "json").Warn("it failed", "request_id", "a\nb", "traceback", "T:\n  x")
	head, got, _ := strings.Cut(out.String(), `Z",`)
	if want := "\"level\":\"warning\",\"message\":\"it failed\",\"logger\":\"puff\",\"request_id\":\"a\\nb\",\"traceback\":\"T:\\n  x\"}\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !strings.HasPrefix(head, `{"time":"20`) {
		t.Errorf("got %s, want the time first", head)
	}
}
