module github.com/puffstack/puff

go 1.26.0

require (
	github.com/andybalholm/brotli v1.2.8 // the coding br
	github.com/jackc/pgx/v5 v5.12.0 // Postgres: the handshake and the messages
	github.com/klauspost/compress v1.20.3 // the codings gzip, zstd and deflate, deflate of WebSocket messages
	github.com/pelletier/go-toml/v2 v2.4.3 // puff.toml, with the line of each key
	github.com/pires/go-proxyproto v0.15.0 // headers of the PROXY protocol, both versions
	github.com/spf13/cobra v1.10.2 // the command line: commands come from puff.toml at run time
	github.com/spf13/pflag v1.0.9 // its flags, which settings make
	github.com/youmark/pkcs8 v0.0.0-20240726163527-a2c0da244d78 // private keys with a password, PKCS #8
	golang.org/x/net v0.62.0 // frames of HTTP/2, names of fields, public suffixes
	golang.org/x/sys v0.49.0 // epoll, eventfd and socket options
)

// Tests only.
require (
	github.com/google/go-cmp v0.7.0 // differences one can read
	github.com/rogpeppe/go-internal v1.16.0 // command-line promises as scripts
	pgregory.net/rapid v1.3.0 // properties of the value codec
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
)
