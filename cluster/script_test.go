package cluster_test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kopr.dev/cluster/internal/image"
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
	for _, args := range [][]string{{"load", "go.mod"}, {"registry"}} {
		if got := w.mustFail(args...); !strings.Contains(got, "set KOPR_REGISTRY") {
			t.Errorf("the refusal of %v says %q, want the way out", args, got)
		}
	}
	if got := w.mustFail("node-address"); !strings.Contains(got, "KOPR_NODE_ADDRESS") {
		t.Errorf("the refusal says %q, want the way out", got)
	}
	w.fake("kubectl", `case "$*" in "version --client") echo "Client Version: v1.36.0" ;; *) echo refused >&2; exit 1 ;; esac`)
	if got := w.mustFail("up"); !strings.Contains(got, "/some/kubeconfig") || !strings.Contains(got, "refused") {
		t.Errorf("a cluster that does not answer: %q, want its kubeconfig and the reason", got)
	}
}

func TestNamesOfRegistries(t *testing.T) {
	cases := []struct {
		registry string
		right    bool
	}{
		{"registry.example.com", true},
		{"registry.example.com:5000/some-body/kopr_1", true},
		{"127.0.0.1:5000/kopr", true},
		{"https://registry.example.com/kopr", false},
		{"registry.example.com/", false},
		{"/kopr", false},
		{"registry.example.com//kopr", false},
		{"registry.example.com/../kopr", false},
		{"registry.example.com/kopr:1", false},
		{"registry.example.com/Kopr", false},
		{"registry.example.com/a b", false},
		{"--help", false},
	}
	for _, c := range cases {
		w := newWorld(t)
		w.environment = []string{"KUBECONFIG=/some/kubeconfig", "KOPR_REGISTRY=" + c.registry}
		if !c.right {
			if got := w.mustFail("registry"); !strings.Contains(got, c.registry) || !strings.Contains(got, "such as") {
				t.Errorf("%s: %q, want its name and an example", c.registry, got)
			}
		} else if got := w.mustRun("registry"); got != c.registry {
			t.Errorf("%s: got %q", c.registry, got)
		}
	}
	w := newWorld(t)
	w.fake("docker", "exit 127")
	w.environment = []string{"KOPR_REGISTRY=registry.example.com"}
	if got := w.mustRun("registry"); got != "localhost" {
		t.Errorf("a cluster that images are loaded into has them as %q", got)
	}
}

// startRegistry runs Debian's docker-registry and returns its host and port.
func startRegistry(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "version: 0.1\nlog: {level: error}\nhttp: {addr: '" + address + "'}\nstorage: {filesystem: {rootdirectory: '" + t.TempDir() + "'}}\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("docker-registry", "serve", config)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; 'make setup' installs docker-registry", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			_ = response.Body.Close()
			return address
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("the registry does not answer: %v: %s", err, said.String())
		}
	}
}

// writeImage writes an archive with an image of a program with that content.
func writeImage(t *testing.T, name, content string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := image.Write(&archive, name, program, "amd64"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAGivenClusterGetsImagesFromARegistry(t *testing.T) {
	w := newWorld(t)
	registry := startRegistry(t) + "/kopr"
	w.environment = []string{"KUBECONFIG=/some/kubeconfig", "KOPR_REGISTRY=" + registry}
	first, second := writeImage(t, "localhost/one:1", "one"), writeImage(t, "localhost/two/three:2", "two")
	got := w.mustRun("load", first, second)
	lines := strings.Split(got, "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "localhost/one:1 "+registry+"/one@sha256:") ||
		!strings.HasPrefix(lines[1], "localhost/two/three:2 "+registry+"/two/three@sha256:") {
		t.Fatalf("the answer is %q, want a line of the name and the reference of each image", got)
	}
	host, path, _ := strings.Cut(registry, "/")
	_, digest, _ := strings.Cut(lines[0], "@")
	for _, reference := range []string{"1", digest} {
		request, err := http.NewRequest(http.MethodHead, "http://"+host+"/v2/"+path+"/one/manifests/"+reference, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("the registry answers %s for %s", response.Status, reference)
		}
	}
	if again := w.mustRun("load", first, second); again != got {
		t.Errorf("pushed again, the images are %q instead of %q", again, got)
	}
	if changed := w.mustRun("load", writeImage(t, "localhost/one:1", "other")); changed == lines[0] {
		t.Errorf("other content under the same name has the same reference: %s", changed)
	}
	if got := w.mustFail("load", "go.mod"); !strings.Contains(got, "go.mod is no archive of images") {
		t.Errorf("a file that is no archive: %q", got)
	}
}

func TestARegistryThatRefusesIsNamed(t *testing.T) {
	w := newWorld(t)
	w.environment = []string{"KUBECONFIG=/some/kubeconfig", "KOPR_REGISTRY=127.0.0.1:1/kopr"}
	got := w.mustFail("load", writeImage(t, "localhost/one:1", "one"))
	if !strings.Contains(got, "127.0.0.1:1/kopr/one:1 could not be pushed") || !strings.Contains(got, "skopeo login 127.0.0.1:1") {
		t.Errorf("got %q, want the image and the way out", got)
	}
}

func TestTheCertificateOfARegistryElsewhereIsChecked(t *testing.T) {
	for registry, want := range map[string]string{
		"127.0.0.1:5000/kopr": "=false", "localhost/kopr": "=false", "registry.example.com/kopr": "=true",
		"localhost.example.com/kopr": "=true", "127.0.0.1.example.com/kopr": "=true",
	} {
		w := newWorld(t)
		w.fake("skopeo", `while [ "$1" != --digestfile ]; do shift; done; echo sha256:00 >"$2"`)
		w.environment = []string{"KUBECONFIG=/some/kubeconfig", "KOPR_REGISTRY=" + registry}
		w.mustRun("load", writeImage(t, "localhost/one:1", "one"))
		if got := w.calls(); !strings.Contains(got, "--dest-tls-verify"+want+" ") {
			t.Errorf("%s: skopeo was called so: %s, want%s", registry, got, want)
		}
	}
}

func TestAnArchiveOfDockerIsPushedByItsNames(t *testing.T) {
	w := newWorld(t)
	w.fake("skopeo", `while [ "$1" != --digestfile ]; do shift; done; echo sha256:00 >"$2"`)
	w.environment = []string{"KUBECONFIG=/some/kubeconfig", "KOPR_REGISTRY=registry.example.com/kopr"}
	directory := t.TempDir()
	manifest := `[{"Config":"a.json","RepoTags":["localhost/one:1"],"Layers":[]},{"Config":"b.json","RepoTags":["localhost/two:1"],"Layers":[]}]`
	if err := os.WriteFile(filepath.Join(directory, "manifest.json"), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(directory, "docker.tar")
	if output, err := exec.Command("tar", "-C", directory, "-cf", archive, "manifest.json").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	w.mustRun("load", archive)
	for _, name := range []string{"one:1", "two:1"} {
		if got := w.calls(); !strings.Contains(got, " docker-archive:"+archive+":localhost/"+name+" docker://registry.example.com/kopr/"+name+"\n") {
			t.Errorf("skopeo was called so: %s", got)
		}
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
