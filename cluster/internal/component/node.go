package component

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"kopr.dev/cluster/internal/atomicfile"
	"kopr.dev/cluster/internal/layout"
	"kopr.dev/cluster/internal/pki"
)

// Node is the rest of a whole cluster: the controllers, and what runs pods on this machine.
type Node struct {
	Plane ControlPlane
	Bin   string
}

// Names of the node's components; their certificates and kubeconfigs are called the same.
const (
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	CoreDNS           = "coredns"
	Provisioner       = "directory-provisioner"
	Containerd        = "containerd"
)

// NewNode is the cluster of the given programs at its fixed places.
func NewNode(bin string) Node {
	return Node{Bin: bin, Plane: ControlPlane{
		Bin: bin, PKI: layout.PKI, Data: layout.EtcdData,
		EtcdPort: layout.EtcdPort, PeerPort: layout.EtcdPeerPort, APIPort: layout.APIPort,
		// Pods reach it at the node's address, the machine's user at 127.0.0.1, which needs no exception from a proxy. The packet
		// filter keeps everybody else out.
		Bind: "0.0.0.0", Advertise: layout.NodeAddress, Services: layout.ServiceCIDR, NodePorts: true,
	}}
}

// EnsureCredentials makes all certificates and kubeconfigs.
func (n Node) EnsureCredentials(now time.Time) error {
	authority, err := n.Plane.EnsurePKI(now)
	if err != nil {
		return err
	}
	local, node := net.IPv4(127, 0, 0, 1), net.ParseIP(layout.NodeAddress)
	leaves := []pki.Leaf{
		{File: ControllerManager, User: "system:kube-controller-manager", Client: true, Server: true, IPs: []net.IP{local}},
		{File: Scheduler, User: "system:kube-scheduler", Client: true, Server: true, IPs: []net.IP{local}},
		{
			File: Kubelet, User: "system:node:" + layout.Node, Groups: []string{"system:nodes"}, Client: true, Server: true,
			IPs: []net.IP{node}, Names: []string{layout.Node},
		},
		{File: Proxy, User: "system:kube-proxy", Client: true},
		{File: CoreDNS, User: "kopr-cluster:coredns", Client: true},
		{File: Provisioner, User: "kopr-cluster:directory-provisioner", Client: true},
	}
	for _, leaf := range leaves {
		if err := authority.Ensure(leaf, now); err != nil {
			return err
		}
		if err := authority.WriteKubeconfig(kubeconfig(leaf.File), n.Plane.URL(), "kopr", leaf.File); err != nil {
			return err
		}
	}
	return authority.WriteKubeconfig(layout.Kubeconfig, n.Plane.URL(), "kopr", Admin)
}

func kubeconfig(component string) string { return filepath.Join(layout.Kubeconfs, component) }

// ControllerManager runs the controllers. Pods' addresses come from one range of the one node, so no range is given to nodes.
func (n Node) ControllerManager() Spec {
	return Spec{
		Name: ControllerManager, Program: filepath.Join(n.Bin, ControllerManager),
		Args: flags(map[string]string{
			"kubeconfig":                       kubeconfig(ControllerManager),
			"authentication-kubeconfig":        kubeconfig(ControllerManager),
			"authorization-kubeconfig":         kubeconfig(ControllerManager),
			"bind-address":                     "127.0.0.1",
			"secure-port":                      strconv.Itoa(layout.ControllerManager),
			"tls-cert-file":                    n.Plane.file(ControllerManager, ".crt"),
			"tls-private-key-file":             n.Plane.file(ControllerManager, ".key"),
			"client-ca-file":                   n.Plane.file(CA, ".crt"),
			"root-ca-file":                     n.Plane.file(CA, ".crt"),
			"cluster-signing-cert-file":        n.Plane.file(CA, ".crt"),
			"cluster-signing-key-file":         n.Plane.file(CA, ".key"),
			"service-account-private-key-file": n.Plane.file(SigningKey, ".key"),
			"use-service-account-credentials":  "true",
			"controllers":                      "*,-node-ipam-controller",
			"allocate-node-cidrs":              "false",
			"leader-elect":                     "false",
			"profiling":                        "false",
			"flex-volume-plugin-dir":           filepath.Join(layout.Kubelet, "volume-plugins"),
		}),
		Listens: loopback(layout.ControllerManager),
		Ready:   n.health("https", layout.ControllerManager, "/healthz"), Limit: 60 * time.Second,
	}
}

