// Package layout says where on the machine the embedded cluster keeps its things, and which addresses and ports it uses.
package layout

import "path/filepath"

// There is one embedded cluster per machine, so its places are fixed.
const (
	State = "/var/lib/kopr-cluster" // what KOPR_KEEP=1 keeps
	Run   = "/run/kopr-cluster"     // what means nothing once the processes are gone
	Lock  = "/run/kopr-cluster.lock"
)

// Addresses. The node's own is an extra one of the loopback interface: nothing sent to it leaves the machine.
const (
	Node           = "kopr"
	NodeAddress    = "10.201.0.1"
	PodCIDR        = "10.202.0.0/16"
	Bridge         = "kopr0"
	BridgeAddress  = "10.202.0.1"
	ServiceCIDR    = "10.203.0.0/16"
	DNSService     = "10.203.0.10"
	Domain         = "cluster.local"
	RoutingTable   = "16443" // packets from pods are routed by this table alone
	RulePreference = "16443"
	CNINetwork     = "kopr"
)

// CgroupName is the cluster's group in every cgroup hierarchy. It is a variable so that a linker flag can give a cluster in a
// container another one: everything else there is the container's own, but groups are the machine's.
var CgroupName = "kopr-cluster"

// Ports, out of the way of other Kubernetes and of the ports the kernel gives out.
const (
	APIPort           = 16443
	EtcdPort          = 16379
	EtcdPeerPort      = 16380
	KubeletPort       = 16250
	KubeletHealth     = 16248
	ControllerManager = 16257
	Scheduler         = 16259
	ProxyHealth       = 16256
	ProxyMetrics      = 16249
	DNSPort           = 16053
	DNSReady          = 16081
)

// Files and folders.
var (
	Owner      = filepath.Join(State, "owner.json")
	Sysctls    = filepath.Join(State, "sysctl.json")
	PKI        = filepath.Join(State, "pki")
	EtcdData   = filepath.Join(State, "etcd")
	Kubelet    = filepath.Join(State, "kubelet")
	Containerd = filepath.Join(State, "containerd")
	Volumes    = filepath.Join(State, "volumes")
	Logs       = filepath.Join(State, "log")
	PodLogs    = filepath.Join(Logs, "pods")
	Kubeconfig = filepath.Join(State, "kubeconfig")
	Kubeconfs  = filepath.Join(State, "kubeconfigs") // one per component
	Config     = filepath.Join(State, "config")
	CNIState   = filepath.Join(State, "cni")

	Pids             = filepath.Join(Run, "pids")
	ContainerdState  = filepath.Join(Run, "containerd")
	ContainerdSocket = filepath.Join(ContainerdState, "containerd.sock")
	RuncState        = filepath.Join(Run, "runc")
)
