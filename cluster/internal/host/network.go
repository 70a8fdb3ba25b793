package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"kopr.dev/cluster/internal/layout"
)

// EnsureNetwork gives the machine the node's address, the pods' bridge, and the routes that keep the cluster's packets here.
// Everything in it may be there already.
func EnsureNetwork(ctx context.Context) error {
	if _, err := os.Stat("/proc/sys/net/bridge"); err != nil {
		// Built in or loaded already in most places, and absent from containers; the setting made later tells.
		_, _ = output(ctx, "", "modprobe", "br_netfilter")
	}
	if !exists(layout.Bridge) {
		if _, err := output(ctx, "", "ip", "link", "add", layout.Bridge, "type", "bridge"); err != nil {
			return fmt.Errorf("making the pods' bridge: %w", err)
		}
	}
	ipv6 := "/proc/sys/net/ipv6/conf/" + layout.Bridge + "/disable_ipv6"
	if _, err := os.Stat(ipv6); err == nil {
		if err := os.WriteFile(ipv6, []byte("1"), 0o644); err != nil {
			return fmt.Errorf("turning off IPv6 on the pods' bridge: %w", err)
		}
	}
	steps := [][]string{
		{"address", "replace", layout.NodeAddress + "/32", "dev", "lo"},
		{"address", "replace", layout.BridgeAddress + "/16", "dev", layout.Bridge},
		{"link", "set", layout.Bridge, "up"},
		// Host programs reach services through kube-proxy, which changes the destination after this route was chosen. What it
		// does not change ends on the bridge; and when the bridge is gone, at the fallbacks with the high metric.
		{"route", "replace", layout.ServiceCIDR, "dev", layout.Bridge, "src", layout.BridgeAddress},
		{"route", "replace", "unreachable", layout.ServiceCIDR, "metric", "4096"},
		{"route", "replace", "unreachable", layout.PodCIDR, "metric", "4096"},
		// What comes from a pod is for the machine itself (the table "local" comes first) or for another pod, or for nobody.
		{"route", "replace", layout.PodCIDR, "dev", layout.Bridge, "table", layout.RoutingTable},
		{"route", "replace", "unreachable", "default", "table", layout.RoutingTable},
	}
	for _, step := range steps {
		if _, err := output(ctx, "", "ip", step...); err != nil {
			return fmt.Errorf("preparing the cluster's network: %w", err)
		}
	}
	rules, err := output(ctx, "", "ip", "rule", "list", "pref", layout.RulePreference)
	if err != nil {
		return err
	}
	if strings.TrimSpace(rules) == "" {
		_, err = output(ctx, "", "ip", "rule", "add", "pref", layout.RulePreference, "iif", layout.Bridge, "lookup", layout.RoutingTable)
	}
	return err
}

// RemoveNetwork undoes EnsureNetwork and removes what pods have left on the bridge.
func RemoveNetwork(ctx context.Context) error {
	var failed error
	if exists(layout.Bridge) {
		ports, err := output(ctx, "", "ip", "-brief", "link", "show", "master", layout.Bridge)
		failed = errors.Join(failed, err)
		_, err = output(ctx, "", "ip", "link", "delete", layout.Bridge)
		failed = errors.Join(failed, err)
		for _, port := range portNames(ports) {
			failed = errors.Join(failed, removeLink(ctx, port))
		}
	}
	for _, step := range [][]string{
		{"rule", "delete", "pref", layout.RulePreference},
		{"route", "flush", "table", layout.RoutingTable},
		{"route", "delete", "unreachable", layout.ServiceCIDR, "metric", "4096"},
		{"route", "delete", "unreachable", layout.PodCIDR, "metric", "4096"},
		{"address", "delete", layout.NodeAddress + "/32", "dev", "lo"},
	} {
		// Each of them may be gone. What is not is found by the next up, which makes all of them anew.
		_, _ = output(ctx, "", "ip", step...)
	}
	return failed
}

// removeLink waits for a pod's interface to go with its namespace, and helps when it does not.
func removeLink(ctx context.Context, name string) error {
	for range 20 {
		if !exists(name) {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	_, err := output(ctx, "", "ip", "link", "delete", name)
	if !exists(name) {
		return nil
	}
	return err
}

// exists asks the kernel, not /sys, which may be that of another network namespace.
func exists(link string) bool {
	_, err := net.InterfaceByName(link)
	return err == nil
}

// portNames are the names in a brief listing of interfaces, without what they are paired with.
func portNames(listing string) []string {
	var names []string
	for line := range strings.Lines(listing) {
		if fields := strings.Fields(line); len(fields) > 0 {
			name, _, _ := strings.Cut(fields[0], "@")
			names = append(names, name)
		}
	}
	return names
}

// CheckRanges refuses when the machine already has routes into the cluster's address ranges: its packets would go astray.
func CheckRanges(ctx context.Context) error {
	routes, err := output(ctx, "", "ip", "-4", "route", "list", "table", "all")
	if err != nil {
		return err
	}
	if route := overlapping(routes); route != "" {
		return fmt.Errorf("the embedded cluster's addresses (%s, %s, %s) are in use on this machine by the route %q; "+
			"set KUBECONFIG to use another cluster", layout.NodeAddress, layout.PodCIDR, layout.ServiceCIDR, route)
	}
	return nil
}

// overlapping returns the first route that meets the cluster's ranges and is neither a default route nor one of the cluster's own.
func overlapping(routes string) string {
	var ranges []netip.Prefix
	for _, text := range []string{layout.NodeAddress + "/32", layout.PodCIDR, layout.ServiceCIDR} {
		ranges = append(ranges, netip.MustParsePrefix(text))
	}
	for line := range strings.Lines(routes) {
		fields := strings.Fields(line)
		if own(line) || len(fields) == 0 {
			continue
		}
		for _, field := range fields[:min(2, len(fields))] {
			prefix, err := netip.ParsePrefix(field)
			if address, addressErr := netip.ParseAddr(field); addressErr == nil {
				prefix, err = address.Prefix(address.BitLen())
			}
			if err != nil || prefix.Bits() < 8 {
				continue // a word such as "local", or a default route in disguise
			}
			for _, r := range ranges {
				if r.Overlaps(prefix) {
					return strings.TrimSpace(line)
				}
			}
		}
	}
	return ""
}

func own(route string) bool {
	return strings.Contains(route, "dev "+layout.Bridge) ||
		strings.Contains(route, "table "+layout.RoutingTable) ||
		strings.Contains(route, "metric 4096") ||
		strings.HasPrefix(route, "local "+layout.NodeAddress+" dev lo")
}
