"""Modules that can not be imported, each in a way of its own."""
