//go:build machine

package machinetest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"kopr.dev/cluster/internal/layout"
)

const script = "../../cluster.sh"

// machine is this machine with its embedded cluster.
type machine struct {
	t     *testing.T
	tools string
}

// cluster calls cluster.sh and returns what it prints.
func (m machine) cluster(args ...string) string {
	m.t.Helper()
	return m.command(10*time.Minute, script, args...)
}

// kubectl calls kubectl as the administrator.
func (m machine) kubectl(args ...string) string {
	m.t.Helper()
	return m.command(2*time.Minute, filepath.Join(m.tools, "kubectl"), append([]string{"--kubeconfig", layout.Kubeconfig}, args...)...)
}

func (m machine) command(limit time.Duration, name string, args ...string) string {
	m.t.Helper()
	out, err := run(limit, name, args...)
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func run(limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG=", "KOPR_KEEP=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// probe runs the probe in a pod and returns what it says.
func (m machine) probe(pod string, args ...string) (string, error) {
	return run(30*time.Second, filepath.Join(m.tools, "kubectl"),
		append([]string{"--kubeconfig", layout.Kubeconfig, "-n", "machinetest", "exec", pod, "--", "/probe"}, args...)...)
}

// eventually runs the probe until it succeeds and says what is wanted, for a while.
func (m machine) eventually(want, pod string, args ...string) (out string, err error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		out, err = m.probe(pod, args...)
		if err == nil && strings.Contains(out, want) {
			return out, nil
		}
		if err == nil {
			err = fmt.Errorf("it should say %q", want)
		}
	}
	return out, err
}

// traces are all things of the kinds a cluster leaves on a machine, one a line.
func (m machine) traces() []string {
	m.t.Helper()
	var list []string
	add := func(kind, text string) {
		for line := range strings.Lines(text) {
			// Counters and comments change without anybody's doing.
			line, _, _ = strings.Cut(strings.TrimSpace(line), " [")
			if line != "" && !strings.HasPrefix(line, "#") {
				list = append(list, kind+": "+line)
			}
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, i := range interfaces {
		add("interface", i.Name)
	}
	add("address", m.command(time.Minute, "ip", "-4", "-brief", "address"))
	add("route", m.command(time.Minute, "ip", "-4", "route", "list", "table", "all"))
	add("rule", m.command(time.Minute, "ip", "rule"))
	for _, table := range []string{"filter", "nat", "mangle"} {
		add(table, m.command(time.Minute, "iptables-save", "-t", table))
		add(table+"6", m.command(time.Minute, "ip6tables-save", "-t", table))
	}
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "vm/overcommit_memory", "kernel/panic"} {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			m.t.Fatal(err)
		}
		add("setting", name+" "+string(value))
	}
	for _, pattern := range []string{
		layout.State, layout.Run + "*", "/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/var/log/pods", "/run/netns", "/run/nri",
		"/run/containerd/*", "/opt/cni", "/opt/containerd", "/usr/libexec/kubernetes", "/sys/fs/cgroup/" + layout.CgroupName,
		"/sys/fs/cgroup/*/" + layout.CgroupName, "/sys/fs/cgroup/*/kubepods*", "/etc/cni/net.d/*",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			m.t.Fatal(err)
		}
		add("file", strings.Join(paths, "\n"))
	}
	add("mount", m.mounts())
	sort.Strings(list)
	return list
}

// mounts are the mounts that could be the cluster's; other programs of the machine may mount and unmount meanwhile.
func (m machine) mounts() string {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	text := ""
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if strings.Contains(scanner.Text(), "kopr-cluster") || strings.Contains(scanner.Text(), "netns") {
			text += fmt.Sprintln(scanner.Text())
		}
	}
	return text
}

// difference are the lines of the second list that the first has not, and the other way round.
func difference(before, after []string) string {
	count := map[string]int{}
	for _, line := range before {
		count[line]--
	}
	for _, line := range after {
		count[line]++
	}
	text := ""
	for line, n := range count {
		if n != 0 {
			text += fmt.Sprintf("%+d %s\n", n, line)
		}
	}
	return text
}
