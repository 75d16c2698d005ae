package py

// The runtime of Go installs its signal handlers by the C library's sigaction
// wherever cgo is in use (linux on amd64 and arm64 among others): signal.c stands in
// between.

// #cgo linux LDFLAGS: -Wl,--wrap=sigaction
import "C"
