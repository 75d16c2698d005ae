// Package puff makes binaries that host Python: they load CPython into their own
// process, serve its WSGI and ASGI applications over HTTP, and answer its calls with
// functions of Go.
//
// The command cmd/puff is such a binary with nothing added. One of your own is as long:
//
//	func main() {
//		app := puff.New()
//		app.Handle("shout", func(_ context.Context, args []any) (any, error) {
//			return strings.ToUpper(args[0].(string)), nil
//		})
//		os.Exit(cli.Run(app))
//	}
//
// Python under it calls puff.call("shout", "hello") and, in a greenlet, gets "HELLO";
// under asyncio it awaits that.
//
// [App] is what a binary is made of, [Config] what puff.toml says, [ServeConfig] what
// "puff serve" is told. Python and Go share memory, not stacks: ARCHITECTURE.md tells
// how, and follows a request through the project.
package puff
