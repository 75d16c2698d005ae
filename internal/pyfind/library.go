package pyfind

import (
	"bytes"
	"debug/elf"
	"os"
	"runtime"
)

// library picks the shared library for p. The one mapped into the running interpreter is right by
// definition. A static interpreter has none, and of those that may be its twin the first one of the
// very same version is taken: a library of another micro version would run on a standard library
// that is not its own.
func (a *answer) library(p *Python) (string, error) {
	if a.Mapped != "" {
		return string(a.Mapped), nil
	}
	refused := ""
	for _, guess := range a.Guesses {
		path := string(guess)
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if isLibraryOf(path, a.Version) {
			return path, nil
		}
		if refused == "" {
			refused = path
		}
	}
	return "", &NotSharedError{
		Executable: p.Executable, Version: p.Version, Refused: refused, advice: advice(p, exists),
	}
}

// isLibraryOf reports whether the file is a shared library that holds Python version. The version is
// a string constant in it; Py_Version would be nicer, and 3.10 does not have it.
func isLibraryOf(path, version string) bool {
	f, err := elf.Open(path)
	if err != nil {
		// Only ELF is read here. Elsewhere the name of the file has to do.
		return runtime.GOOS == "darwin"
	}
	defer f.Close()
	if f.Type != elf.ET_DYN {
		return false
	}
	section := f.Section(".rodata")
	if section == nil {
		return false
	}
	data, err := section.Data()
	return err == nil && bytes.Contains(data, []byte(version+"\x00"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
