// request.go finds in a request what formats ask for.

package accesslog

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/puffstack/puff/httpserver"
)

// fieldOf returns the first value of a field, nil if there is none.
func fieldOf(fields []httpserver.Field, name string) []byte {
	for i := range fields {
		if f := &fields[i]; len(f.Name) == len(name) && strings.EqualFold(string(f.Name), name) {
			return f.Value
		}
	}
	return nil
}

// appendClient appends the address of the client; nothing for a socket without addresses.
func appendClient(b []byte, x *httpserver.Exchange) []byte {
	if !x.Remote.IsValid() {
		return b
	}
	return x.Remote.Addr().Unmap().AppendTo(b)
}

// appendUser appends the user of Basic authentication. It was not checked: only the application can.
func appendUser(b []byte, x *httpserver.Exchange) []byte {
	scheme, secret, ok := bytes.Cut(fieldOf(x.Fields, "authorization"), []byte(" "))
	if !ok || !strings.EqualFold(string(scheme), "basic") {
		return b
	}
	pair, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(secret))
	user, _, ok := bytes.Cut(pair, []byte(":"))
	if err != nil || !ok {
		return b
	}
	return append(b, user...)
}

// variables are those that CGI has besides the fields.
var variables = map[string]func(b []byte, x *httpserver.Exchange) []byte{
	"REMOTE_ADDR":     appendClient,
	"REMOTE_PORT":     func(b []byte, x *httpserver.Exchange) []byte { return appendPort(b, x.Remote.Port()) },
	"SERVER_PORT":     func(b []byte, x *httpserver.Exchange) []byte { return appendPort(b, x.Local.Port()) },
	"SERVER_PROTOCOL": func(b []byte, x *httpserver.Exchange) []byte { return append(b, protocol(x)...) },
	"REQUEST_METHOD":  func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Method...) },
	"PATH_INFO":       func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Path...) },
	"QUERY_STRING":    func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Query...) },
	"RAW_URI":         func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Target...) },
	"wsgi.url_scheme": func(b []byte, x *httpserver.Exchange) []byte { return append(b, x.Scheme...) },
}

func appendPort(b []byte, port uint16) []byte {
	if port == 0 {
		return b
	}
	return strconv.AppendUint(b, uint64(port), 10)
}

// appendVariable appends a variable of CGI.
func appendVariable(b []byte, x *httpserver.Exchange, name string) []byte {
	if f, ok := variables[name]; ok {
		return f(b, x)
	}
	field, isField := strings.CutPrefix(name, "HTTP_")
	if !isField && name != "CONTENT_TYPE" && name != "CONTENT_LENGTH" {
		return b
	}
	return append(b, fieldOf(x.Fields, strings.ReplaceAll(field, "_", "-"))...)
}
