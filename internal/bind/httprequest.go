package bind

// How puff/http.py says what to send: a dict, of which this table knows every key.

import (
	"fmt"

	"github.com/puffstack/puff/httpclient"
	"github.com/puffstack/puff/internal/py"
)

// defaultRedirects is how many redirects are followed where nothing is said of it.
const defaultRedirects = 10

// httpRequest reads options. jar is the number of a session, 0 for none.
func httpRequest(method, address string, options py.Dict) (r *httpclient.Request, jar int64, err error) {
	r = &httpclient.Request{Method: method, URL: address, MaxRedirects: defaultRedirects}
	for _, p := range options {
		key, _ := p[0].(string)
		if key == "jar" {
			jar, _ = p[1].(int64)
			continue
		}
		set := httpOptions[key]
		if set == nil {
			return nil, 0, py.NewError("TypeError", fmt.Sprintf("http.request: unknown option %q", key))
		}
		if err := set(r, p[1]); err != nil {
			return nil, 0, err
		}
	}
	return r, jar, nil
}

// httpOptions is never changed.
var httpOptions = map[string]func(r *httpclient.Request, v any) error{
	"params":          func(r *httpclient.Request, v any) error { return readFields(&r.Params, v) },
	"headers":         func(r *httpclient.Request, v any) error { return readFields(&r.Fields, v) },
	"cookies":         func(r *httpclient.Request, v any) error { return readFields(&r.Cookies, v) },
	"user":            func(r *httpclient.Request, v any) error { return readText(&r.User, v) },
	"password":        func(r *httpclient.Request, v any) error { return readText(&r.Password, v) },
	"timeout":         func(r *httpclient.Request, v any) error { r.Timeout = milliseconds(v); return nil },
	"connect_timeout": func(r *httpclient.Request, v any) error { r.ConnectTimeout = milliseconds(v); return nil },
	"head_timeout":    func(r *httpclient.Request, v any) error { r.HeadTimeout = milliseconds(v); return nil },
	"max_redirects":   func(r *httpclient.Request, v any) error { return readCount(&r.MaxRedirects, v) },
	"max_body_size":   func(r *httpclient.Request, v any) error { return readSize(&r.MaxBody, v) },
	"retries":         func(r *httpclient.Request, v any) error { return readCount(&r.Retries, v) },
	"body":            func(r *httpclient.Request, v any) error { r.Body, _ = v.([]byte); return nil },
	"form":            readForm,
	"parts":           readParts,
}

func readText(to *string, v any) error {
	switch v := v.(type) {
	case string:
		*to = v
	case []byte:
		*to = string(v)
	default:
		return py.NewError("TypeError", fmt.Sprintf("http.request: want str or bytes, got %v", v))
	}
	return nil
}

func readCount(to *int, v any) error {
	n, ok := v.(int64)
	if !ok || n < 0 {
		return py.NewError("ValueError", fmt.Sprintf("http.request: want a number from 0 up, got %v", v))
	}
	*to = int(min(n, 1000))
	return nil
}

func readSize(to *int64, v any) error {
	n, ok := v.(int64)
	if !ok || n <= 0 {
		return py.NewError("ValueError", fmt.Sprintf("http.request: want a number of bytes, got %v", v))
	}
	*to = n
	return nil
}

// readFields reads a list of pairs.
func readFields(to *[]httpclient.Field, v any) error {
	list, ok := v.([]any)
	if !ok {
		return py.NewError("TypeError", "http.request: want a list of pairs")
	}
	for _, item := range list {
		pair, _ := item.(py.Tuple)
		if len(pair) != 2 {
			return py.NewError("TypeError", "http.request: want a list of pairs")
		}
		var f httpclient.Field
		if err := readText(&f.Name, pair[0]); err != nil {
			return err
		}
		if err := readText(&f.Value, pair[1]); err != nil {
			return err
		}
		*to = append(*to, f)
	}
	return nil
}

func readForm(r *httpclient.Request, v any) error {
	var fields []httpclient.Field
	if err := readFields(&fields, v); err != nil {
		return err
	}
	var kind string
	r.Body, kind = httpclient.EncodeForm(fields)
	setContentType(r, kind)
	return nil
}

// readParts reads a list of (name, filename, content type, content).
func readParts(r *httpclient.Request, v any) error {
	list, _ := v.([]any)
	parts := make([]httpclient.Part, 0, len(list))
	for _, item := range list {
		t, _ := item.(py.Tuple)
		if len(t) != 4 {
			return py.NewError("TypeError", "http.request: a part is (name, filename, content type, content)")
		}
		var p httpclient.Part
		for i, to := range []*string{&p.Name, &p.Filename, &p.ContentType} {
			if err := readText(to, t[i]); err != nil {
				return err
			}
		}
		p.Content, _ = t[3].([]byte)
		parts = append(parts, p)
	}
	var kind string
	r.Body, kind = httpclient.EncodeMultipart(parts)
	setContentType(r, kind)
	return nil
}

// setContentType puts the type in front: what the caller says in headers comes after and,
// where it names one, has been left out by the face.
func setContentType(r *httpclient.Request, kind string) {
	r.Fields = append(r.Fields, httpclient.Field{Name: "Content-Type", Value: kind})
}
