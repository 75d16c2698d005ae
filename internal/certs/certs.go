// Package certs keeps the certificates of a server for TLS, and reads them again when their
// files change.
//
//	k, err := certs.Open(certs.Config{Pairs: []certs.Pair{{Cert: "cert.pem", Key: "key.pem"}}})
//	if err != nil {
//		return err
//	}
//	go k.Run(ctx)
//	listener = k.Listen(listener)
//
// What is read is used as a whole or not at all: while one of the files can not be read, or a
// key is not that of its certificate, what was read before stays in use.
package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Pair is a certificate and its key.
type Pair struct {
	// Cert is a file in PEM that holds the certificate, and those that lead from it to an
	// authority.
	Cert string
	// Key is a file in PEM that holds the private key; it may be the same file.
	Key string
}

// Config says which certificates are shown, and which are asked for.
type Config struct {
	// Pairs are the certificates. The name that a client asks for chooses among them: one
	// that has it, else one that has it by a wildcard, else the first. Required.
	Pairs []Pair
	// Password is what keys are encrypted with, where they are. Default: none.
	Password string
	// ClientAuth says whether clients show a certificate. Default: they are not asked.
	ClientAuth tls.ClientAuthType
	// CA is a file in PEM with the authorities whose clients are believed. Default: none.
	CA string
	// Protocols is what is spoken, the best first, see RFC 7301. Default: whatever the client
	// thinks.
	Protocols []string
	// Interval is how often the files are looked at. Default: 2 s.
	Interval time.Duration
	// Logger hears of certificates that were read again or are out of date. Default: silence.
	Logger *slog.Logger
}

// Keeper holds certificates. Its methods may be called at any time.
type Keeper struct {
	config  Config
	log     *slog.Logger
	outer   *tls.Config
	current atomic.Pointer[set]

	mu sync.Mutex // of who reads

	read   map[string]stamp // the files when they were last read
	failed int              // how often in a row since then
}

// Open reads the certificates. The error names the file at fault.
func Open(c Config) (*Keeper, error) {
	if c.Interval <= 0 {
		c.Interval = 2 * time.Second
	}
	k := &Keeper{config: c, log: c.Logger}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	// Tickets of earlier sessions belong to this one, so that they outlive what is read again.
	k.outer = &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return k.current.Load().config, nil
		},
	}
	return k, nil
}

// TLS returns the configuration for servers. It always leads to what was read last.
func (k *Keeper) TLS() *tls.Config { return k.outer }

// Reload reads the certificates again, now. After an error those from before stay in use.
func (k *Keeper) Reload() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.load(k.stamps())
}

func (k *Keeper) load(now map[string]stamp) error {
	// What changes while it is read will differ from now the next time.
	k.read = now
	s, err := loadSet(&k.config)
	if err != nil {
		k.failed++
		return err
	}
	k.failed = 0
	k.current.Store(s)
	s.warn(k.log, time.Now())
	return nil
}

// Run looks at the files from time to time, and reads them again when they have changed,
// until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(k.config.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.look()
		case <-ctx.Done():
			return
		}
	}
}

// look reads the files again if they have changed. A certificate and its key are written one
// after the other: what can not be read gets a second look before anybody hears of it.
func (k *Keeper) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.stamps()
	changed := !maps.Equal(k.read, now)
	if !changed && k.failed != 1 {
		return
	}
	if changed {
		k.failed = 0
	}
	err := k.load(now)
	switch {
	case err == nil:
		k.log.Info("certificates were read again")
	case k.failed > 1:
		k.log.Error("the certificates on disk are not used, those from before are", "error", err)
	}
}