// Scheduler places pods on the one node, or says why it cannot.
func (n Node) Scheduler() Spec {
	return Spec{
		Name: Scheduler, Program: filepath.Join(n.Bin, Scheduler),
		Args: flags(map[string]string{
			"kubeconfig":                kubeconfig(Scheduler),
			"authentication-kubeconfig": kubeconfig(Scheduler),
			"authorization-kubeconfig":  kubeconfig(Scheduler),
			"bind-address":              "127.0.0.1",
			"secure-port":               strconv.Itoa(layout.Scheduler),
			"tls-cert-file":             n.Plane.file(Scheduler, ".crt"),
			"tls-private-key-file":      n.Plane.file(Scheduler, ".key"),
			"client-ca-file":            n.Plane.file(CA, ".crt"),
			"leader-elect":              "false",
			"profiling":                 "false",
		}),
		Listens: loopback(layout.Scheduler),
		Ready:   n.health("https", layout.Scheduler, "/healthz"), Limit: 60 * time.Second,
	}
}

// Containerd runs containers. It finds its shim and runc by the paths in its configuration, not on the PATH.
func (n Node) Containerd() Spec {
	return Spec{
		Name: Containerd, Program: filepath.Join(n.Bin, Containerd),
		Args:  []string{"--config", configFile("containerd.toml")},
		Files: []string{configFile("containerd.toml"), configFile("cni/10-kopr.conflist")},
		Ready: n.runtimeReady, Limit: 60 * time.Second,
	}
}

// Kubelet runs the node's pods.
func (n Node) Kubelet() Spec {
	return Spec{
		Name: Kubelet, Program: filepath.Join(n.Bin, Kubelet),
		Args: flags(map[string]string{
			"config":            configFile("kubelet.json"),
			"kubeconfig":        kubeconfig(Kubelet),
			"hostname-override": layout.Node,
			"node-ip":           layout.NodeAddress,
			"root-dir":          layout.Kubelet,
			"cert-dir":          filepath.Join(layout.Kubelet, "pki"),
		}),
		Files:   []string{configFile("kubelet.json")},
		Listens: append(loopback(layout.KubeletHealth), fmt.Sprintf("%s:%d", layout.NodeAddress, layout.KubeletPort)),
		Ready:   n.nodeReady, Limit: 120 * time.Second,
	}
}

// Proxy makes service addresses and node ports work.
func (n Node) Proxy() Spec {
	return Spec{
		Name: Proxy, Program: filepath.Join(n.Bin, Proxy),
		Args:    []string{"--config", configFile("kube-proxy.json")},
		Files:   []string{configFile("kube-proxy.json")},
		Listens: loopback(layout.ProxyHealth, layout.ProxyMetrics),
		Ready:   n.health("http", layout.ProxyHealth, "/healthz"), Limit: 60 * time.Second,
	}
}

// CoreDNS answers for the cluster's own names. It asks nobody else.
func (n Node) CoreDNS() Spec {
	return Spec{
		Name: CoreDNS, Program: filepath.Join(n.Bin, CoreDNS),
		Args:    []string{"-conf", configFile("Corefile")},
		Files:   []string{configFile("Corefile")},
		Listens: append(loopback(layout.DNSReady), fmt.Sprintf("%s:%d", layout.NodeAddress, layout.DNSPort)),
		Ready:   n.health("http", layout.DNSReady, "/ready"), Limit: 60 * time.Second,
	}
}

// Provisioner makes volumes.
func (n Node) Provisioner() Spec {
	return Spec{
		Name: Provisioner, Program: filepath.Join(n.Bin, Provisioner),
		Args: flags(map[string]string{"kubeconfig": kubeconfig(Provisioner), "root": layout.Volumes, "node": layout.Node}),
		// It has nothing to ask; that it stays is seen by the caller.
		Ready: func(context.Context) error { return nil }, Limit: 10 * time.Second,
	}
}

// Specs are all programs in the order they are started.
func (n Node) Specs() []Spec {
	return []Spec{
		n.Plane.Etcd(), n.Plane.APIServer(), n.ControllerManager(), n.Scheduler(),
		n.Containerd(), n.Kubelet(), n.Proxy(), n.CoreDNS(), n.Provisioner(),
	}
}

func configFile(name string) string { return filepath.Join(layout.Config, name) }

func writeJSON(name string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeText(name, string(data)+"\n")
}

func writeText(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(configFile(name)), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(configFile(name), []byte(text), 0o644)
}
