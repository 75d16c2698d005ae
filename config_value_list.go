package puff

// The values that are lists, and those of one setting only.

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// splitList takes words apart that are separated by commas.
func splitList(text string) []string {
	words := strings.Split(text, ",")
	for i, w := range words {
		words[i] = strings.TrimSpace(w)
	}
	return words
}

// listText takes what a list may be in TOML: a text or several.
func listText(x any) (string, bool) {
	if s, ok := x.(string); ok {
		return s, true
	}
	list, ok := x.([]any)
	words := make([]string, 0, len(list))
	for _, x := range list {
		s, isText := x.(string)
		ok = ok && isText
		words = append(words, s)
	}
	return strings.Join(words, ","), ok && len(words) > 0
}

// listValue is a list of texts.
type listValue struct{ p *[]string }

func (v listValue) Set(text string) error {
	list := splitList(text)
	if slices.Contains(list, "") {
		return wanted(v, text)
	}
	*v.p = list
	return nil
}

func (v listValue) Add(text string) error {
	before := slices.Clone(*v.p)
	if err := v.Set(text); err != nil {
		return err
	}
	*v.p = append(before, *v.p...)
	return nil
}
func (v listValue) String() string            { return strings.Join(*v.p, ",") }
func (v listValue) File(x any) (string, bool) { return listText(x) }
func (v listValue) Want() string              { return "a text or a list of them" }

// bindValue is a list of addresses.
type bindValue struct{ p *[]string }

func (v bindValue) Set(text string) error {
	list := splitList(text)
	for _, address := range list {
		if err := checkBind(address); err != nil {
			return err
		}
	}
	*v.p = list
	return nil
}

func (v bindValue) Add(text string) error {
	before := slices.Clone(*v.p)
	if err := v.Set(text); err != nil {
		return err
	}
	*v.p = append(before, *v.p...)
	return nil
}
func (v bindValue) String() string            { return strings.Join(*v.p, ",") }
func (v bindValue) File(x any) (string, bool) { return listText(x) }
func (v bindValue) Want() string              { return "HOST:PORT, unix:PATH or a list of them" }

// maxSocketPath is what Linux has room for in sockaddr_un, its final zero excluded.
const maxSocketPath = 107

func checkBind(address string) error {
	path, isUnix := strings.CutPrefix(address, "unix:")
	switch {
	case !isUnix:
		return checkAddress(address)
	case path == "":
		return fmt.Errorf(`want a path behind "unix:", such as "unix:/run/app.sock", got %q`, address)
	case len(path) > maxSocketPath:
		return fmt.Errorf("the path of a unix socket may have %d bytes, got %d in %q", maxSocketPath, len(path), address)
	}
	return nil
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf(`want HOST:PORT such as "127.0.0.1:8000", ":8000" or "[::1]:8000", got %q`, address)
	}
	return nil
}

// addressValue is one address.
type addressValue struct{ p *string }

func (v addressValue) Set(text string) error {
	if err := checkAddress(text); err != nil {
		return err
	}
	*v.p = text
	return nil
}
func (v addressValue) String() string            { return *v.p }
func (v addressValue) File(x any) (string, bool) { s, ok := x.(string); return s, ok }
func (v addressValue) Want() string              { return "HOST:PORT" }

// networksValue is a list of networks; an address alone is a network of one.
type networksValue struct{ p *[]netip.Prefix }

func (v networksValue) Set(text string) error {
	var list []netip.Prefix
	for _, word := range splitList(text) {
		prefix, err := parseNetwork(word)
		if err != nil {
			return wanted(v, word)
		}
		list = append(list, prefix)
	}
	*v.p = list
	return nil
}

func parseNetwork(word string) (netip.Prefix, error) {
	if strings.Contains(word, "/") {
		p, err := netip.ParsePrefix(word)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return netip.Prefix{}, err
	}
	if a.Zone() != "" {
		return netip.Prefix{}, errors.New("an address with a zone is no network")
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func (v networksValue) String() string {
	words := make([]string, len(*v.p))
	for i, p := range *v.p {
		words[i] = p.String()
	}
	return strings.Join(words, ",")
}
func (v networksValue) File(x any) (string, bool) { return listText(x) }
func (v networksValue) Want() string {
	return `addresses or networks such as "127.0.0.1" or "10.0.0.0/8"`
}

// modeValue is the permissions of a file, in octal.
type modeValue struct{ p *fs.FileMode }

func (v modeValue) Set(text string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return wanted(v, text)
	}
	*v.p = fs.FileMode(n)
	return nil
}
func (v modeValue) String() string { return fmt.Sprintf("%03o", uint32(*v.p)) }

// File takes 600 for 0o600: nobody means permissions in decimal.
func (v modeValue) File(x any) (string, bool) { return numberText(x) }
func (v modeValue) Want() string              { return `permissions in octal such as "660"` }

// workersValue is a number of processes, 0 standing for auto.
type workersValue struct{ p *int }

const maxWorkers = 1024

func (v workersValue) Set(text string) error {
	if strings.EqualFold(text, "auto") {
		*v.p = 0
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxWorkers {
		return wanted(v, text)
	}
	*v.p = n
	return nil
}

func (v workersValue) String() string {
	if *v.p == 0 {
		return "auto"
	}
	return strconv.Itoa(*v.p)
}
func (v workersValue) File(x any) (string, bool) { return numberText(x) }
func (v workersValue) Want() string {
	return fmt.Sprintf(`"auto" or a whole number from 1 to %d`, maxWorkers)
}

// secretValue is a text that is not shown.
type secretValue struct{ p *string }

func (v secretValue) Set(text string) error { *v.p = text; return nil }
func (v secretValue) String() string {
	if *v.p == "" {
		return ""
	}
	return "***"
}
func (v secretValue) File(x any) (string, bool) { s, ok := x.(string); return s, ok }
func (v secretValue) Want() string              { return "text" }

// mountValue is a list of PREFIX=DIR.
type mountValue struct{ p *[]Static }

func (v mountValue) Set(text string) error {
	var list []Static
	for _, word := range splitList(text) {
		url, dir, found := strings.Cut(word, "=")
		if !found || !strings.HasPrefix(url, "/") || dir == "" {
			return wanted(v, word)
		}
		list = append(list, Static{URL: url, Dir: dir})
	}
	*v.p = list
	return nil
}

func (v mountValue) Add(text string) error {
	before := slices.Clone(*v.p)
	if err := v.Set(text); err != nil {
		return err
	}
	*v.p = append(before, *v.p...)
	return nil
}

func (v mountValue) String() string {
	words := make([]string, len(*v.p))
	for i, m := range *v.p {
		words[i] = m.URL + "=" + m.Dir
	}
	return strings.Join(words, ",")
}
func (v mountValue) File(x any) (string, bool) { return listText(x) }
func (v mountValue) Want() string              { return `PREFIX=DIR such as "/static=public"` }
