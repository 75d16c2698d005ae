package cli

// Taking the command line apart before the configuration is known, because
// it may name the configuration, and because flags may stand before the
// command.

import (
	"slices"
	"strings"

	"github.com/puffstack/puff"
)

// line is a command line taken apart.
type line struct {
	front   []string // flags in front of the command
	name    string   // the command
	rest    []string // what follows it
	help    bool     // --help stands in front
	version bool     // --version stands in front
}

// foreign lists the commands whose arguments belong to another program.
var foreign = []string{"python", "django", "pytest"}

// serviceFlags are the ends of flags that only the configuration can name.
var serviceFlags = []string{"-postgres-url", "-redis-url", "-pubsub-url", "-task-queue-url"}

// split finds the command.
func split(args []string) (line, error) {
	var l line
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, isLong := strings.CutPrefix(arg, "--")
		name, _, hasValue := strings.Cut(name, "=")
		switch {
		case arg == "-h", arg == "--help":
			l.help = true
		case arg == "-V", arg == "--version":
			l.version = true
		case arg == "--":
			// Nothing is hidden behind it: the next word is the command.
		case !strings.HasPrefix(arg, "-") || arg == "-":
			l.name, l.rest = arg, args[i+1:]
			return l, nil
		case isLong && hasValue && takes(name) != noFlag:
			l.front = append(l.front, arg)
		case isLong && takes(name) == valueFlag:
			if i+1 == len(args) {
				return l, usagef("", "--%s needs a value", name)
			}
			l.front = append(l.front, arg, args[i+1])
			i++
		case isLong && takes(name) == switchFlag:
			if i+1 < len(args) && isTruth(args[i+1]) {
				i++
				arg += "=" + args[i]
			}
			l.front = append(l.front, arg)
		case isLong:
			return l, unknownFlag("", "--"+name, flagNames())
		default:
			return l, unknownFlag("", arg, flagNames())
		}
	}
	return l, nil
}

// arity is what follows a flag.
type arity int

const (
	noFlag     arity = iota // there is no such flag
	switchFlag              // perhaps with true or false
	valueFlag
)

func takes(name string) arity {
	if name == "config" {
		return valueFlag
	}
	for _, s := range puff.Settings() {
		if s.Name == name && !s.Positional {
			if s.Arg == "" {
				return switchFlag
			}
			return valueFlag
		}
	}
	if slices.ContainsFunc(serviceFlags, func(end string) bool { return strings.HasSuffix(name, end) }) {
		return valueFlag
	}
	return noFlag
}

// flagNames lists what may stand in front of a command, but for the services.
func flagNames() []string {
	names := []string{"--config", "--help", "--version"}
	for _, s := range puff.Settings() {
		if !s.Positional {
			names = append(names, "--"+s.Name)
		}
	}
	return names
}

func isTruth(word string) bool { return word == "true" || word == "false" }

// joinSwitches makes "--reuse-port true" one word, because a parser of flags
// takes the second for an argument.
func joinSwitches(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		name, isLong := strings.CutPrefix(arg, "--")
		if isLong && takes(name) == switchFlag && i+1 < len(args) && isTruth(args[i+1]) {
			i++
			arg += "=" + args[i]
		}
		out = append(out, arg)
	}
	return out
}

// config returns the file that --config names, "" when it does not stand
// there. Behind a command of another program it is that program's flag.
func (l line) config() string {
	file := ""
	words := l.front
	if !slices.Contains(foreign, l.name) {
		words = slices.Concat(l.front, l.rest)
	}
	for i, word := range words {
		if word == "--" {
			break
		}
		if v, ok := strings.CutPrefix(word, "--config="); ok {
			file = v
		} else if word == "--config" && i+1 < len(words) {
			file = words[i+1]
		}
	}
	return file
}
