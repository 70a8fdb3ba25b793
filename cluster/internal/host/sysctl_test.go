package host

import (
	"os"
	"path/filepath"
	"testing"
)

func kernel(t *testing.T) Sysctls {
	t.Helper()
	root := t.TempDir()
	for name, value := range map[string]string{
		"net/ipv4/ip_forward": "0", "net/ipv4/conf/all/route_localnet": "0", "net/bridge/bridge-nf-call-iptables": "1",
		"fs/inotify/max_user_instances": "128", "fs/inotify/max_user_watches": "1000000", "kernel/panic": "0",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Sysctls{Root: root, File: filepath.Join(t.TempDir(), "sysctl.json")}
}

func check(t *testing.T, s Sysctls, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := s.read(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

func TestSettingsAreChangedAndPutBack(t *testing.T) {
	s := kernel(t)
	// The second call is that of an up after everything was killed: it must not take the cluster's values for the machine's.
	for range 2 {
		if err := s.Apply(); err != nil {
			t.Fatal(err)
		}
	}
	if s.ForwardedBefore() {
		t.Error("the machine is taken for a router")
	}
	check(t, s, map[string]string{"net/ipv4/ip_forward": "1", "fs/inotify/max_user_instances": "1024", "fs/inotify/max_user_watches": "1000000"})
	if err := s.write("kernel/panic", "10"); err != nil { // as the kubelet does
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Restore(); err != nil {
			t.Fatal(err)
		}
	}
	check(t, s, map[string]string{"net/ipv4/ip_forward": "0", "fs/inotify/max_user_instances": "128", "kernel/panic": "0"})
}

func TestValuesOfAnEarlierBootAreNotPutBack(t *testing.T) {
	s := kernel(t)
	if err := os.WriteFile(s.File, []byte(`{"boot":"earlier","values":{"kernel/panic":"99"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(); err != nil {
		t.Fatal(err)
	}
	check(t, s, map[string]string{"kernel/panic": "0"})
}

func TestASettingThatCannotBeMadeIsNamed(t *testing.T) {
	s := kernel(t)
	if err := os.RemoveAll(filepath.Join(s.Root, "net/bridge")); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(); err == nil {
		t.Fatal("a kernel without bridge filtering was taken")
	}
}
