package envtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakePrograms makes a directory with an etcd and a kube-apiserver that do what the script says.
func fakePrograms(t *testing.T, script string) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func TestADirectoryWithSomethingInItIsRefused(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "etcd")
	if err := os.WriteFile(precious, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := Run(context.Background(), fakePrograms(t, "exit 1"), dir, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "not empty") {
		t.Fatalf("got %v, want a refusal that names the directory", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Fatalf("a file of somebody else is gone: %v", err)
	}
}

func TestWhatAKilledRunHasLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{marker, "kubeconfig"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if created, err := prepare(dir); err != nil || created {
		t.Fatalf("created %v, error %v", created, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kubeconfig")); err == nil {
		t.Fatal("the old kubeconfig is still there")
	}
}

func TestAProgramThatEndsIsNamedWithItsLastWords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	var out bytes.Buffer
	err := Run(context.Background(), fakePrograms(t, "echo the disk is full >&2; exit 3"), dir, &out)
	if err == nil || !strings.Contains(err.Error(), "etcd") || !strings.Contains(err.Error(), "the disk is full") {
		t.Fatalf("got %v, want etcd's name and its last words", err)
	}
	if _, statErr := os.Stat(dir); statErr == nil || out.Len() > 0 {
		t.Fatalf("the directory is left (%v), or a kubeconfig was printed: %q", statErr, out.String())
	}
}

func TestAnInterruptedStartEndsAtOnceAndCleansUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := Run(ctx, fakePrograms(t, "exec sleep 60"), dir, &bytes.Buffer{}); err != nil {
		t.Fatalf("an interruption is no error, got %v", err)
	}
	if _, err := os.Stat(dir); err == nil || time.Since(start) > 5*time.Second {
		t.Fatalf("the directory is left (%v) after %s", err, time.Since(start))
	}
}

func TestFreePortsAreDifferent(t *testing.T) {
	ports, err := freePorts(3)
	if err != nil || ports[0] == ports[1] || ports[1] == ports[2] || ports[0] == ports[2] {
		t.Fatalf("got %v %v", ports, err)
	}
}
