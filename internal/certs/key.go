package certs

// Private keys, of each kind in use, in the clear or encrypted.

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/youmark/pkcs8"
)

// loadKey reads the first private key of a file.
func loadKey(name, password string) (crypto.Signer, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key, err := parseKeys(data, password)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", name, err)
	}
	return key, nil
}

func parseKeys(data []byte, password string) (crypto.Signer, error) {
	blocks := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return parseKey(block, password)
		}
	}
	if blocks > 0 {
		return nil, errors.New("there is no private key in it, only something else; is it the certificate?")
	}
	return nil, notPEM(data)
}

var (
	errNoPassword = errors.New("it is encrypted: set tls-key-password")
	errPassword   = errors.New("the password of tls-key-password is not that of this key")
)

func parseKey(block *pem.Block, password string) (crypto.Signer, error) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY":
		return decrypt(block.Bytes, password)
	//lint:ignore SA1019 Keys that old tools have encrypted so are in use.
	case x509.IsEncryptedPEMBlock(block):
		if password == "" {
			return nil, errNoPassword
		}
		//lint:ignore SA1019 As above.
		der, err := x509.DecryptPEMBlock(block, []byte(password))
		if err != nil {
			return nil, errPassword
		}
		key, err := parseDER(der)
		if err != nil { // a wrong password passes the check of its padding now and then
			return nil, errPassword
		}
		return key, nil
	}
	return parseDER(block.Bytes)
}

// decrypt reads an encrypted PKCS #8 key.
func decrypt(der []byte, password string) (crypto.Signer, error) {
	if password == "" {
		return nil, errNoPassword
	}
	key, _, err := pkcs8.ParsePrivateKey(der, []byte(password))
	if err != nil {
		if strings.Contains(err.Error(), "incorrect password") {
			return nil, errPassword
		}
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return signer(key)
}

// parseDER reads a key as PKCS #8, as SEC 1 or as PKCS #1.
func parseDER(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return signer(key)
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	return nil, fmt.Errorf("the key is malformed: %w", err)
}

func signer(key any) (crypto.Signer, error) {
	if s, ok := key.(crypto.Signer); ok {
		return s, nil
	}
	return nil, fmt.Errorf("a key of type %T cannot sign; use RSA, ECDSA or Ed25519", key)
}
