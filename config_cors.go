package puff

// The [cors] table: a base and what the file changes of it.

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// CORS says which other origins may use the answers.
type CORS struct {
	// MaxAge is how long a browser may remember; negative leaves the field
	// out. Default: none.
	MaxAge time.Duration
	// AllowCredentials lets requests carry cookies. Default: false.
	AllowCredentials bool
	// AllowedOrigins, AllowedHeaders and AllowedMethods are what other origins
	// may use. Default: nothing.
	AllowedOrigins, AllowedHeaders, AllowedMethods AllowList
	// ExposedHeaders are what scripts of other origins may read. Default:
	// nothing.
	ExposedHeaders AllowList
}

// AllowList is a list of words, or all of them.
type AllowList struct {
	// Any allows everything by sending "*".
	Any bool
	// Mirror allows everything by sending back what the request asks for.
	Mirror bool
	// Words are what is allowed otherwise.
	Words []string
}

// corsBases is what base_config names. It is never changed.
var corsBases = map[string]CORS{
	"Default": {MaxAge: -1},
	"Permissive": {
		MaxAge:         -1,
		AllowedOrigins: AllowList{Any: true}, AllowedHeaders: AllowList{Any: true},
		AllowedMethods: AllowList{Any: true}, ExposedHeaders: AllowList{Any: true},
	},
	"VeryPermissive": {
		MaxAge:           -1,
		AllowCredentials: true,
		AllowedOrigins:   AllowList{Mirror: true}, AllowedHeaders: AllowList{Mirror: true},
		AllowedMethods: AllowList{Mirror: true},
	},
}

// corsTable is [cors] as it stands in the file; nil is what it does not say.
type corsTable struct {
	BaseConfig       string     `toml:"base_config" oneof:"Default Permissive VeryPermissive"`
	MaxAgeSecs       *int       `toml:"max_age_secs" min:"0"`
	AllowCredentials *bool      `toml:"allow_credentials"`
	AllowedOrigins   *AllowList `toml:"allowed_origins"`
	AllowedHeaders   *AllowList `toml:"allowed_headers"`
	AllowedMethods   *AllowList `toml:"allowed_methods"`
}

func (t *corsTable) setDefaults() { t.BaseConfig = "Default" }

// cors puts the base and the file together.
func (d *decoder) cors(t corsTable) *CORS {
	c := corsBases[t.BaseConfig]
	if t.MaxAgeSecs != nil {
		c.MaxAge = time.Duration(*t.MaxAgeSecs) * time.Second
	}
	if t.AllowCredentials != nil {
		c.AllowCredentials = *t.AllowCredentials
	}
	if t.AllowedOrigins != nil {
		c.AllowedOrigins = *t.AllowedOrigins
	}
	if t.AllowedHeaders != nil {
		c.AllowedHeaders = *t.AllowedHeaders
	}
	if t.AllowedMethods != nil {
		c.AllowedMethods = *t.AllowedMethods
	}
	c.AllowedOrigins.Words = slices.Clone(c.AllowedOrigins.Words)
	for i, origin := range c.AllowedOrigins.Words {
		trimmed := strings.TrimSuffix(origin, "/")
		if !isOrigin(trimmed) {
			d.fail("cors.allowed_origins", `want http://HOST[:PORT] or https://HOST[:PORT], got "`+origin+`"`)
		}
		c.AllowedOrigins.Words[i] = trimmed
	}
	if c.AllowCredentials && (c.AllowedOrigins.Any || c.AllowedHeaders.Any || c.AllowedMethods.Any || c.ExposedHeaders.Any) {
		d.fail("cors.allow_credentials", `browsers refuse credentials together with "*": list what is allowed, or set base_config = "VeryPermissive"`)
	}
	return &c
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") &&
		u.Host != "" && text == u.Scheme+"://"+u.Host
}
