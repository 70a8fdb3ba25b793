package component

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"kopr.dev/cluster/internal/layout"
)

// PauseImage holds the namespaces of every pod. It is made here and imported: there is nowhere to pull it from.
const PauseImage = "localhost/kopr/pause:1"

type object = map[string]any

// WriteConfig writes the configuration files of the programs that have some.
func (n Node) WriteConfig() error {
	return errors.Join(
		writeJSON("kubelet.json", n.kubeletConfig()),
		writeJSON("kube-proxy.json", proxyConfig()),
		writeJSON("cni/10-kopr.conflist", cniConfig()),
		writeText("containerd.toml", n.containerdConfig()),
		writeText("registries/_default/hosts.toml", noRegistry),
		writeText("Corefile", corefile()),
	)
}

func (n Node) kubeletConfig() object {
	return object{
		"apiVersion":         "kubelet.config.k8s.io/v1beta1",
		"kind":               "KubeletConfiguration",
		"address":            layout.NodeAddress,
		"port":               layout.KubeletPort,
		"healthzBindAddress": "127.0.0.1",
		"healthzPort":        layout.KubeletHealth,
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": n.Plane.file(CA, ".crt")},
		},
		"authorization":            object{"mode": "Webhook"},
		"tlsCertFile":              n.Plane.file(Kubelet, ".crt"),
		"tlsPrivateKeyFile":        n.Plane.file(Kubelet, ".key"),
		"containerRuntimeEndpoint": "unix://" + layout.ContainerdSocket,
		"podLogsDir":               layout.PodLogs,
		"volumePluginDir":          filepath.Join(layout.Kubelet, "volume-plugins"),
		"clusterDNS":               []string{layout.DNSService},
		"clusterDomain":            layout.Domain,
		"resolvConf":               "", // pods get no name servers of the machine's
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + layout.CgroupName,
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"maxPods":                  110,
		"seccompDefault":           true,
		// A root that may not lower its own score, as in most containers, would only produce errors.
		"oomScoreAdj": 0,
		// The disk is the machine owner's; images that were loaded cannot be pulled again.
		"evictionHard":                object{"memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.available": "1%"},
		"imageGCHighThresholdPercent": 100,
		"imageGCLowThresholdPercent":  99,
		"registerNode":                true,
		"syncFrequency":               "20s",
		"enableProfilingHandler":      false,
		"containerLogMaxSize":         "50Mi",
	}
}

func proxyConfig() object {
	return object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"clientConnection":   object{"kubeconfig": kubeconfig(Proxy)},
		"hostnameOverride":   layout.Node,
		"mode":               "iptables",
		"clusterCIDR":        layout.PodCIDR,
		"nodePortAddresses":  []string{"127.0.0.0/8"},
		"bindAddress":        layout.NodeAddress,
		"healthzBindAddress": fmt.Sprintf("127.0.0.1:%d", layout.ProxyHealth),
		"metricsBindAddress": fmt.Sprintf("127.0.0.1:%d", layout.ProxyMetrics),
		"oomScoreAdj":        0,
		// The machine's connection tracking stays as its owner has set it.
		"conntrack": object{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
}

func cniConfig() object {
	return object{
		"cniVersion": "1.0.0",
		"name":       layout.CNINetwork,
		"plugins": []object{{
			"type": "bridge", "bridge": layout.Bridge, "isGateway": true, "ipMasq": false, "hairpinMode": true,
			"ipam": object{
				"type": "host-local", "dataDir": filepath.Join(layout.CNIState, "networks"),
				"ranges": [][]object{{{"subnet": layout.PodCIDR, "gateway": layout.BridgeAddress}}},
				"routes": []object{{"dst": "0.0.0.0/0"}},
			},
		}},
	}
}

// containerdConfig: plugins that would make folders or sockets elsewhere on the machine are off. AppArmor's default profile
// denies mounts, which builds in user namespaces need and the kernel already confines to them.
func (n Node) containerdConfig() string {
	return strings.NewReplacer(
		"{root}", layout.Containerd, "{state}", layout.ContainerdState, "{socket}", layout.ContainerdSocket, "{bin}", n.Bin,
		"{pause}", PauseImage, "{config}", layout.Config, "{runc}", layout.RuncState,
	).Replace(`version = 3
imports = []
root = '{root}'
state = '{state}'
disabled_plugins = [
  'io.containerd.nri.v1.nri',
  'io.containerd.internal.v1.opt',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.erofs',
  'io.containerd.differ.v1.erofs',
  'io.containerd.mount-handler.v1.erofs',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
]

[grpc]
  address = '{socket}'

[debug]
  level = 'warn'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{pause}'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '{config}/registries'

[plugins.'io.containerd.image-verifier.v1.bindir']
  bin_dir = '{config}/image-verifiers'

[plugins.'io.containerd.transfer.v1.local']
  config_path = '{config}/registries'

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  enable_cdi = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['{bin}']
    conf_dir = '{config}/cni'
    use_internal_loopback = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    runtime_path = '{bin}/containerd-shim-runc-v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = '{bin}/runc'
      Root = '{runc}'
      SystemdCgroup = false
`)
}

// noRegistry sends every pull to a port of this machine at which nobody listens: an image that is not loaded is an error at
// once, and no packet leaves the machine for it.
const noRegistry = `server = 'http://127.0.0.1:9'
`

func corefile() string {
	return strings.NewReplacer(
		"{port}", fmt.Sprint(layout.DNSPort), "{address}", layout.NodeAddress, "{ready}", fmt.Sprint(layout.DNSReady),
		"{domain}", layout.Domain, "{kubeconfig}", kubeconfig(CoreDNS),
	).Replace(`{domain}:{port} in-addr.arpa:{port} ip6.arpa:{port} {
  bind {address}
  errors
  ready 127.0.0.1:{ready}
  kubernetes {domain} in-addr.arpa ip6.arpa {
    kubeconfig {kubeconfig}
    pods disabled
    ttl 5
  }
  loadbalance
}

# Every other name does not exist: nobody outside this machine is asked.
.:{port} {
  bind {address}
  errors
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`)
}
