package component

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"kopr.dev/cluster/internal/pki"
)

// ControlPlane is where etcd and kube-apiserver keep their things and listen.
type ControlPlane struct {
	Bin       string // directory with the programs
	PKI       string // directory with certificates and keys
	Data      string // etcd's data directory
	EtcdPort  int    // on 127.0.0.1
	PeerPort  int    // on 127.0.0.1; a single etcd insists on one
	APIPort   int
	Bind      string // address kube-apiserver listens on
	Advertise string // address pods reach kube-apiserver at; empty where there are no pods
	Services  string // service CIDR
	NodePorts bool   // whether kubelets are to be talked to
	Admission string // admission plugins to leave out
}

// Names of the certificate files in the PKI directory.
const (
	CA            = "ca"
	EtcdCA        = "etcd-ca"
	FrontProxyCA  = "front-proxy-ca"
	EtcdServer    = "etcd"
	EtcdClient    = "etcd-client"
	APIServerLeaf = "kube-apiserver"
	KubeletClient = "kube-apiserver-kubelet-client"
	ProxyClient   = "front-proxy-client"
	SigningKey    = "service-accounts"
	Admin         = "admin"
)

// adminGroup is the group that RBAC does not restrict.
const adminGroup = "system:masters"

// EnsurePKI makes the certificates etcd, kube-apiserver and the administrator need, and returns the cluster's authority.
func (c ControlPlane) EnsurePKI(now time.Time) (*pki.Authority, error) {
	local := net.IPv4(127, 0, 0, 1)
	ips := []net.IP{local, c.firstService()}
	if c.Advertise != "" {
		ips = append(ips, net.ParseIP(c.Advertise))
	}
	authorities := map[string]*pki.Authority{}
	for _, name := range []string{CA, EtcdCA, FrontProxyCA} {
		authority, err := pki.LoadOrCreateAuthority(c.PKI, name, now)
		if err != nil {
			return nil, err
		}
		authorities[name] = authority
	}
	leaves := []struct {
		authority string
		leaf      pki.Leaf
	}{
		{EtcdCA, pki.Leaf{File: EtcdServer, User: "etcd", IPs: []net.IP{local}, Names: []string{"localhost"}, Server: true, Client: true}},
		{EtcdCA, pki.Leaf{File: EtcdClient, User: "kube-apiserver", Client: true}},
		{CA, pki.Leaf{File: APIServerLeaf, User: "kube-apiserver", IPs: ips, Server: true, Names: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		}}},
		{CA, pki.Leaf{File: KubeletClient, User: "kube-apiserver-kubelet-client", Groups: []string{adminGroup}, Client: true}},
		{FrontProxyCA, pki.Leaf{File: ProxyClient, User: "front-proxy-client", Client: true}},
		{CA, pki.Leaf{File: Admin, User: "kopr-admin", Groups: []string{adminGroup}, Client: true}},
	}
	for _, entry := range leaves {
		if err := authorities[entry.authority].Ensure(entry.leaf, now); err != nil {
			return nil, err
		}
	}
	return authorities[CA], pki.EnsureSigningKey(c.PKI, SigningKey)
}

// Etcd keeps nothing safe from a power cut: it does not wait for the disk, which makes it fast and fit for tests only.
func (c ControlPlane) Etcd() Spec {
	client := fmt.Sprintf("https://127.0.0.1:%d", c.EtcdPort)
	peer := fmt.Sprintf("https://127.0.0.1:%d", c.PeerPort)
	return Spec{
		Name:    "etcd",
		Program: filepath.Join(c.Bin, "etcd"),
		Args: flags(map[string]string{
			"name":                        "kopr",
			"data-dir":                    c.Data,
			"listen-client-urls":          client,
			"advertise-client-urls":       client,
			"listen-peer-urls":            peer,
			"initial-advertise-peer-urls": peer,
			"initial-cluster":             "kopr=" + peer,
			"trusted-ca-file":             c.file(EtcdCA, ".crt"),
			"cert-file":                   c.file(EtcdServer, ".crt"),
			"key-file":                    c.file(EtcdServer, ".key"),
			"client-cert-auth":            "true",
			"peer-trusted-ca-file":        c.file(EtcdCA, ".crt"),
			"peer-cert-file":              c.file(EtcdServer, ".crt"),
			"peer-key-file":               c.file(EtcdServer, ".key"),
			"peer-client-cert-auth":       "true",
			"unsafe-no-fsync":             "true",
			"auto-compaction-mode":        "periodic",
			"auto-compaction-retention":   "1h",
			"quota-backend-bytes":         strconv.Itoa(2 << 30),
			"log-level":                   "warn",
		}),
		Listens: loopback(c.EtcdPort, c.PeerPort),
		Ready: Probe{
			URL: client + "/readyz", CA: c.file(EtcdCA, ".crt"), Cert: c.file(EtcdClient, ".crt"), Key: c.file(EtcdClient, ".key"),
		}.Check,
		Limit: 60 * time.Second,
	}
}

