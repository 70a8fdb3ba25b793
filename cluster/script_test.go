package cluster_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The scripts are run as they are, with a PATH on which docker, kind, kubectl and helm are small fakes that write down how they
// were called. There is no Docker where this is developed, so this is all the checking the kind path gets there.

// world is a machine as cluster.sh sees it.
type world struct {
	t           *testing.T
	bin, cache  string
	environment []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, bin: t.TempDir(), cache: t.TempDir()}
	w.fake("kubectl", `case "$*" in "version --client") echo "Client Version: v1.36.0" ;; *) echo ok ;; esac`)
	w.fake("helm", `echo v3.20.0`)
	return w
}

// fake puts a command on the PATH that notes its arguments and then does what the script says.
func (w *world) fake(name, script string) {
	w.t.Helper()
	text := "#!/bin/sh\necho \"" + name + " $*\" >>'" + filepath.Join(w.cache, "calls") + "'\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(w.bin, name), []byte(text), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

// docker makes an engine answer, and kind know the clusters.
func (w *world) docker(clusters string) {
	w.fake("docker", `case "$1" in network) printf 'fc00::1\n172.18.0.1\n' ;; esac`)
	w.fake("kind", `case "$*" in "get clusters") printf '`+clusters+`' ;; create*) : >'`+w.kindConfig()+`' ;; esac`)
}

func (w *world) kindConfig() string { return filepath.Join(w.cache, "kind", "kubeconfig") }

// run calls cluster.sh and returns what it prints on both outputs.
func (w *world) run(args ...string) (stdout, stderr string, err error) {
	w.t.Helper()
	cmd := exec.Command("./cluster.sh", args...)
	cmd.Env = append([]string{"PATH=" + w.bin + ":/usr/bin:/bin", "HOME=/nonexistent", "KOPR_CACHE=" + w.cache}, w.environment...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	err = cmd.Run()
	return strings.TrimSpace(out.String()), errors.String(), err
}

// mustRun returns the answer of a command that has to work.
func (w *world) mustRun(args ...string) string {
	w.t.Helper()
	stdout, stderr, err := w.run(args...)
	if err != nil {
		w.t.Fatalf("%v: %v: %s", args, err, stderr)
	}
	return stdout
}

// mustFail returns the message of a command that has to be refused.
func (w *world) mustFail(args ...string) string {
	w.t.Helper()
	stdout, stderr, err := w.run(args...)
	if err == nil || stdout != "" {
		w.t.Fatalf("%v was not refused: %q %q", args, stdout, stderr)
	}
	return stderr
}

func (w *world) calls() string {
	data, _ := os.ReadFile(filepath.Join(w.cache, "calls"))
	return string(data)
}

func TestTheChoiceOfTheCluster(t *testing.T) {
	cases := []struct {
		name       string
		docker     string // what the fake docker does; empty for none on the PATH
		kubeconfig string
		want       string
	}{
		{name: "nothing at all", want: "embedded"},
		{name: "a docker client without an engine", docker: "exit 1", want: "embedded"},
		{name: "a docker engine", docker: "exit 0", want: "kind"},
		{name: "KUBECONFIG", kubeconfig: "/some/kubeconfig", want: "given"},
		{name: "KUBECONFIG before docker", docker: "exit 0", kubeconfig: "/some/kubeconfig", want: "given"},
	}
	for _, c := range cases {
		w := newWorld(t)
		// Without a fake of its own the PATH might have a true one.
		script := c.docker
		if script == "" {
			script = "exit 127"
		}
		w.fake("docker", script)
		w.environment = []string{"KUBECONFIG=" + c.kubeconfig}
		if got := w.mustRun("which"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAGivenClusterIsAskedAndLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.environment = []string{"KUBECONFIG=/some/kubeconfig"}
	w.mustRun("up")
	w.mustRun("down")
	if got := w.calls(); !strings.Contains(got, "get --raw /readyz") || strings.Contains(got, "delete") {
		t.Errorf("kubectl was called so: %s", got)
	}
	if got := w.mustRun("kubeconfig"); got != "/some/kubeconfig" {
		t.Errorf("the kubeconfig is %q", got)
	}
	if got := w.mustRun("values"); got != "" {
		t.Errorf("the values are %q, want none", got)
	}
	if got := w.mustFail("load", "go.mod"); !strings.Contains(got, "registry") {
		t.Errorf("the refusal to load says %q, want the way out", got)
	}
	if got := w.mustFail("node-address"); !strings.Contains(got, "KOPR_NODE_ADDRESS") {
		t.Errorf("the refusal says %q, want the way out", got)
	}
	w.fake("kubectl", `case "$*" in "version --client") echo "Client Version: v1.36.0" ;; *) echo refused >&2; exit 1 ;; esac`)
	if got := w.mustFail("up"); !strings.Contains(got, "/some/kubeconfig") || !strings.Contains(got, "refused") {
		t.Errorf("a cluster that does not answer: %q, want its kubeconfig and the reason", got)
	}
}

func TestAKindClusterIsMadeOnceAndGetsTheImages(t *testing.T) {
	w := newWorld(t)
	w.docker("")
	w.mustRun("up")
	if got := w.calls(); !strings.Contains(got, "kind create cluster --name kopr --config") {
		t.Fatalf("kind was called so: %s", got)
	}
	if got := w.mustRun("kubeconfig"); got != w.kindConfig() {
		t.Errorf("the kubeconfig is %q, want %q", got, w.kindConfig())
	}
	w.docker("other\\nkopr\\n")
	w.mustRun("up")
	if got := strings.Count(w.calls(), "kind create"); got != 1 {
		t.Errorf("the cluster was made %d times", got)
	}
	w.mustRun("load", "go.mod", "go.sum")
	if got := w.calls(); !strings.Contains(got, "kind load image-archive go.mod --name kopr\n") || !strings.Contains(got, "image-archive go.sum") {
		t.Errorf("kind was called so: %s", got)
	}
	if got := w.mustRun("node-address"); got != "172.18.0.1" {
		t.Errorf("the node's address is %q", got)
	}
	if got := w.mustRun("values"); !strings.HasSuffix(got, "/cluster/kind/values.yaml") {
		t.Errorf("the values are %q", got)
	}
	w.environment = []string{"KUBECONFIG=" + w.kindConfig()}
	if got := w.mustRun("which"); got != "kind" {
		t.Errorf("with its own kubeconfig the cluster is %q", got)
	}
	w.mustRun("down")
	if got := w.calls(); !strings.Contains(got, "kind delete cluster --name kopr") {
		t.Errorf("kind was called so: %s", got)
	}
	if got := w.mustFail("load", "nowhere.tar"); !strings.Contains(got, "nowhere.tar") {
		t.Errorf("a missing archive: %q", got)
	}
}

func TestAKindClusterOfAnotherCheckoutIsNotTouched(t *testing.T) {
	w := newWorld(t)
	w.docker("kopr\\n")
	other := filepath.Join(t.TempDir(), "cluster")
	for path, content := range map[string]string{filepath.Join(w.cache, "kind", "owner"): other, filepath.Join(other, "x"): ""} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{"up", "down"} {
		if got := w.mustFail(command); !strings.Contains(got, filepath.Dir(other)) || !strings.Contains(got, "make down") {
			t.Errorf("%s: %q, want the owner and the remedy", command, got)
		}
	}
	if err := os.RemoveAll(other); err != nil {
		t.Fatal(err)
	}
	w.mustRun("down")
}

func TestToolsOfThePathAreTakenWhenTheyAreNewEnough(t *testing.T) {
	w := newWorld(t)
	w.environment = []string{"KUBECONFIG=/some/kubeconfig"}
	dir := w.mustRun("bin")
	for _, name := range []string{"kubectl", "helm"} {
		if target, err := os.Readlink(filepath.Join(dir, name)); err != nil || target != filepath.Join(w.bin, name) {
			t.Errorf("%s leads to %q (%v)", name, target, err)
		}
	}
}

func TestTheKindConfigPublishesThePortTheValuesName(t *testing.T) {
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	config, values := read("kind/config.yaml"), read("kind/values.yaml")
	_, port, found := strings.Cut(values, "nodePort: ")
	port = strings.TrimSpace(port)
	if !found || !strings.Contains(config, "containerPort: "+port+"\n") || !strings.Contains(config, "hostPort: "+port+"\n") {
		t.Errorf("the values name port %q, which the configuration does not publish", port)
	}
	if !strings.Contains(config, "listenAddress: 127.0.0.1") {
		t.Error("the port is not published on 127.0.0.1 alone")
	}
}

func TestAWrongCallIsAnsweredWithTheWayOut(t *testing.T) {
	w := newWorld(t)
	if got := w.mustFail("restore"); !strings.Contains(got, "restore") || !strings.Contains(got, "help") {
		t.Errorf("got %q", got)
	}
	if got := w.mustFail(); !strings.Contains(got, "usage:") {
		t.Errorf("got %q", got)
	}
	if got := w.mustFail("isolated"); !strings.Contains(got, "name a command") {
		t.Errorf("got %q", got)
	}
	if got := w.mustRun("help"); !strings.Contains(got, "usage:") || !strings.Contains(got, w.cache) {
		t.Errorf("got %q", got)
	}
}
