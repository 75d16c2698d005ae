package certs

// How a file is seen to have changed: by what its name leads to, since tools that renew
// certificates put new files in the place of old ones.

import (
	"time"

	"golang.org/x/sys/unix"
)

// stamp is how a file was. The zero stamp is that of a file which is not there.
type stamp struct {
	device, inode uint64
	size          int64
	modified      time.Duration // since 1970
}

func stampOf(name string) stamp {
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return stamp{}
	}
	return stamp{st.Dev, st.Ino, st.Size, time.Duration(unix.TimespecToNsec(st.Mtim))}
}

// stamps returns how all files are now.
func (k *Keeper) stamps() map[string]stamp {
	all := map[string]stamp{}
	for _, p := range k.config.Pairs {
		all[p.Cert], all[p.Key] = stampOf(p.Cert), stampOf(p.Key)
	}
	if k.config.CA != "" {
		all[k.config.CA] = stampOf(k.config.CA)
	}
	return all
}
