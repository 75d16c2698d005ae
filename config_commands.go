package puff

// The commands a project adds to Puff, and how one says its exit status.

import (
	"fmt"
	"slices"
)

// Command is one entry of [[commands]]: a Python function that "puff NAME"
// runs. It is the one table that may hold keys Puff does not know.
type Command struct {
	// Function is the dotted path of the function.
	Function string `toml:"function" required:"the dotted path of a function"`
	// Name is what is typed after "puff".
	Name string `toml:"command_name" required:"the name of the command"`
	// Where is the file and line of the entry.
	Where string
}

// Command returns the entry of [[commands]] that is named name.
func (c *Config) Command(name string) (Command, bool) {
	i := slices.IndexFunc(c.Commands, func(k Command) bool { return k.Name == name })
	if i < 0 {
		return Command{}, false
	}
	return c.Commands[i], true
}

// Exit is the error of a command that ended with an exit status of its own,
// such as Python's sys.exit(3). Puff ends with the same status and prints
// nothing.
type Exit struct {
	Code int
}

// Error says which status it was.
func (e Exit) Error() string { return fmt.Sprintf("exit status %d", e.Code) }
