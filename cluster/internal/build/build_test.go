package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tree makes a source tree with the cluster's inputs, in small.
func tree(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":                         "module example.test/x\n\ngo 1.21\n",
		"go.sum":                         "",
		"cmd/kubernetes/main.go":         "package main\n\nvar version = \"none\"\n\nfunc main() { println(version) }\n",
		"cmd/pause/main.go":              "package main\n\nfunc main() {}\n",
		"internal/provisioner/x.go":      "package provisioner\n",
		"internal/provisionername/x.go":  "package provisionername\n",
		"internal/build/parts.go":        "package build\n",
		"internal/build/other.go":        "package build\n",
		"internal/provisioner/x_test.go": "package provisioner\n",
	} {
		path := filepath.Join(source, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return source
}

type lines struct {
	mutex sync.Mutex
	text  []string
}

func (l *lines) say(format string, args ...any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.text = append(l.text, fmt.Sprintf(format, args...))
}

var smallParts = []Part{
	{Name: "kubernetes", Package: "./cmd/kubernetes", LDFlags: []string{"-X main.version=v9"}, Links: []string{"kubectl", "etcd"},
		Sources: []string{"cmd/kubernetes", "internal/provisioner"}},
	{Name: "pause", Package: "./cmd/pause", Sources: []string{"cmd/pause"}},
}

func TestBuildsOnceAndKeepsTheProgramsOutsideTheTree(t *testing.T) {
	said := &lines{}
	builder := Builder{Parts: smallParts, Source: tree(t), Cache: t.TempDir(), Say: said.say}
	bin, err := builder.Bin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(bin, "kubectl")).CombinedOutput()
	if err != nil || string(out) != "v9\n" {
		t.Fatalf("the linked program said %q (%v), want its version", out, err)
	}
	if strings.HasPrefix(bin, builder.Source) {
		t.Fatalf("%s is inside the source tree", bin)
	}
	before := len(said.text)
	again, err := builder.Bin(context.Background())
	if err != nil || again != bin || len(said.text) != before {
		t.Fatalf("the second call built again: %v %s %v", said.text[before:], again, err)
	}
}

