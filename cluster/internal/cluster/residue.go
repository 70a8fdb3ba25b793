package cluster

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kopr.dev/cluster/internal/layout"
)

// Some places are fixed inside the programs. These are the files they leave there, and the folders that go when that leaves
// them empty; whatever else is in them is somebody else's.
const (
	containerLogs = "/var/log/containers"  // links to pods' logs, by the kubelet
	cniResults    = "/var/lib/cni/results" // by the CNI library in containerd
	devicePlugins = "/var/lib/kubelet/device-plugins"
	podResources  = "/var/lib/kubelet/pod-resources"
	shimSocketDir = "/run/containerd/s" // by containerd's shims
)

func removeResidue() error {
	failed := removeDeadSockets()
	for _, link := range entries(containerLogs) {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, layout.PodLogs+"/") {
			failed = errors.Join(failed, os.Remove(link))
		}
	}
	for _, result := range entries(cniResults) {
		if strings.HasPrefix(filepath.Base(result), layout.CNINetwork+"-") {
			failed = errors.Join(failed, os.Remove(result))
		}
	}
	for _, path := range []string{
		filepath.Join(devicePlugins, "kubelet.sock"), filepath.Join(devicePlugins, "kubelet_internal_checkpoint"),
		filepath.Join(devicePlugins, "DEPRECATION"), filepath.Join(podResources, "kubelet.sock"),
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	for _, dir := range []string{
		containerLogs, cniResults, filepath.Dir(cniResults), devicePlugins, podResources, filepath.Dir(devicePlugins),
		shimSocketDir, filepath.Dir(shimSocketDir),
	} {
		failed = errors.Join(failed, removeIfEmpty(dir))
	}
	return failed
}

func entries(dir string) []string {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil // a folder that is not there has nothing in it
	}
	paths := make([]string, 0, len(list))
	for _, entry := range list {
		paths = append(paths, filepath.Join(dir, entry.Name()))
	}
	return paths
}

// removeDeadSockets removes the sockets of containerd's shims that nobody listens at. A shim that was killed leaves its socket
// behind, outside of its containerd's folder and with nothing to tell whose it was; a dead one is of no use to anybody.
func removeDeadSockets() error {
	var failed error
	for _, path := range entries(shimSocketDir) {
		if !dead(path) {
			continue
		}
		// A moment between two looks, because a socket that is just being made is not listened at yet.
		time.Sleep(100 * time.Millisecond)
		if dead(path) {
			failed = errors.Join(failed, os.Remove(path))
		}
	}
	return failed
}

func dead(socket string) bool {
	connection, err := net.DialTimeout("unix", socket, time.Second)
	if err == nil {
		_ = connection.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
