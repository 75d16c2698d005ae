// Command puff is Puff with everything that comes with it. To make one of your own,
// copy this file and add functions to the App.
package main

import (
	"os"

	"github.com/puffstack/puff"
	"github.com/puffstack/puff/cli"
)

func main() {
	os.Exit(cli.Run(puff.New()))
}
