package puff

// Where a value came from, which is also who wins: a flag beats the
// environment, the environment beats the file, the file beats the default.

import "fmt"

// Origin says where a value came from. The zero Origin is the default that
// Puff itself brings.
type Origin struct {
	rank int
	at   string
}

const (
	rankDefault = iota
	rankFile
	rankEnv
	rankFlag
)

// FromFile is the origin of what line at of a file says, as in "puff.toml:7".
func FromFile(at string) Origin { return Origin{rankFile, at} }

// FromEnv is the origin of what an environment variable says.
func FromEnv(name string) Origin { return Origin{rankEnv, name} }

// FromFlag is the origin of what was typed after a flag, as in "--port".
func FromFlag(name string) Origin { return Origin{rankFlag, name} }

// IsDefault reports whether nobody gave the value.
func (o Origin) IsDefault() bool { return o.rank == rankDefault }

// IsFile reports whether the value stands in puff.toml. A wrong one there is
// a broken file; a wrong one anywhere else is wrong usage.
func (o Origin) IsFile() bool { return o.rank == rankFile }

// Weaker reports whether a value from o gives way to one from other.
func (o Origin) Weaker(other Origin) bool { return o.rank < other.rank }

// String names the origin: "default", "puff.toml:7", "PUFF_PORT", "--port".
func (o Origin) String() string {
	if o.IsDefault() {
		return "default"
	}
	return o.at
}

// ValueError is a value that cannot be used, and where it was found.
type ValueError struct {
	// From is where the value was found.
	From Origin
	// Key is the key of the file that holds it, as in "serve.port"; it is
	// empty when From says it all.
	Key string
	// Problem says what is wanted and what was there.
	Problem string
}

// Error says where, which key, and what is wanted instead.
func (e *ValueError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("read %s: %s", e.From, e.Problem)
	}
	return fmt.Sprintf("read %s: %s: %s", e.From, e.Key, e.Problem)
}
