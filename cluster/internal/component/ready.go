package component

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"

	"kopr.dev/cluster/internal/layout"
	"kopr.dev/cluster/internal/proc"
)

func (n Node) health(scheme string, port int, path string) func(context.Context) error {
	probe := Probe{URL: fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, path)}
	if scheme == "https" {
		probe.CA = n.Plane.file(CA, ".crt")
	}
	return probe.Check
}

// nodeReady asks the kubelet itself first, because the API server remembers what a killed kubelet last said.
func (n Node) nodeReady(ctx context.Context) error {
	if err := n.health("http", layout.KubeletHealth, "/healthz")(ctx); err != nil {
		return err
	}
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := n.Plane.Call(ctx, http.MethodGet, "/api/v1/nodes/"+layout.Node, nil, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return nil
		}
		if condition.Type == "Ready" {
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		}
	}
	return fmt.Errorf("the node has not said yet whether it is ready")
}

// runtimeReady asks containerd for the part that the kubelet talks to: containerd runs on when that could not be loaded.
func (n Node) runtimeReady(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(n.Bin, "ctr"), "--address", layout.ContainerdSocket, "plugins", "list", "id==cri")
	cmd.Env = proc.CleanEnv()
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("containerd does not answer: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[1] == "cri" {
			if status := fields[len(fields)-1]; status != "ok" {
				return fmt.Errorf("containerd could not load its Kubernetes part (%s)", status)
			}
			return nil
		}
	}
	return errors.New("containerd has no Kubernetes part")
}
