package cluster

import (
	"net"
	"path/filepath"
	"testing"
)

func TestOnlyASocketNobodyListensAtIsDead(t *testing.T) {
	dir := t.TempDir()
	alive, abandoned := filepath.Join(dir, "alive"), filepath.Join(dir, "abandoned")
	listener, err := net.Listen("unix", alive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	gone, err := net.ListenUnix("unix", &net.UnixAddr{Name: abandoned, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	gone.SetUnlinkOnClose(false)
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{alive: false, abandoned: true, filepath.Join(dir, "missing"): false} {
		if got := dead(path); got != want {
			t.Errorf("%s: dead is %v, want %v", filepath.Base(path), got, want)
		}
	}
}
