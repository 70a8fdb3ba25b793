// Package build compiles the cluster's programs once and keeps them in a cache outside the source tree.
package build

import (
	"slices"
	"strings"
)

// Part is one program to compile.
type Part struct {
	Name    string
	Package string
	Tags    string
	Cgo     bool     // needs a C compiler and the libraries named in packages.txt
	LDFlags []string // besides the ones every part gets; {MODULE} stands for that module's version
	Links   []string // further names the program is called by
	Sources []string // folders of this module it is made of; everything else comes from the modules of go.mod
}

const (
	kubeVersion   = "k8s.io/component-base/version"
	clientVersion = "k8s.io/client-go/pkg/version"
	helmModule    = "helm.sh/helm/v3"
	containerd    = "github.com/containerd/containerd/v2/cmd/"
	containerdVer = "-X github.com/containerd/containerd/v2/version.Version={github.com/containerd/containerd/v2}"
	cni           = "github.com/containernetworking/plugins/plugins/"
	// Snapshotters for file systems whose libraries or tools this cluster has no use for.
	containerdTags = "no_btrfs,no_zfs,no_aufs,no_devmapper"
)

// Kubernetes is the part the others' order starts with: it takes the longest, and is all that an API server alone needs.
const Kubernetes = "kubernetes"

// Helm is the part besides Kubernetes that a user needs on the command line.
const Helm = "helm"

// Parts are all programs of the cluster, in the order they are built.
var Parts = []Part{
	{
		Name: Kubernetes, Package: "./cmd/kubernetes",
		LDFlags: []string{
			"-X " + kubeVersion + ".gitVersion={k8s.io/kubernetes}", "-X " + kubeVersion + ".gitMajor=1",
			"-X " + clientVersion + ".gitVersion={k8s.io/kubernetes}", "-X " + clientVersion + ".gitMajor=1",
			"-X " + kubeVersion + ".gitMinor={k8s.io/kubernetes minor}", "-X " + clientVersion + ".gitMinor={k8s.io/kubernetes minor}",
		},
		Links: []string{
			"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl", "directory-provisioner",
		},
		Sources: []string{"cmd/kubernetes", "internal/provisioner", "internal/provisionername"},
	},
	{
		Name: Helm, Package: "helm.sh/helm/v3/cmd/helm",
		LDFlags: []string{
			"-X " + helmModule + "/internal/version.version={" + helmModule + "}",
			// What templates are told when no cluster is asked.
			"-X " + helmModule + "/pkg/chartutil.k8sVersionMajor=1", "-X " + helmModule + "/pkg/chartutil.k8sVersionMinor={k8s.io/kubernetes minor}",
			"-X " + helmModule + "/pkg/lint/rules.k8sVersionMajor=1", "-X " + helmModule + "/pkg/lint/rules.k8sVersionMinor={k8s.io/kubernetes minor}",
		},
	},
	{Name: "coredns", Package: "github.com/coredns/coredns"},
	{Name: "containerd", Package: containerd + "containerd", Tags: containerdTags, LDFlags: []string{containerdVer}},
	{Name: "containerd-shim-runc-v2", Package: containerd + "containerd-shim-runc-v2", Tags: containerdTags, LDFlags: []string{containerdVer}},
	{Name: "ctr", Package: containerd + "ctr", Tags: containerdTags, LDFlags: []string{containerdVer}},
	{Name: "runc", Package: "github.com/opencontainers/runc", Tags: "seccomp", Cgo: true},
	{Name: "bridge", Package: cni + "main/bridge"},
	{Name: "host-local", Package: cni + "ipam/host-local"},
	{Name: "pause", Package: "./cmd/pause", Sources: []string{"cmd/pause"}},
}

// choose returns the parts with the given names, or all of them when none is given.
func choose(parts []Part, names []string) []Part {
	if len(names) == 0 {
		return parts
	}
	var chosen []Part
	for _, part := range parts {
		if slices.Contains(names, part.Name) {
			chosen = append(chosen, part)
		}
	}
	return chosen
}

// args are the arguments of the go command that compiles the part into the file output.
func (p Part) args(output string, versions map[string]string) []string {
	ldflags := "-s -w"
	for _, flag := range p.LDFlags {
		ldflags += " " + expand(flag, versions)
	}
	args := []string{"build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", output}
	if p.Tags != "" {
		args = append(args, "-tags", p.Tags)
	}
	return append(args, p.Package)
}

// expand replaces {MODULE} by the module's version and {MODULE minor} by the second number of it.
func expand(flag string, versions map[string]string) string {
	for module, version := range versions {
		flag = strings.ReplaceAll(flag, "{"+module+"}", version)
		if numbers := strings.Split(version, "."); len(numbers) > 1 {
			flag = strings.ReplaceAll(flag, "{"+module+" minor}", numbers[1])
		}
	}
	return flag
}
