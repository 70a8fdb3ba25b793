//go:build machine

// Package machinetest tries the embedded cluster on this machine for real. `cluster/cluster.sh selftest` runs it in namespaces in
// which no other one runs; run otherwise, it would take that down with its data.
package machinetest

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"kopr.dev/cluster/internal/image"
	"kopr.dev/cluster/internal/layout"
)

const nodePort = "30999"

func TestTheEmbeddedClusterFromNothingToNothing(t *testing.T) {
	m := machine{t: t}
	m.cluster("down")
	before := m.traces()

	m.cluster("up")
	m.tools = m.cluster("bin")
	t.Run("a second up finds it healthy", func(t *testing.T) {
		start := time.Now()
		out := m.cluster("up")
		if took := time.Since(start); !strings.Contains(out, "already") || took > 5*time.Second {
			t.Errorf("it took %s and said %q", took, out)
		}
	})
	m.cluster("load", m.probeImage())
	m.kubectl("apply", "-f", "testdata/pods.yaml")
	m.awaitPods()
	t.Run("pods run as they should", func(t *testing.T) { works(t, m) })
	t.Run("pods reach nothing outside", func(t *testing.T) { confined(t, m) })

	t.Run("another checkout is refused", func(t *testing.T) { refusesOthers(t, m) })

	for range 3 {
		m.killEverything()
		if m.mounts() == "" {
			t.Error("a kill has left no mounts; what it should show is not shown")
		}
		m.cluster("up")
		m.awaitPods()
	}
	t.Run("after everything was killed, pods run again", func(t *testing.T) { works(t, m) })
	m.killEverything()
	m.killedUps()
	m.cluster("up")
	m.awaitPods()
	t.Run("after ups were killed half-way, pods run again", func(t *testing.T) { works(t, m) })

	for _, component := range []string{"containerd", "kubelet", "etcd", "kube-apiserver", "kube-apiserver", "kube-apiserver"} {
		m.cluster("restart", component, "--kill")
	}
	t.Run("after single components were killed, pods run on", func(t *testing.T) { works(t, m) })

	m.cluster("down")
	if rest := difference(before, m.traces()); rest != "" {
		t.Errorf("down has left or taken something:\n%s", rest)
	}
}

// probeImage builds the probe into an image archive.
func (m machine) probeImage() string {
	m.t.Helper()
	dir := m.t.TempDir()
	program := filepath.Join(dir, "probe")
	m.command(5*time.Minute, "go", "build", "-trimpath", "-o", program, "kopr.dev/cluster/cmd/probe")
	var archive bytes.Buffer
	if err := image.Write(&archive, "localhost/kopr/probe:1", program, runtime.GOARCH); err != nil {
		m.t.Fatal(err)
	}
	path := filepath.Join(dir, "probe.tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o644); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m machine) awaitPods() {
	m.t.Helper()
	m.kubectl("-n", "machinetest", "rollout", "status", "statefulset/server", "--timeout=60s")
	m.kubectl("-n", "machinetest", "wait", "--for=condition=Ready", "pod/server-0", "--timeout=60s")
	// After a kill the API server remembers what the pod was; only the pod itself can tell that it runs.
	if out, err := m.eventually("server-0 greets", "server-0", "get", "http://server:8080/"); err != nil {
		m.t.Fatalf("the pod does not run: %q (%v)", out, err)
	}
}

func works(t *testing.T, m machine) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a service's name leads to it", []string{"get", "http://server:8080/"}, "server-0 greets"},
		{"a pod's own name is known", []string{"resolve", "server-0.direct.machinetest.svc.cluster.local"}, "10.202."},
		{"the API server answers", []string{"get", "https://kubernetes.default/healthz"}, "ok"},
		{"a user that is not root can write to its volume", []string{"write", "/data/file"}, ""},
	} {
		// After a fault it takes a moment until all parts have learned of it.
		if out, err := m.eventually(c.want, "server-0", c.args...); err != nil {
			t.Errorf("%s: %q (%v)", c.name, out, err)
		}
	}
	if out, err := m.probe("server-0", "resolve", "nobody.example"); err == nil || !strings.Contains(out, "no such host") {
		t.Errorf("a name outside the cluster is answered with %q (%v)", out, err)
	}
	out, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	if inside := m.kubectl("-n", "machinetest", "exec", "server-0", "--", "/probe", "show", "/proc/self/uid_map"); inside == strings.TrimSpace(string(out)) {
		t.Errorf("the pod has the machine's user ids: %q", inside)
	}
	response, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://127.0.0.1:" + nodePort + "/")
	if err != nil {
		t.Fatalf("the node port does not answer: %v", err)
	}
	_ = response.Body.Close()
	if log := m.kubectl("-n", "machinetest", "logs", "server-0"); !strings.Contains(log, "serving") {
		t.Errorf("the log is %q", log)
	}
}

func confined(t *testing.T, m machine) {
	for _, args := range [][]string{
		{"dial", "tcp", "203.0.113.1:443"},             // the world
		{"dial", "udp", "203.0.113.1:53"},              //
		{"dial", "tcp", gateway(m) + ":80"},            // the machine's router
		{"dial", "udp", gateway(m) + ":53"},            //
		{"dial", "tcp", "10.203.255.254:80"},           // a service that does not exist
		{"dial", "tcp", layout.NodeAddress + ":16379"}, // etcd listens on 127.0.0.1 alone
	} {
		if out, err := m.probe("server-0", args...); err == nil {
			t.Errorf("%v succeeded: %q", args, out)
		}
	}
	out, err := m.probe("server-0", "get", "https://"+layout.NodeAddress+":16250/pods")
	if err != nil || !strings.Contains(out, "Unauthorized") {
		t.Errorf("the kubelet answers a pod with %q (%v), want a refusal", out, err)
	}
}

// gateway is the machine's router; where there is none, an address that is nobody's takes its place.
func gateway(m machine) string {
	fields := strings.Fields(m.command(time.Minute, "ip", "-4", "route", "list", "default"))
	if len(fields) > 2 {
		return fields[2]
	}
	return "203.0.113.2"
}
