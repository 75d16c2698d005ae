// form.go encodes forms: application/x-www-form-urlencoded, and multipart/form-data for files.

package httpclient

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"
)

// Part is one part of a multipart form. One without a Filename is a plain value.
type Part struct {
	Name, Filename string
	// ContentType is left out if empty; that of a file then is application/octet-stream.
	ContentType string
	Content     []byte
}

// EncodeForm returns the body for names and values, and its Content-Type.
func EncodeForm(fields []Field) (body []byte, contentType string) {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(f.Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(f.Value))
	}
	return []byte(b.String()), "application/x-www-form-urlencoded"
}

// EncodeMultipart returns the body for parts, in their order, and its Content-Type (RFC 7578).
func EncodeMultipart(parts []Part) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		disposition := fmt.Sprintf(`form-data; name="%s"`, quoted.Replace(p.Name))
		if p.Filename != "" {
			disposition += fmt.Sprintf(`; filename="%s"`, quoted.Replace(p.Filename))
			if p.ContentType == "" {
				p.ContentType = "application/octet-stream"
			}
		}
		h.Set("Content-Disposition", disposition)
		if p.ContentType != "" {
			h.Set("Content-Type", quoted.Replace(p.ContentType))
		}
		// Writing to memory does not fail.
		part, _ := w.CreatePart(h)
		part.Write(p.Content)
	}
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// quoted escapes names as browsers do (HTML, section 4.10.21.8), which keeps parts from adding fields of their own.
var quoted = strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")