// APIServer is kube-apiserver with RBAC, and NodeRestriction where there are nodes.
func (c ControlPlane) APIServer() Spec {
	values := map[string]string{
		"etcd-servers":                       fmt.Sprintf("https://127.0.0.1:%d", c.EtcdPort),
		"etcd-cafile":                        c.file(EtcdCA, ".crt"),
		"etcd-certfile":                      c.file(EtcdClient, ".crt"),
		"etcd-keyfile":                       c.file(EtcdClient, ".key"),
		"bind-address":                       c.Bind,
		"secure-port":                        strconv.Itoa(c.APIPort),
		"tls-cert-file":                      c.file(APIServerLeaf, ".crt"),
		"tls-private-key-file":               c.file(APIServerLeaf, ".key"),
		"client-ca-file":                     c.file(CA, ".crt"),
		"authorization-mode":                 "Node,RBAC",
		"service-cluster-ip-range":           c.Services,
		"service-account-issuer":             "https://kubernetes.default.svc.cluster.local",
		"service-account-key-file":           c.file(SigningKey, ".pub"),
		"service-account-signing-key-file":   c.file(SigningKey, ".key"),
		"requestheader-client-ca-file":       c.file(FrontProxyCA, ".crt"),
		"requestheader-allowed-names":        "front-proxy-client",
		"requestheader-username-headers":     "X-Remote-User",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"proxy-client-cert-file":             c.file(ProxyClient, ".crt"),
		"proxy-client-key-file":              c.file(ProxyClient, ".key"),
		// Webhooks and aggregated servers are dialled at their pods, so that nothing on the host depends on service addresses.
		"enable-aggregator-routing": "true",
		"profiling":                 "false",
		// A stop must not wait for watches that nobody ends.
		"shutdown-delay-duration":                 "0s",
		"shutdown-watch-termination-grace-period": "0s",
	}
	if c.Advertise != "" {
		values["advertise-address"] = c.Advertise
	}
	if c.Admission != "" {
		values["disable-admission-plugins"] = c.Admission
	}
	if c.NodePorts {
		values["enable-admission-plugins"] = "NodeRestriction"
		values["kubelet-client-certificate"] = c.file(KubeletClient, ".crt")
		values["kubelet-client-key"] = c.file(KubeletClient, ".key")
		values["kubelet-certificate-authority"] = c.file(CA, ".crt")
		// The node's name resolves nowhere; logs and exec must not try it.
		values["kubelet-preferred-address-types"] = "InternalIP"
	}
	return Spec{
		Name:    "kube-apiserver",
		Program: filepath.Join(c.Bin, "kube-apiserver"),
		Args:    flags(values),
		Listens: []string{fmt.Sprintf("%s:%d", c.Bind, c.APIPort)},
		Ready:   c.probe("/readyz?verbose").Check,
		Limit:   120 * time.Second,
	}
}

// DefaultNamespace answers once the namespace "default" exists, which is a moment after kube-apiserver calls itself ready.
func (c ControlPlane) DefaultNamespace() Probe { return c.probe("/api/v1/namespaces/default") }

// SystemNamespace answers once the namespace "kube-system" exists.
func (c ControlPlane) SystemNamespace() Probe { return c.probe("/api/v1/namespaces/kube-system") }

// DefaultServiceAccount answers once the controllers have begun to work.
func (c ControlPlane) DefaultServiceAccount() Probe {
	return c.probe("/api/v1/namespaces/default/serviceaccounts/default")
}

func (c ControlPlane) probe(path string) Probe {
	return Probe{URL: c.URL() + path, CA: c.file(CA, ".crt"), Cert: c.file(Admin, ".crt"), Key: c.file(Admin, ".key")}
}

// URL is where programs on this machine reach kube-apiserver.
func (c ControlPlane) URL() string { return fmt.Sprintf("https://127.0.0.1:%d", c.APIPort) }

func (c ControlPlane) file(name, suffix string) string { return filepath.Join(c.PKI, name+suffix) }

// firstService is the address of the service "kubernetes": the first one of the range.
func (c ControlPlane) firstService() net.IP {
	_, network, err := net.ParseCIDR(c.Services)
	if err != nil {
		panic("the service range is not a CIDR: " + c.Services)
	}
	first := append(net.IP(nil), network.IP.To4()...)
	first[3]++
	return first
}
