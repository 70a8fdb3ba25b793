package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kopr.dev/cluster/internal/proc"
)

// Cgroups is the cluster's own subtree, of one name, in every cgroup hierarchy of the machine. All processes of the cluster,
// those of its pods included, are in it: it is how they are found again when nothing else is left of them.
// The hierarchies' mounts themselves are only ever read.
type Cgroups struct {
	Name        string
	hierarchies []hierarchy
}

type hierarchy struct {
	root        string
	unified     bool
	controllers string
}

// FindCgroups looks up the machine's cgroup hierarchies.
func FindCgroups(name string) (Cgroups, error) {
	list, err := mounts()
	if err != nil {
		return Cgroups{}, err
	}
	groups := Cgroups{Name: name, hierarchies: hierarchies(list)}
	if len(groups.hierarchies) == 0 {
		return groups, errors.New("no cgroup file system is mounted on this machine; the embedded cluster needs one")
	}
	return groups, nil
}

func hierarchies(list []mount) []hierarchy {
	var found []hierarchy
	seen := map[string]bool{}
	for _, m := range list {
		if (m.Kind == "cgroup" || m.Kind == "cgroup2") && !seen[m.Point] {
			seen[m.Point] = true
			found = append(found, hierarchy{root: m.Point, unified: m.Kind == "cgroup2", controllers: m.Options})
		}
	}
	return found
}

// Ensure makes the subtree, with room for the cluster's own processes in the group "system".
func (c Cgroups) Ensure() error {
	for _, h := range c.hierarchies {
		if h.unified {
			enableControllers(h.root)
		}
		if err := os.MkdirAll(filepath.Join(h.root, c.Name), 0o755); err != nil {
			return fmt.Errorf("making the cluster's cgroup: %w", err)
		}
		if h.unified {
			enableControllers(filepath.Join(h.root, c.Name))
		}
	}
	for _, dir := range c.System() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the cluster's cgroup: %w", err)
		}
	}
	return nil
}

// enableControllers hands down what a group of the unified hierarchy has. One that cannot be handed down is no error here:
// the kubelet says which ones it misses.
func enableControllers(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for controller := range strings.FieldsSeq(string(data)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

// System are the groups the cluster's own processes are put in: the unified hierarchy's, and one of version 1 that needs no
// settings of its own before it takes processes.
func (c Cgroups) System() []string {
	var dirs []string
	legacy := ""
	for _, h := range c.hierarchies {
		switch {
		case h.unified:
			dirs = append(dirs, filepath.Join(h.root, c.Name, "system"))
		case legacy == "" && hasOption(h.controllers, "pids", "freezer", "memory"):
			legacy = filepath.Join(h.root, c.Name, "system")
			dirs = append(dirs, legacy)
		}
	}
	return dirs
}

func hasOption(options string, wanted ...string) bool {
	for option := range strings.SplitSeq(options, ",") {
		for _, name := range wanted {
			if option == name {
				return true
			}
		}
	}
	return false
}

// Processes are all processes of the subtree.
func (c Cgroups) Processes() []proc.Identity {
	pids := map[int]bool{}
	for _, dir := range c.dirs() {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
				pids[pid] = true
			}
		}
	}
	delete(pids, os.Getpid())
	var list []proc.Identity
	for pid := range pids {
		if id, err := proc.Of(pid); err == nil {
			list = append(list, id)
		}
	}
	return list
}

// dirs are all groups of the subtree in all hierarchies, the deepest first.
func (c Cgroups) dirs() []string {
	var list []string
	for _, h := range c.hierarchies {
		_ = filepath.WalkDir(filepath.Join(h.root, c.Name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				list = append(list, path)
			}
			return nil // groups come and go; what is gone need not be looked at
		})
	}
	sort.Slice(list, func(i, j int) bool { return len(list[i]) > len(list[j]) })
	return list
}

// Empty ends all processes of the subtree: asked first, killed after the grace time.
func (c Cgroups) Empty(grace time.Duration) error {
	for _, id := range c.Processes() {
		_ = id.Signal(syscall.SIGTERM)
	}
	end := time.Now().Add(grace)
	for time.Now().Before(end) && len(c.Processes()) > 0 {
		time.Sleep(50 * time.Millisecond)
	}
	// Killed processes' parents may have been starting others, so this is done until none is left.
	const limit = 20 * time.Second
	for end = time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		left := c.Processes()
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes of the cluster do not end though they were killed (one is process %d)", len(left), left[0].PID)
		}
		for _, id := range left {
			_ = id.Signal(syscall.SIGKILL)
		}
	}
}

// Remove removes the subtree. There must be no process in it any more.
func (c Cgroups) Remove() error {
	var failed error
	// The kernel may need a moment until a group whose last process ended is free.
	for range 50 {
		failed = nil
		for _, dir := range c.dirs() {
			if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				failed = fmt.Errorf("removing the cluster's cgroup: %w", err)
			}
		}
		if failed == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return failed
}
