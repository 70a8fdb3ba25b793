// Package host does to the machine what the cluster needs, and undoes it.
package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	Point   string
	Kind    string // file system type
	Options string // of the file system; names the controllers of a version 1 cgroup hierarchy
}

func mounts() ([]mount, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return parseMounts(file)
}

func parseMounts(source io.Reader) ([]mount, error) {
	var list []mount
	scanner := bufio.NewScanner(source)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		before, after, found := strings.Cut(scanner.Text(), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 6 || len(rest) < 2 {
			return nil, fmt.Errorf("a line of mountinfo is not understood: %q", scanner.Text())
		}
		list = append(list, mount{Point: unescape(fields[4]), Kind: rest[0], Options: rest[len(rest)-1]})
	}
	return list, scanner.Err()
}

// unescape undoes the kernel's octal escapes for blanks, tabs, newlines and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// UnmountBelow unmounts everything mounted below the directories, not what is mounted on them: that is the machine owner's.
func UnmountBelow(dirs ...string) error {
	var failed error
	// Mounts may lie on top of each other or appear while others go; a few rounds get all.
	for range 5 {
		list, err := mounts()
		if err != nil {
			return err
		}
		targets := below(list, dirs)
		if len(targets) == 0 {
			return nil
		}
		failed = nil
		for _, target := range targets {
			if err := unmount(target); err != nil {
				failed = errors.Join(failed, fmt.Errorf("unmounting %s: %w", target, err))
			}
		}
	}
	return failed
}

// below are the mount points under the directories, the newest first.
func below(list []mount, dirs []string) []string {
	var targets []string
	for i := len(list) - 1; i >= 0; i-- {
		for _, dir := range dirs {
			if strings.HasPrefix(list[i].Point, dir+"/") {
				targets = append(targets, list[i].Point)
				break
			}
		}
	}
	return targets
}

const umountNoFollow = 0x8

func unmount(target string) error {
	err := syscall.Unmount(target, umountNoFollow)
	if errors.Is(err, syscall.EBUSY) {
		// Something has a file open there. Detached, the mount is gone from the tree and ends with its last user.
		err = syscall.Unmount(target, umountNoFollow|syscall.MNT_DETACH)
	}
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOENT) {
		return nil // it went away by itself
	}
	return err
}
