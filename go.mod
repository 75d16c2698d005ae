module github.com/puffstack/puff

go 1.26.0

require (
	github.com/alicebob/miniredis/v2 v2.40.0 // a Redis for machines that have none
	github.com/andybalholm/brotli v1.2.8 // the coding br
	github.com/fsnotify/fsnotify v1.9.0 // which files change while a program is written
	github.com/jackc/pgx/v5 v5.12.0 // Postgres: the handshake and the messages
	github.com/klauspost/compress v1.20.3 // the codings gzip, zstd and deflate, deflate of WebSocket messages
	github.com/pelletier/go-toml/v2 v2.4.3 // puff.toml, with the line of each key
	github.com/pires/go-proxyproto v0.15.0 // headers of the PROXY protocol, both versions
	github.com/prometheus/client_golang v1.25.0 // metrics in the format of Prometheus
	github.com/redis/rueidis v1.0.79 // Redis: many callers' commands in one write
	github.com/spf13/cobra v1.10.2 // the command line: commands come from puff.toml at run time
	github.com/spf13/pflag v1.0.9 // its flags, which settings make
	github.com/youmark/pkcs8 v0.0.0-20240726163527-a2c0da244d78 // private keys with a password, PKCS #8
	go.opentelemetry.io/otel v1.47.0 // traces: names, and how programs hand them on
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.47.0 // sends them
	go.opentelemetry.io/otel/sdk v1.47.0 // collects them
	go.opentelemetry.io/otel/trace v1.47.0 // makes them
	golang.org/x/net v0.62.0 // frames of HTTP/2, names of fields, public suffixes
	golang.org/x/sys v0.49.0 // epoll, eventfd and socket options
)

// Tests only.
require (
	github.com/google/go-cmp v0.7.0 // differences one can read
	github.com/rogpeppe/go-internal v1.16.0 // command-line promises as scripts
	go.opentelemetry.io/proto/otlp v1.11.0 // what a collector of traces is sent
	google.golang.org/protobuf v1.36.12 // reads that
	pgregory.net/rapid v1.3.0 // properties of the value codec
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.30.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/yuin/gopher-lua v1.1.1 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.47.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20260928230214-8a89bd6388cc // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260928230214-8a89bd6388cc // indirect
	google.golang.org/grpc v1.83.2 // indirect
)
