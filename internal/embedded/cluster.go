package embedded

// Which programs of PostgreSQL, and who runs them.

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// clusterPrograms returns the folder of the programs for the cluster in data: of its
// version, or of the newest for one that is to be made.
func clusterPrograms(data string) (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	more, _ := filepath.Glob("/usr/pgsql-*/bin")
	folders = append(folders, more...)
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(path))
		}
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	versions := map[string]string{} // major -> folder
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
			continue
		}
		version := versionOf(filepath.Join(folder, "postgres"), "(PostgreSQL)")
		if major, _, _ := strings.Cut(version, "."); major != "" {
			versions[major] = folder
		}
	}
	if len(versions) == 0 {
		return "", errors.New("its programs are not installed: apt-get install postgresql, or give the URL of a server")
	}
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		majors := make([]int, 0, len(versions))
		for major := range versions {
			if n, err := strconv.Atoi(major); err == nil {
				majors = append(majors, n)
			}
		}
		if len(majors) == 0 {
			return "", errors.New("none of the installed versions has a number")
		}
		return versions[strconv.Itoa(slices.Max(majors))], nil
	}
	if err != nil {
		return "", err
	}
	wanted := strings.TrimSpace(string(text))
	if folder := versions[wanted]; folder != "" {
		return folder, nil
	}
	return "", fmt.Errorf("%s is of version %s, which is not installed: install postgresql-%s, or move that folder away", data, wanted, wanted)
}

// clusterUser says who runs a cluster: nil, this user; when this is root the owner of
// the data, or the one of this machine that is best for it.
func clusterUser(data string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	users, err := passwd()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(data); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			for _, u := range users {
				if u.uid == st.Uid {
					return &syscall.Credential{Uid: u.uid, Gid: u.gid}, nil
				}
			}
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		for _, u := range users {
			if u.name == name && u.uid != 0 {
				return &syscall.Credential{Uid: u.uid, Gid: u.gid}, nil
			}
		}
	}
	for _, u := range users {
		if u.uid != 0 {
			return &syscall.Credential{Uid: u.uid, Gid: u.gid}, nil
		}
	}
	return nil, errors.New("it refuses to run as root, and /etc/passwd has nobody else: run puff as another user, or add one")
}

type account struct {
	name     string
	uid, gid uint32
}

// passwd reads the users of this machine; initdb needs one that is listed.
func passwd() (users []account, err error) {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 4 {
			continue
		}
		uid, err1 := strconv.ParseUint(fields[2], 10, 32)
		gid, err2 := strconv.ParseUint(fields[3], 10, 32)
		if err1 == nil && err2 == nil {
			users = append(users, account{fields[0], uint32(uid), uint32(gid)})
		}
	}
	return users, nil
}
