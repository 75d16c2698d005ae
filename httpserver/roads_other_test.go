//go:build !linux

package httpserver

import "testing"

func shortOpen(script) func() (Source, error) { return nil }

func onLoop(_ *testing.T, _ *site, f func()) { f() }
