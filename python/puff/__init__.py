"""Puff: what a back end needs, on goroutines, outside the interpreter's lock."""
