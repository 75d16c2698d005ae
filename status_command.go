package puff

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/puffstack/puff/internal/status"
)

// clearScreen moves to the top of a terminal and clears it.
const clearScreen = "\x1b[H\x1b[2J"

// Status writes what the server whose operators' address that is says of itself; with
// watch again every second, until ctx ends.
func (a *App) Status(ctx context.Context, address string, watch bool, w io.Writer) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s, err := status.Ask(ctx, address)
		if err != nil {
			return err
		}
		if watch {
			fmt.Fprint(w, clearScreen)
		}
		if err := s.Write(w); err != nil || !watch {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
