// Package python holds the faces: the package puff as Python imports it, embedded
// in the binary and installable with pip from the same files.
package python

import "embed"

// Faces holds the folder puff. The pattern names files that begin with an
// underscore too, which a bare folder would leave out.
//
//go:embed puff/*.py puff/*.pyi puff/py.typed puff/_psycopg2/*.py
var Faces embed.FS
