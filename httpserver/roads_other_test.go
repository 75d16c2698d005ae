//go:build !linux

package httpserver

func shortOpen(script) func() (Source, error) { return nil }

func onLoop(_ *site, f func()) { f() }