func TestABuildGoesOnWhereAKilledOneStopped(t *testing.T) {
	builder := Builder{Parts: smallParts, Source: tree(t), Cache: t.TempDir(), Say: (&lines{}).say}
	bin, err := builder.Bin(context.Background(), "kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(builder.Cache, "partial", "pause")
	if err := os.MkdirAll(filepath.Dir(left), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("half a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := missing(bin, smallParts); len(got) != 1 || got[0].Name != "pause" {
		t.Fatalf("missing are %v, want pause alone", got)
	}
	if _, err := builder.Bin(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(bin, "pause")).CombinedOutput(); err != nil {
		t.Fatalf("the program does not run: %v %s", err, out)
	}
}

func TestAFailureShowsWhatTheCompilerSaid(t *testing.T) {
	builder := Builder{Parts: smallParts, Source: tree(t), Cache: t.TempDir(), Say: (&lines{}).say}
	if err := os.WriteFile(filepath.Join(builder.Source, "cmd/pause/main.go"), []byte("package main\n\nfunc main() { undefinedName() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := builder.Bin(context.Background())
	if err == nil || !strings.Contains(err.Error(), "building pause") || !strings.Contains(err.Error(), "undefinedName") {
		t.Fatalf("got %v, want the part's name and the compiler's message", err)
	}
}

func TestTwoBuildsAtOnceBothGetTheirPrograms(t *testing.T) {
	builder := Builder{Parts: smallParts, Source: tree(t), Cache: t.TempDir(), Say: (&lines{}).say}
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := builder.Bin(context.Background())
			results <- err
		}()
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestAVersionFollowsWhatItsProgramIsMadeOf(t *testing.T) {
	flagged := []Part{smallParts[0], smallParts[1]}
	flagged[1].LDFlags = []string{"-X main.version=v10"}
	cases := []struct {
		name, file, goVersion string
		parts                 []Part
		changed               string // the parts whose version changes
	}{
		{name: "modules", file: "go.mod", changed: "kubernetes pause"},
		{name: "sums of modules", file: "go.sum", changed: "kubernetes pause"},
		{name: "the Go release", goVersion: "go1.99", changed: "kubernetes pause"},
		{name: "a program's source", file: "cmd/kubernetes/main.go", changed: "kubernetes"},
		{name: "a package of it", file: "internal/provisioner/x.go", changed: "kubernetes"},
		{name: "a test of that", file: "internal/provisioner/x_test.go"},
		{name: "another package", file: "internal/build/other.go"},
		{name: "a flag", parts: flagged, changed: "pause"},
	}
	for _, c := range cases {
		source, goVersion, parts := tree(t), "go1.26", smallParts
		before, setBefore, err := versions(source, goVersion, parts)
		if err != nil {
			t.Fatal(err)
		}
		if c.goVersion != "" {
			goVersion = c.goVersion
		}
		if c.parts != nil {
			parts = c.parts
		}
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(source, c.file), []byte("changed"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		after, setAfter, err := versions(source, goVersion, parts)
		var changed []string
		for _, part := range parts {
			if before[part.Name] != after[part.Name] {
				changed = append(changed, part.Name)
			}
		}
		if err != nil || strings.Join(changed, " ") != c.changed || (setBefore != setAfter) != (c.changed != "") {
			t.Errorf("%s: %v have changed (%v), want %q; the set from %s to %s", c.name, changed, err, c.changed, setBefore, setAfter)
		}
	}
}

func TestAChangeOfOneProgramBuildsThatOne(t *testing.T) {
	said := &lines{}
	builder := Builder{Parts: smallParts, Source: tree(t), Cache: t.TempDir(), Say: said.say}
	former, err := builder.Bin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	before := len(said.text)
	if err := os.WriteFile(filepath.Join(builder.Source, "cmd/pause/main.go"), []byte("package main\n\nfunc main() { println(2) }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	bin, err := builder.Bin(context.Background())
	if err != nil || bin == former {
		t.Fatalf("the programs are in %s, as before (%v)", bin, err)
	}
	if told := strings.Join(said.text[before:], "\n"); !strings.Contains(told, "building 1 of the cluster's 2 programs") {
		t.Errorf("it said %q", told)
	}
	for name, want := range map[string]string{"pause": "2\n", "kubectl": "v9\n"} {
		if out, err := exec.Command(filepath.Join(bin, name)).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s said %q (%v)", name, out, err)
		}
	}
}

func TestFlagsCarryTheVersionsOfGoMod(t *testing.T) {
	modules, err := moduleVersions("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range Parts {
		for _, arg := range part.args("out", modules) {
			if strings.ContainsAny(arg, "{}") {
				t.Errorf("%s: a version is missing in %q", part.Name, arg)
			}
		}
	}
	if got := expand("x={a.b/c} y={a.b/c minor}", map[string]string{"a.b/c": "v1.36.3"}); got != "x=v1.36.3 y=36" {
		t.Errorf("got %q", got)
	}
}

func TestProgressTellsCompiledPackagesFromMessages(t *testing.T) {
	p := newProgress((&lines{}).say, "x", 10)
	for _, chunk := range []string{"go: downloading a.b/c v1\nfm", "t\nnet/http\n# a.b/c\na.go:1:2: bad\n"} {
		if _, err := p.Write([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
	}
	if p.count() != 2 || p.downloads != 1 || !strings.Contains(p.rest(), "a.go:1:2: bad") {
		t.Fatalf("got %d packages, %d downloads, rest %q", p.count(), p.downloads, p.rest())
	}
	if !strings.Contains(p.state(), "2 packages compiled (of at most 10)") {
		t.Fatalf("got %q", p.state())
	}
}

func TestAChoiceKeepsTheOrderOfParts(t *testing.T) {
	got := choose(Parts, []string{"pause", Kubernetes})
	if len(got) != 2 || got[0].Name != Kubernetes || got[1].Name != "pause" || len(choose(Parts, nil)) != len(Parts) {
		t.Fatalf("got %v", got)
	}
}
