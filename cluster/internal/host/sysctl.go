package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"kopr.dev/cluster/internal/atomicfile"
	"kopr.dev/cluster/internal/proc"
)

// wanted are the kernel settings the cluster needs.
var wanted = map[string]string{
	"net/ipv4/ip_forward":                "1",
	"net/ipv4/conf/all/route_localnet":   "1", // node ports answer on 127.0.0.1
	"net/bridge/bridge-nf-call-iptables": "1", // services answer to pods on the same bridge
}

// raised are limits that are only ever raised: a node's pods need more of these than a machine without pods.
var raised = map[string]int{
	"fs/inotify/max_user_instances": 1024,
	"fs/inotify/max_user_watches":   524288,
}

// changedByOthers are the settings the kubelet and kube-proxy change by themselves.
var changedByOthers = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	"net/bridge/bridge-nf-call-ip6tables", "net/ipv4/vs/conntrack",
}

// saved is what the settings were before the cluster came.
type saved struct {
	Boot   string            `json:"boot"`
	Values map[string]string `json:"values"`
}

// Sysctls changes kernel settings and remembers what they were.
type Sysctls struct {
	Root string // /proc/sys, or a test's folder
	File string // where the former values are kept
}

// Apply saves the settings, unless that was done since the last boot, and changes them.
func (s Sysctls) Apply() error {
	if err := s.save(); err != nil {
		return err
	}
	for name, value := range wanted {
		if err := s.write(name, value); err != nil {
			return fmt.Errorf("setting the kernel's %s: %w", strings.ReplaceAll(name, "/", "."), err)
		}
	}
	for name, least := range raised {
		if now, err := strconv.Atoi(s.read(name)); err == nil && now < least {
			_ = s.write(name, strconv.Itoa(least)) // not writable in every container, and not needed by every use
		}
	}
	return nil
}

func (s Sysctls) save() error {
	boot, err := proc.BootID()
	if err != nil {
		return err
	}
	if former, err := s.load(); err == nil && former.Boot == boot {
		return nil
	}
	now := saved{Boot: boot, Values: map[string]string{}}
	names := changedByOthers
	for name := range wanted {
		names = append(names, name)
	}
	for name := range raised {
		names = append(names, name)
	}
	for _, name := range names {
		if value := s.read(name); value != "" {
			now.Values[name] = value
		}
	}
	data, err := json.MarshalIndent(now, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(s.File, append(data, '\n'), 0o644)
}

func (s Sysctls) load() (saved, error) {
	var former saved
	data, err := os.ReadFile(s.File)
	if err != nil {
		return former, err
	}
	return former, json.Unmarshal(data, &former)
}

// ForwardedBefore says whether the machine was a router before the cluster came.
func (s Sysctls) ForwardedBefore() bool {
	former, err := s.load()
	return err == nil && former.Values["net/ipv4/ip_forward"] == "1"
}

// Restore puts the settings back and forgets them. After a boot there is nothing to put back.
func (s Sysctls) Restore() error {
	former, err := s.load()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	boot, bootErr := proc.BootID()
	if err := errors.Join(err, bootErr); err != nil {
		return err
	}
	var failed error
	if former.Boot == boot {
		for name, value := range former.Values {
			if s.read(name) != value {
				failed = errors.Join(failed, s.write(name, value))
			}
		}
	}
	return errors.Join(failed, os.Remove(s.File))
}

func (s Sysctls) read(name string) string {
	data, _ := os.ReadFile(filepath.Join(s.Root, name))
	return strings.TrimSpace(string(data))
}

func (s Sysctls) write(name, value string) error {
	if s.read(name) == value {
		return nil
	}
	return os.WriteFile(filepath.Join(s.Root, name), []byte(value), 0o644)
}
