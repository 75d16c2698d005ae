package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// anyBody stands for a body that is not looked at.
const anyBody = "\x00any"

const hello = "Hello, World!"

var (
	tenKB  = strings.Repeat("0123456789abcdef", 640)
	stream = strings.Repeat(tenKB, 10)
	large  = strings.Repeat(tenKB, 20)
)

// act is one thing a client does. Its weight is how often, in all weights.
type act struct {
	name   string
	weight int
	do     func(*client) error
}

// acts are the right requests first, then the wrong ones, then the broken ones.
var acts = []act{
	{"hello", 300, exchange(get("/"), hello)},
	{"headers", 200, exchange(get("/", browser...), hello)},
	{"10k", 100, exchange(get("/10k"), tenKB)},
	{"pipelined", 30, pipelined},
	{"echo", 100, exchange(post("/echo", tenKB), tenKB)},
	{"echo chunked", 40, exchange(postChunked("/echo", tenKB), tenKB)},
	{"echo large", 10, exchange(post("/echo", large), large)},
	{"stream", 60, exchange(get("/stream"), stream)},
	{"sleep", 30, exchange(get("/sleep"), hello)},
	{"missing", 20, refused(get("/nowhere"), 404)},

	{"error", 15, refused(get("/error"), 500)},
	{"late error", 5, lateError},
	{"malformed", 20, malformed},

	{"half a head", 15, leave(get("/")[:20])},
	{"half a body", 15, leave(post("/echo", tenKB)[:4<<10])},
	{"half a chunk", 10, leave(postChunked("/echo", tenKB)[:4<<10])},
	{"gone before the answer", 10, leave(get("/sleep"))},
	{"gone in the answer", 20, goneInTheAnswer},
}

// browser are the fields of the headers act.
var browser = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Cookie: session=5f0c9d2ab47e4d1f8f3b6a7c; theme=dark",
	"Referer: http://127.0.0.1/previous/page?with=a&query=string",
	"Cache-Control: max-age=0",
	"Upgrade-Insecure-Requests: 1",
	"Sec-Fetch-Dest: document",
	"Sec-Fetch-Mode: navigate",
	"Sec-Fetch-Site: same-origin",
}

func head(method, path string, fields ...string) string {
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: 127.0.0.1"}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func get(path string, fields ...string) string { return head("GET", path, fields...) }

func post(path, body string) string {
	return head("POST", path, "Content-Length: "+strconv.Itoa(len(body))) + body
}

func postChunked(path, body string) string {
	var b strings.Builder
	b.WriteString(head("POST", path, "Transfer-Encoding: chunked"))
	for piece := body; piece != ""; {
		n := min(len(piece), 3000)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, piece[:n])
		piece = piece[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// exchange sends a request and wants its answer.
func exchange(request, body string) func(*client) error {
	return func(c *client) error {
		if err := c.send(request); err != nil {
			return err
		}
		return c.answer(200, body)
	}
}

// refused sends a request and wants a status, whatever the body.
func refused(request string, status int) func(*client) error {
	return func(c *client) error {
		if err := c.send(request); err != nil {
			return err
		}
		return c.answer(status, anyBody)
	}
}

// pipelined sends two requests at once and wants both answers in order.
func pipelined(c *client) error {
	if err := c.send(get("/10k") + get("/")); err != nil {
		return err
	}
	if err := c.answer(200, tenKB); err != nil {
		return err
	}
	if c.conn == nil {
		return errors.New("the connection ended between two pipelined requests")
	}
	return c.answer(200, hello)
}

// lateError wants an answer that begins well and is cut, so that nobody takes it for whole.
func lateError(c *client) error {
	if err := c.send(get("/late-error")); err != nil {
		return err
	}
	got, err := c.response(200)
	if err != nil {
		return err
	}
	if _, err := io.ReadAll(got.Body); err == nil {
		return errors.New("the answer of a failed application looks whole")
	}
	c.drop()
	return nil
}

// malformed sends two Host fields and wants status 400 and the end of the connection.
func malformed(c *client) error {
	if err := c.send(get("/", "Host: other")); err != nil {
		return err
	}
	if err := c.answer(400, anyBody); err != nil {
		return err
	}
	if c.conn != nil {
		if _, err := c.reader.ReadByte(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("the connection did not end after status 400: %w", err)
		}
		c.drop()
	}
	return nil
}

// leave sends the beginning of something and goes, by an end or by a reset.
func leave(beginning string) func(*client) error {
	return func(c *client) error {
		if err := c.send(beginning); err != nil {
			return err
		}
		c.leave()
		return nil
	}
}

// goneInTheAnswer reads a little of a stream and goes.
func goneInTheAnswer(c *client) error {
	if err := c.send(get("/stream")); err != nil {
		return err
	}
	got, err := c.response(200)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(got.Body, make([]byte, 1000)); err != nil {
		return fmt.Errorf("read the beginning of the body: %w", err)
	}
	c.leave()
	return nil
}

// leave ends the connection in one of two ways.
func (c *client) leave() {
	if c.random.IntN(2) == 0 {
		c.reset()
		return
	}
	c.drop()
}
