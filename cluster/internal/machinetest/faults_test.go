//go:build machine

package machinetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kopr.dev/cluster/internal/host"
	"kopr.dev/cluster/internal/layout"
)

// killEverything kills all processes of the cluster at once and without warning.
func (m machine) killEverything() {
	m.t.Helper()
	groups, err := host.FindCgroups(layout.CgroupName)
	if err != nil {
		m.t.Fatal(err)
	}
	killed := 0
	for _, id := range groups.Processes() {
		if err := id.Signal(syscall.SIGKILL); err != nil {
			m.t.Fatal(err)
		}
		killed++
	}
	if killed < 10 {
		m.t.Fatalf("only %d processes of the cluster were found", killed)
	}
}

// killedUps calls up and kills it and its script, each time a little later.
func (m machine) killedUps() {
	m.t.Helper()
	for _, after := range []time.Duration{200 * time.Millisecond, time.Second, 3 * time.Second} {
		cmd := exec.Command(script, "up")
		cmd.Env = append(os.Environ(), "KUBECONFIG=", "KOPR_KEEP=")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			m.t.Fatal(err)
		}
		time.Sleep(after)
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			m.t.Fatal(err)
		}
		_ = cmd.Wait()
	}
}

// refusesOthers calls the script from a copy of the checkout.
func refusesOthers(t *testing.T, m machine) {
	other := filepath.Join(t.TempDir(), "cluster")
	m.command(time.Minute, "cp", "-R", "../..", other)
	owner, err := filepath.EvalSymlinks(filepath.Join("..", "..", ".."))
	if err == nil {
		owner, err = filepath.Abs(owner)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"up"}, {"down"}, {"load", "go.mod"}, {"restart", "etcd"}, {"kubeconfig"}} {
		if args[0] == "load" {
			args[1] = filepath.Join(other, args[1])
		}
		out, err := run(time.Minute, filepath.Join(other, "cluster.sh"), args...)
		if err == nil || !strings.Contains(out, "belongs to the checkout "+owner) || !strings.Contains(out, "make down") {
			t.Errorf("%v: %q (%v), want a refusal that names the owner and the remedy", args, out, err)
		}
	}
}
