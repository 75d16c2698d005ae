package dev

// The page: a Report as HTML. Everything in it comes from programs and requests, and is
// escaped by the template; a policy forbids what would come through nevertheless.

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"slices"
	"strings"
	"unicode/utf8"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// pageTemplate is never changed.
var pageTemplate = template.Must(template.New("page").Parse(pageText))

// view is what the template is given.
type view struct {
	Kind, Title, Summary, Text string
	Method, Target             string
	Errors                     []errorView
	Style                      template.CSS
	Script                     template.JS
	Nonce                      string
	Path, Generation           string // where a change is heard of; "": the page does not reload
}

type errorView struct {
	Exception
	Frames []frameView
}

type frameView struct {
	Frame
	Lines []lineView
	Open  bool
}

type lineView struct {
	Number              int
	Current             bool
	Before, Mark, After string
}

// render returns the page and the policy it is to be sent with.
func render(r Report, method, target, generation string) (page []byte, policy string, err error) {
	v := view{
		Title: "The application did not start", Summary: r.Summary, Text: r.Text, Method: method, Target: target,
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), Nonce: rand.Text(),
	}
	if method == "GET" || method == "" { // another may do something twice
		v.Path, v.Generation = GenerationPath, generation
	}
	for i, e := range r.Errors {
		v.Errors = append(v.Errors, errorView{e, framesOf(e.Frames, i == 0)})
	}
	if len(r.Errors) > 0 {
		v.Kind, v.Title = r.Errors[0].Kind, r.Errors[0].Message
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		return nil, "", err
	}
	policy = "default-src 'none'; style-src 'nonce-" + v.Nonce + "'; script-src 'nonce-" + v.Nonce +
		"'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return b.Bytes(), policy, nil
}

// framesOf opens the frames of the program's own code: there is the fault, most often. Of
// the exceptions behind the first only the innermost of them is open.
func framesOf(frames []Frame, all bool) []frameView {
	var views []frameView
	first := max(0, slices.IndexFunc(frames, func(f Frame) bool { return f.Own }))
	for i, f := range frames {
		v := frameView{Frame: f, Open: i == first || all && f.Own}
		for n, text := range f.Source {
			v.Lines = append(v.Lines, lineOf(f, f.First+n, text))
		}
		views = append(views, v)
	}
	return views
}

func lineOf(f Frame, number int, text string) lineView {
	text = strings.TrimRight(text, "\r\n")
	l := lineView{Number: number, Current: number == f.Line, Before: text}
	start, end := f.Start, min(f.End, len(text))
	if end-start >= len(strings.TrimSpace(text)) {
		return l // all of the line is to blame, which is marked anyhow
	}
	if !l.Current || start < 0 || start >= end || !utf8.RuneStart(text[start]) || end < len(text) && !utf8.RuneStart(text[end]) {
		return l
	}
	l.Before, l.Mark, l.After = text[:start], text[start:end], text[end:]
	return l
}
