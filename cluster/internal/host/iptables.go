package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"kopr.dev/cluster/internal/layout"
)

// families are the two programs that keep packet filter rules.
var families = []string{"iptables", "ip6tables"}

// filterRules keep the packets of pods on the machine and those of other machines away from the cluster. They are the second
// fence: the first is that packets from the pods' bridge are routed by a table that knows no way out.
// kube-proxy puts its chains in front of these, which is why they are not the only fence.
// former are the commands that take away the jumps an earlier call has put in.
func filterRules(family string, forwardOnlyHere bool, former []string) string {
	rules := []string{
		"-A KOPR-FORWARD -i {bridge} -o {bridge} -j ACCEPT",
		"-A KOPR-FORWARD -i {bridge} -j REJECT",
		"-A KOPR-FORWARD -o {bridge} -j REJECT",
		// Services without a backend, which kube-proxy did not redirect.
		"-A KOPR-OUTPUT -d {services} -j REJECT",
		"-A KOPR-INPUT -i lo -j RETURN",
		// Answers to this machine's own programs, which a node port makes come from an address of its own.
		"-A KOPR-INPUT -i {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
		"-A KOPR-INPUT -i {bridge} -d {node} -j ACCEPT",
		"-A KOPR-INPUT -i {bridge} -d {gateway} -j ACCEPT",
		"-A KOPR-INPUT -i {bridge} -j REJECT",
		// From here on: packets that came in from other machines.
		"-A KOPR-INPUT -d {node} -j DROP",
		"-A KOPR-INPUT -d {pods} -j DROP",
		"-A KOPR-INPUT -d {services} -j DROP",
		"-A KOPR-INPUT -p tcp --dport {api} -j DROP",
	}
	if family == "ip6tables" {
		// Pods have no IPv6 addresses but the ones they may give themselves.
		rules = []string{
			"-A KOPR-FORWARD -i {bridge} -j REJECT",
			"-A KOPR-FORWARD -o {bridge} -j REJECT",
			"-A KOPR-INPUT -i lo -j RETURN",
			"-A KOPR-INPUT -i {bridge} -j REJECT",
			"-A KOPR-INPUT -p tcp --dport {api} -j DROP",
		}
	} else if forwardOnlyHere {
		// The machine was no router before the cluster made it forward packets; it is to stay none.
		rules = append(rules, "-A KOPR-FORWARD -j DROP")
	}
	text := "*filter\n:KOPR-FORWARD - [0:0]\n:KOPR-INPUT - [0:0]\n:KOPR-OUTPUT - [0:0]\n" + strings.Join(append(rules, former...), "\n") + "\n" +
		"-I FORWARD -j KOPR-FORWARD\n-I INPUT -j KOPR-INPUT\n-I OUTPUT -j KOPR-OUTPUT\nCOMMIT\n"
	return strings.NewReplacer(
		"{bridge}", layout.Bridge, "{node}", layout.NodeAddress, "{gateway}", layout.BridgeAddress,
		"{pods}", layout.PodCIDR, "{services}", layout.ServiceCIDR, "{api}", fmt.Sprint(layout.APIPort),
	).Replace(text)
}

// EnsureFilter puts the cluster's own chains in place, anew if they are there.
func EnsureFilter(ctx context.Context, forwardOnlyHere bool) error {
	for _, family := range families {
		if !available(ctx, family) {
			continue
		}
		dump, err := output(ctx, "", family+"-save", "-t", "filter")
		if err != nil {
			return err
		}
		// One transaction, in which naming a chain empties it: at no moment are the old rules gone and the new ones not there.
		_, _, former := parseTable(dump, []string{"KOPR-"})
		if _, err := output(ctx, filterRules(family, forwardOnlyHere, former), family+"-restore", "--noflush", "-w", "10"); err != nil {
			return fmt.Errorf("putting the cluster's packet filter in place: %w", err)
		}
	}
	return nil
}

// RemoveFilters removes the chains of the cluster, of its kube-proxy and its kubelet, and every rule that leads to them.
func RemoveFilters(ctx context.Context) error {
	var failed error
	for _, family := range families {
		if !available(ctx, family) {
			continue
		}
		for _, table := range []string{"filter", "nat", "mangle"} {
			dump, err := output(ctx, "", family+"-save", "-t", table)
			if err == nil {
				if text := removal(dump, "KOPR-", "KUBE-"); text != "" {
					_, err = output(ctx, text, family+"-restore", "--noflush", "-w", "10")
				}
			}
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// ForeignKubernetes says whether chains of a kube-proxy are there.
func ForeignKubernetes(ctx context.Context) bool {
	dump, err := output(ctx, "", "iptables-save", "-t", "nat")
	return err == nil && strings.Contains(dump, "\n:KUBE-SERVICES ")
}

func available(ctx context.Context, family string) bool {
	if family == "iptables" {
		return true // without it nothing works, and its error says why
	}
	_, err := output(ctx, "", family+"-save", "-t", "filter")
	return err == nil
}

// removal turns a dump of one table, as iptables-save prints it, into the commands that remove all chains whose names have one
// of the prefixes. It is empty when there is nothing to remove.
func removal(dump string, prefixes ...string) string {
	table, chains, jumps := parseTable(dump, prefixes)
	if len(chains) == 0 {
		return ""
	}
	commands := append([]string{table}, jumps...)
	for _, verb := range []string{"-F ", "-X "} {
		for _, chain := range chains {
			commands = append(commands, verb+chain)
		}
	}
	return strings.Join(append(commands, "COMMIT"), "\n") + "\n"
}

// parseTable finds the chains with one of the prefixes in a dump of one table, and the commands that delete the rules of other
// chains which lead to them.
func parseTable(dump string, prefixes []string) (table string, chains, jumps []string) {
	ours := func(chain string) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(chain, prefix) {
				return true
			}
		}
		return false
	}
	for line := range strings.Lines(dump) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line
		case strings.HasPrefix(line, ":"):
			if name, _, _ := strings.Cut(line[1:], " "); ours(name) {
				chains = append(chains, name)
			}
		case strings.HasPrefix(line, "-A "):
			fields := strings.Fields(line)
			if len(fields) > 1 && !ours(fields[1]) && ours(target(fields)) {
				jumps = append(jumps, "-D"+line[2:])
			}
		}
	}
	return table, chains, jumps
}

// target is the chain a rule leads to. Comments, which may hold anything, are quoted and skipped.
func target(fields []string) string {
	quoted := false
	for i := 2; i+1 < len(fields); i++ {
		if !quoted && (fields[i] == "-j" || fields[i] == "-g") {
			return fields[i+1]
		}
		quoted = quoted != (strings.Count(fields[i], `"`)-strings.Count(fields[i], `\"`) == 1)
	}
	return ""
}
