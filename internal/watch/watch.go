// Package watch tells when the files of a program change.
//
//	w, err := watch.New(watch.Config{Folders: []string{"."}})
//	if err != nil {
//		return err
//	}
//	err = w.Run(ctx, func(changed []string) { fmt.Println(changed) })
//
// It watches folders with all that is in them, those that are made later too. What no
// program is read from (caches, environments, what editors leave for a moment) is passed
// over by the rules of ignore.go.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Config says what is watched.
type Config struct {
	// Folders are watched with all that is in them. Required.
	Folders []string
	// Pause is how long nothing may have changed before it is told: an editor writes a
	// file in several steps. Default: 100 ms.
	Pause time.Duration
	// MaxFolders is how many folders are watched, those at the top first. Default: 4096.
	MaxFolders int
	// Logger hears of what can not be watched. Default: silence.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Pause <= 0 {
		c.Pause = 100 * time.Millisecond
	}
	if c.MaxFolders <= 0 {
		c.MaxFolders = 4096
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

const (
	patience = 10  // pauses, after which a change is told although others go on coming
	mostTold = 100 // files of one change
)

// Watcher is made by New and runs once.
type Watcher struct {
	c       Config
	notify  *fsnotify.Watcher
	folders map[string]bool // that are watched
	full    bool            // there are more than that, and it was said
}

// New begins to watch: what changes from now on is told by Run. Close, or the end of Run,
// ends it.
func New(c Config) (*Watcher, error) {
	c = c.withDefaults()
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w%s", err, advice(err))
	}
	w := &Watcher{c: c, notify: notify, folders: map[string]bool{}}
	for _, folder := range c.Folders {
		path, err := filepath.Abs(folder)
		if err == nil {
			err = w.add(path)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("watch %s: %w%s", folder, err, advice(err)), w.Close())
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(w.folders)) {
		w.descend(folder)
	}
	return w, nil
}

// Close ends watching.
func (w *Watcher) Close() error { return w.notify.Close() }

// Run calls changed with the files that have changed, sorted and each once, until ctx
// ends. changed runs on the goroutine of Run.
func (w *Watcher) Run(ctx context.Context, changed func(files []string)) error {
	defer w.Close()
	var first time.Time // when the oldest that is not told came
	files := map[string]bool{}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	note := func(name string) {
		if len(files) == 0 {
			first = time.Now()
		}
		if len(files) < mostTold {
			files[name] = true
		}
		timer.Reset(max(0, min(w.c.Pause, time.Until(first.Add(patience*w.c.Pause)))))
	}
	for {
		select {
		case e, ok := <-w.notify.Events:
			if !ok {
				return nil
			}
			w.event(e, note)
		case err, ok := <-w.notify.Errors:
			if !ok {
				return nil
			}
			w.trouble(err, note)
		case <-timer.C:
			told := slices.Sorted(maps.Keys(files))
			clear(files)
			changed(told)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// event notes what one event of the system means.
func (w *Watcher) event(e fsnotify.Event, note func(string)) {
	name := filepath.Base(e.Name)
	if e.Op == fsnotify.Chmod {
		return
	}
	if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		if w.folders[e.Name] {
			w.forget(e.Name)
			note(e.Name)
			return
		}
	}
	if e.Has(fsnotify.Create) {
		if info, err := os.Lstat(e.Name); err == nil && info.IsDir() {
			w.made(e.Name, note)
			return
		}
	}
	if isSource(name) {
		note(e.Name)
	}
}

// made watches a new folder. Files may have come into it before it was watched.
func (w *Watcher) made(folder string, note func(string)) {
	if isIgnored(folder) || w.folders[folder] || !w.take(folder) {
		return
	}
	for _, inside := range append(w.descend(folder), folder) {
		entries, _ := os.ReadDir(inside) // gone again: nothing to note
		for _, entry := range entries {
			if !entry.IsDir() && isSource(entry.Name()) {
				note(filepath.Join(inside, entry.Name()))
			}
		}
	}
}

// forget drops a folder that has gone, and those in it.
func (w *Watcher) forget(folder string) {
	inside := folder + string(filepath.Separator)
	for name := range w.folders {
		if name == folder || len(name) > len(inside) && name[:len(inside)] == inside {
			delete(w.folders, name)
			_ = w.notify.Remove(name) // which the system may have done
		}
	}
}

// trouble goes on after an error. One that says events were lost counts as a change, of
// unknown files, and has the folders looked through again.
func (w *Watcher) trouble(err error, note func(string)) {
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		w.c.Logger.Warn("watching files", "error", err)
		return
	}
	for _, folder := range w.c.Folders {
		if path, err := filepath.Abs(folder); err == nil {
			w.descend(path)
			note(path)
		}
	}
}

// descend watches what is below a folder, level by level, and returns what it has added.
func (w *Watcher) descend(top string) (added []string) {
	for level := []string{top}; len(level) > 0; {
		var next []string
		for _, folder := range level {
			entries, _ := os.ReadDir(folder) // one that can not be read has no program in it
			for _, entry := range entries {
				path := filepath.Join(folder, entry.Name())
				switch {
				case !entry.IsDir() || isIgnored(path):
				case w.folders[path]:
					next = append(next, path)
				case w.take(path):
					next, added = append(next, path), append(added, path)
				}
			}
		}
		level = next
	}
	return added
}

var errFull = errors.New("there are more folders than are watched; start in a smaller one")

// take watches one folder more, or says once that it can not.
func (w *Watcher) take(folder string) bool {
	err := w.add(folder)
	switch {
	case err == nil:
		return true
	case errors.Is(err, fs.ErrNotExist):
		return false
	case !w.full:
		w.c.Logger.Warn("not every folder is watched: changes in some go unnoticed",
			"folder", folder, "watched", len(w.folders), "error", err.Error()+advice(err))
	}
	w.full = w.full || errors.Is(err, errFull) || errors.Is(err, syscall.ENOSPC)
	return false
}

// add watches one folder.
func (w *Watcher) add(folder string) error {
	if len(w.folders) >= w.c.MaxFolders {
		return errFull
	}
	if err := w.notify.Add(folder); err != nil {
		return err
	}
	w.folders[folder] = true
	return nil
}

// advice says what to do about an error of the system.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "; raise the number of watches: sysctl fs.inotify.max_user_watches=524288"
	case errors.Is(err, syscall.EMFILE):
		return "; raise the number of watchers: sysctl fs.inotify.max_user_instances=512"
	}
	return ""
}
