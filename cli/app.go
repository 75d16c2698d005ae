package cli

import (
	"fmt"
	"os"

	"github.com/puffstack/puff"
)

// Run is the whole program of a Puff: it runs the command line of this process with
// app's bodies and returns the status to exit with.
func Run(app *puff.App) int {
	if status, ok := puff.Guard(); ok {
		return status
	}
	if puff.HostedByPython() {
		if err := app.Attend(); err != nil {
			fmt.Fprintf(os.Stderr, "puff: %v\n", err)
		}
		return 1
	}
	return Main(Deps{
		Serve:  app.Serve,
		Dev:    app.Dev,
		Run:    app.RunCommand,
		Wait:   app.Wait,
		Python: app.Python,
		Status: app.Status,
		Doctor: app.Doctor,
		Django: app.Django,
		Pytest: app.Pytest,

		Services:      app.Services,
		ServiceClient: app.ServiceClient,
	}, os.Args[1:], os.Stdout, os.Stderr)
}
