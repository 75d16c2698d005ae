package httpserver_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/puffstack/puff/httpserver"
)

// greeter answers at once. A handler that cannot keeps the exchange and answers later, from any goroutine.
type greeter struct{}

func (greeter) Handle(x *httpserver.Exchange) {
	head := httpserver.Head{Status: 200, Fields: []httpserver.Field{{Name: []byte("Content-Type"), Value: []byte("text/plain")}}}
	x.Respond(&head, fmt.Appendf(nil, "hello, %s", x.Path[1:]))
}

// This server stops by Shutdown, which lets it finish what it has begun.
func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httpserver.New(httpserver.Config{Handler: greeter{}})
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), listener) }()

	show("http://" + listener.Addr().String() + "/world")
	server.Shutdown(context.Background())
	fmt.Println(<-served)
	// Output:
	// 200 hello, world
	// <nil>
}

// A net/http handler serves on both roads.
func ExampleAdaptSource() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello, you") })
	server := httpserver.New(httpserver.Config{
		Handler: httpserver.Adapt(handler),
		Open:    httpserver.AdaptSource(handler),
	})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()

	show("http://" + listener.Addr().String())
	stop()
	fmt.Println(<-served)
	// Output:
	// 200 hello, you
	// <nil>
}

func show(url string) {
	res, err := http.Get(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	fmt.Println(res.StatusCode, string(body))
}
