// Package dev stands in front of an application that is being written: it shows what went
// wrong as a page in the browser, and writes a line per request.
//
//	pages := &dev.Pages{}
//	lines := &dev.Lines{To: os.Stderr}
//	server := httpserver.New(httpserver.Config{
//		Handler: pages.Handler(report), // of an application that can not be imported
//		Filters: []httpserver.Filter{lines.Filter, pages.Filter},
//	})
//
// None of it belongs in front of strangers: a page shows source code. It is given only to
// who asks for this machine by name, so that no other site can read it by pointing its
// own name here.
package dev

// Report is what went wrong.
type Report struct {
	// Summary says what failed, where no exception does: "import app: there is no module".
	Summary string
	// Text is the traceback as Python prints it.
	Text string
	// Errors are the exceptions, that which was raised last first.
	Errors []Exception
}

// Exception is one exception of a chain.
type Exception struct {
	// Relation says how the exception before it came of it: "caused by". "" for the first.
	Relation string
	Kind     string
	Message  string
	// Frames are where it was raised, the innermost first.
	Frames []Frame
	// Omitted is how many frames in the middle are left out.
	Omitted int
}

// Frame is a place in the source.
type Frame struct {
	File string
	Line int
	// Name is the function's, "" for none.
	Name string
	// Source are lines around Line; the first of them has the number First.
	Source []string
	First  int
	// Start and End are the bytes of the line that are to blame; the same: none of them.
	Start, End int
	// Own says that it is the program's own code, not a library's.
	Own bool
}
