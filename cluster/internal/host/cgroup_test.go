package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// fakeHierarchy is a folder that looks like a cgroup hierarchy with the given processes in two groups of the cluster.
func fakeHierarchy(t *testing.T, pids ...int) Cgroups {
	t.Helper()
	root := t.TempDir()
	text := ""
	for _, pid := range pids {
		text += fmt.Sprintln(pid)
	}
	for _, dir := range []string{"k/system", "k/kubepods/pod1"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "cgroup.procs"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Cgroups{Name: "k", hierarchies: []hierarchy{{root: root, controllers: "rw,pids"}}}
}

func TestEmptyEndsEveryProcessOfTheGroups(t *testing.T) {
	var pids []int
	for _, script := range []string{"exec sleep 60", "trap '' TERM; while :; do sleep 0.1; done"} {
		cmd := exec.Command("sh", "-c", script)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = cmd.Wait() }()
		pids = append(pids, cmd.Process.Pid)
	}
	time.Sleep(200 * time.Millisecond)
	// Ourselves, the machine's first process and a process long gone must do no harm.
	groups := fakeHierarchy(t, append(pids, os.Getpid(), 1, 1<<22)...)
	if got := len(groups.Processes()); got != len(pids) {
		t.Fatalf("found %d processes, want %d", got, len(pids))
	}
	if err := groups.Empty(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if left := groups.Processes(); len(left) != 0 {
		t.Fatalf("%v still run", left)
	}
}

func TestRemoveTakesTheWholeSubtree(t *testing.T) {
	groups := fakeHierarchy(t)
	root := groups.hierarchies[0].root
	for _, dir := range []string{"k/system", "k/kubepods/pod1"} {
		// In a real hierarchy the files go with their group.
		if err := os.Remove(filepath.Join(root, dir, "cgroup.procs")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := groups.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Fatalf("%v is left (%v)", entries, err)
	}
}
