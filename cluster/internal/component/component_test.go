package component

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kopr.dev/cluster/internal/layout"
)

func TestEveryComponentHasANameAProgramAndALimit(t *testing.T) {
	names := map[string]bool{}
	for _, spec := range NewNode("/bin-of-cluster").Specs() {
		if spec.Name == "" || names[spec.Name] || spec.Limit <= 0 || spec.Ready == nil {
			t.Errorf("the component %q is incomplete or there twice", spec.Name)
		}
		names[spec.Name] = true
		if spec.Program != filepath.Join("/bin-of-cluster", spec.Name) {
			t.Errorf("%s is run from %s", spec.Name, spec.Program)
		}
	}
	if len(names) != 9 {
		t.Errorf("there are %d components", len(names))
	}
}

func TestNothingListensForOtherMachinesButTheAPI(t *testing.T) {
	node := NewNode("/b")
	allowed := []string{"127.0.0.1", layout.NodeAddress}
	for _, spec := range node.Specs() {
		for _, arg := range spec.Args {
			if value, found := strings.CutPrefix(arg, "--bind-address="); found && spec.Name != "kube-apiserver" && !slices.Contains(allowed, value) {
				t.Errorf("%s listens at %s", spec.Name, value)
			}
			if value, found := strings.CutPrefix(arg, "--listen-client-urls="); found && !strings.HasPrefix(value, "https://127.0.0.1:") {
				t.Errorf("etcd listens at %s", value)
			}
		}
	}
	if address := node.kubeletConfig()["address"]; address != layout.NodeAddress {
		t.Errorf("the kubelet listens at %v", address)
	}
	if addresses, ok := proxyConfig()["nodePortAddresses"].([]string); !ok || !slices.Equal(addresses, []string{"127.0.0.0/8"}) {
		t.Errorf("node ports answer at %v", addresses)
	}
}

func TestConfigurationsHaveNoGaps(t *testing.T) {
	gap := regexp.MustCompile(`\{[a-z]+\}`)
	for name, text := range map[string]string{"containerd": NewNode("/b").containerdConfig(), "CoreDNS": corefile()} {
		if found := gap.FindString(text); found != "" {
			t.Errorf("%s: %s was not filled in", name, found)
		}
	}
	if strings.Contains(corefile(), "forward") {
		t.Error("the name service asks somebody else")
	}
}

func TestObjectsAreAppliedWhereTheyBelong(t *testing.T) {
	for _, entry := range objects() {
		metadata, ok := entry.Object["metadata"].(object)
		if !ok {
			t.Fatalf("%s has no metadata", entry.Path)
		}
		name, _ := metadata["name"].(string)
		if !strings.HasSuffix(entry.Path, "/"+name) {
			t.Errorf("%s is the path of %q", entry.Path, name)
		}
		version, _ := entry.Object["apiVersion"].(string)
		if !strings.HasPrefix(entry.Path, "/api/"+version+"/") && !strings.HasPrefix(entry.Path, "/apis/"+version+"/") {
			t.Errorf("%s is no path of %s", entry.Path, version)
		}
	}
}

func TestAFingerprintFollowsArgumentsAndFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a")
	spec := Spec{Program: "/p", Args: []string{"--x"}, Files: []string{path}}
	first := spec.Fingerprint()
	if spec.Fingerprint() != first {
		t.Error("it changes by itself")
	}
	write("b")
	second := spec.Fingerprint()
	spec.Args = []string{"--y"}
	if second == first || spec.Fingerprint() == second {
		t.Error("a change was not noticed")
	}
}

func TestAProbeSaysWhatIsNotReady(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("[+]ping ok\n[-]etcd failed: reason withheld\n[-]informer-sync failed\n"))
	}))
	defer server.Close()
	err := Probe{URL: server.URL}.Check(context.Background())
	if err == nil || !strings.Contains(err.Error(), "etcd, informer-sync") {
		t.Errorf("got %v, want the names of both", err)
	}
}

func TestTheKubeletConfigurationIsJSON(t *testing.T) {
	data, err := json.Marshal(NewNode("/b").kubeletConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"seccompDefault":true`, `"failCgroupV1":false`, `"resolvConf":""`, `"cgroupRoot":"/kopr-cluster"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is missing", want)
		}
	}
}
