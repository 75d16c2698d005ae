package redis

// URLs of Redis:
//
//	redis://user:password@host:6379/0            one server
//	rediss://host                                the same over TLS
//	unix:///run/redis.sock?db=0                  on a socket of this machine
//	redis+sentinel://h1:26379,h2:26379/name/0    whom Sentinel calls the master
//	redis+cluster://h1:6379,h2:6379              a cluster; rediss+… has TLS for both

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Server is what a URL says.
type Server struct {
	// Unix is the path of a socket, or "".
	Unix string
	// Addresses are the servers, host and port.
	Addresses []string
	// User and Password log in.
	User, Password string
	// DB is the number of the database.
	DB int
	// Master is the name that Sentinel knows; Addresses are Sentinels then.
	Master string
	// SentinelUser and SentinelPassword log in at Sentinel.
	SentinelUser, SentinelPassword string
	// Cluster: the servers are nodes of one.
	Cluster bool
	// TLS is how to encrypt, nil: not at all.
	TLS *tls.Config
}

// schemes says what each scheme of a URL stands for.
var schemes = map[string]struct{ tls, unix, sentinel, cluster bool }{
	"redis": {}, "valkey": {},
	"rediss": {tls: true}, "valkeys": {tls: true},
	"unix": {unix: true}, "redis+unix": {unix: true}, "redis-socket": {unix: true},
	"redis+sentinel": {sentinel: true}, "redis-sentinel": {sentinel: true},
	"rediss+sentinel": {sentinel: true, tls: true},
	"redis+cluster":   {cluster: true}, "redis-cluster": {cluster: true},
	"rediss+cluster": {cluster: true, tls: true},
}

// ParseURL reads a URL. The error does not show it: it may hold a password.
func ParseURL(text string) (*Server, error) {
	wrong := func(format string, args ...any) (*Server, error) {
		return nil, &Error{URL: text, Kind: Down, Message: "read the URL: " + fmt.Sprintf(format, args...)}
	}
	scheme, rest, ok := strings.Cut(text, "://")
	kind, known := schemes[strings.ToLower(scheme)]
	if !ok || !known {
		return wrong("it does not begin with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
	}
	// Several hosts are no URL's authority: they are taken out first.
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	login, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		login, hosts = authority[:i+1], authority[i+1:]
	}
	u, err := url.Parse("redis://" + login + "host" + path)
	if err != nil {
		return wrong("it is malformed")
	}
	s := &Server{Cluster: kind.cluster}
	if u.User != nil {
		s.User = u.User.Username()
		s.Password, _ = u.User.Password()
	}
	query := u.Query()
	db := query.Get("db")
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case kind.unix:
		if s.Unix = hosts + u.Path; s.Unix == "" {
			return wrong("it has no path of a socket")
		}
	case kind.sentinel:
		if s.Master = parts[0]; s.Master == "" {
			return wrong("it has no name of a master, as redis+sentinel://host:26379/name has")
		}
		parts = parts[1:]
		fallthrough
	default:
		port := "6379"
		if kind.sentinel {
			port = "26379"
		}
		for host := range strings.SplitSeq(hosts, ",") {
			s.Addresses = append(s.Addresses, address(host, port))
		}
		if len(parts) > 0 && parts[0] != "" && db == "" {
			db = parts[0]
		}
		if len(parts) > 1 {
			return wrong("its path is more than the number of a database")
		}
	}
	if kind.cluster && db != "" && db != "0" {
		return wrong("a cluster has no database but 0")
	}
	if db != "" {
		if s.DB, err = strconv.Atoi(db); err != nil || s.DB < 0 {
			return wrong("the database is %q, which is no number", db)
		}
	}
	s.SentinelUser, s.SentinelPassword = query.Get("sentinel_user"), query.Get("sentinel_password")
	if kind.tls {
		if s.TLS, err = encryption(query); err != nil {
			return wrong("%v", err)
		}
	}
	return s, nil
}

// address adds what a host does not say.
func address(host, port string) string {
	h, p, err := net.SplitHostPort(host)
	if err != nil {
		h, p = strings.Trim(host, "[]"), port
	}
	if h == "" {
		h = "localhost"
	}
	if p == "" {
		p = port
	}
	return net.JoinHostPort(h, p)
}

// encryption reads the parameters of TLS, by the names that Python's client has. Whose
// certificate it has to be is left to who dials: the nodes of a cluster differ.
func encryption(query url.Values) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if query.Get("ssl_cert_reqs") == "none" {
		c.InsecureSkipVerify = true
	}
	if file := query.Get("ssl_ca_certs"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", file)
		}
	}
	if file := query.Get("ssl_certfile"); file != "" {
		key := query.Get("ssl_keyfile")
		if key == "" {
			key = file
		}
		pair, err := tls.LoadX509KeyPair(file, key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// refresh is how often Sentinel is asked who the master is.
const refresh = 5 * time.Second

// options says the same to the library.
func (s *Server) options() rueidis.ClientOption {
	o := rueidis.ClientOption{
		InitAddress: s.Addresses, Username: s.User, Password: s.Password, SelectDB: s.DB,
		TLSConfig: s.TLS, ClientName: "puff", ClientSetInfo: rueidis.DisableClientSetInfo,
		ForceSingleClient: !s.Cluster && s.Master == "",
		Sentinel: rueidis.SentinelOption{
			MasterSet: s.Master, TLSConfig: s.TLS, Username: s.SentinelUser, Password: s.SentinelPassword,
			// What Sentinel tells may be missed; who is the master is asked from time to time too.
			TopologyRefreshInterval: refresh,
		},
		// One shape of replies with every server, and no command twice.
		AlwaysRESP2: true, DisableCache: true, DisableRetry: true,
		// One connection for all: what many ask at once is one write and one read.
		PipelineMultiplex:  -1,
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10, RingScaleEachConn: 9,
		BlockingPoolCleanup: idle, BlockingPoolMinSize: 1,
	}
	if s.Unix != "" {
		o.InitAddress = []string{s.Unix}
	}
	return o
}

// secret finds passwords among the parameters of a URL.
var secret = regexp.MustCompile(`((?:^|[?&])[a-z_]*password=)[^&]*`)

// Redact returns a URL as it may be shown: without its passwords. Of what is no URL it
// shows nothing where there may be one.
func Redact(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	at := strings.LastIndexByte(rest, '@')
	switch {
	case !ok && strings.Contains(text, "@"):
		return "(set)"
	case at >= 0:
		user, _, has := strings.Cut(rest[:at], ":")
		if has {
			user += ":xxxxx"
		}
		text = scheme + "://" + user + rest[at:]
	}
	return secret.ReplaceAllString(text, "${1}xxxxx")
}
