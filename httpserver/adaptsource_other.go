//go:build !linux

// adaptsource_other.go: without the short road there is no use for a source, and nobody opens one.

package httpserver

import (
	"errors"
	"net/http"
)

// AdaptSource returns a Config.Open, which is not called on systems without the short road.
func AdaptSource(http.Handler) func() (Source, error) {
	return func() (Source, error) {
		return nil, errors.New("open source: this system has no short road; set Config.Handler only")
	}
}
