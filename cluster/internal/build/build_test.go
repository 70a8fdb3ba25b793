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
	{Name: "kubernetes", Package: "./cmd/kubernetes", LDFlags: []string{"-X main.version=v9"}, Links: []string{"kubectl", "etcd"}},
	{Name: "pause", Package: "./cmd/pause"},
}

func TestBuildsOnceAndKeepsTheProgramsOutsideTheTree(t *testing.T) {
	said := &lines{}
	builder := Builder{Source: tree(t), Cache: t.TempDir(), Say: said.say}
	bin, err := builder.Bin(context.Background(), smallParts)
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
	again, err := builder.Bin(context.Background(), smallParts)
	if err != nil || again != bin || len(said.text) != before {
		t.Fatalf("the second call built again: %v %s %v", said.text[before:], again, err)
	}
}

func TestABuildGoesOnWhereAKilledOneStopped(t *testing.T) {
	builder := Builder{Source: tree(t), Cache: t.TempDir(), Say: (&lines{}).say}
	bin, err := builder.Bin(context.Background(), smallParts[:1])
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(filepath.Dir(bin), "partial", "pause")
	if err := os.MkdirAll(filepath.Dir(left), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("half a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := missing(bin, smallParts); len(got) != 1 || got[0].Name != "pause" {
		t.Fatalf("missing are %v, want pause alone", got)
	}
	if _, err := builder.Bin(context.Background(), smallParts); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(bin, "pause")).CombinedOutput(); err != nil {
		t.Fatalf("the program does not run: %v %s", err, out)
	}
}

func TestAFailureShowsWhatTheCompilerSaid(t *testing.T) {
	builder := Builder{Source: tree(t), Cache: t.TempDir(), Say: (&lines{}).say}
	if err := os.WriteFile(filepath.Join(builder.Source, "cmd/pause/main.go"), []byte("package main\n\nfunc main() { undefinedName() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := builder.Bin(context.Background(), smallParts)
	if err == nil || !strings.Contains(err.Error(), "building pause") || !strings.Contains(err.Error(), "undefinedName") {
		t.Fatalf("got %v, want the part's name and the compiler's message", err)
	}
}

func TestTwoBuildsAtOnceBothGetTheirPrograms(t *testing.T) {
	builder := Builder{Source: tree(t), Cache: t.TempDir(), Say: (&lines{}).say}
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := builder.Bin(context.Background(), smallParts)
			results <- err
		}()
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestTheVersionFollowsWhatProgramsAreMadeOf(t *testing.T) {
	cases := []struct {
		file, goVersion string
		changes         bool
	}{
		{file: "go.mod", changes: true},
		{file: "go.sum", changes: true},
		{file: "cmd/kubernetes/main.go", changes: true},
		{file: "internal/build/parts.go", changes: true},
		{file: "internal/build/other.go", changes: false},
		{file: "internal/provisioner/x_test.go", changes: false},
		{goVersion: "go1.99", changes: true},
	}
	for _, c := range cases {
		source := tree(t)
		before, err := Version(source, "go1.26")
		if err != nil {
			t.Fatal(err)
		}
		goVersion := "go1.26"
		if c.goVersion != "" {
			goVersion = c.goVersion
		}
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(source, c.file), []byte("changed"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		after, err := Version(source, goVersion)
		if err != nil || (before != after) != c.changes {
			t.Errorf("changing %q %q: from %s to %s (%v), want a change: %v", c.file, c.goVersion, before, after, err, c.changes)
		}
	}
}

func TestFlagsCarryTheVersionsOfGoMod(t *testing.T) {
	versions, err := moduleVersions("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range Parts {
		for _, arg := range part.args("out", versions) {
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

func TestSelectKeepsTheOrderOfParts(t *testing.T) {
	got := Select("pause", Kubernetes)
	if len(got) != 2 || got[0].Name != Kubernetes || got[1].Name != "pause" || len(Select()) != len(Parts) {
		t.Fatalf("got %v", got)
	}
}
