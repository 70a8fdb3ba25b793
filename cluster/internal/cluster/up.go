package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"kopr.dev/cluster/internal/atomicfile"
	"kopr.dev/cluster/internal/component"
	"kopr.dev/cluster/internal/host"
	"kopr.dev/cluster/internal/layout"
	"kopr.dev/cluster/internal/proc"
	"kopr.dev/cluster/internal/wait"
)

// Up brings the cluster up from whatever state it finds: nothing, a whole cluster, parts of one, what is left after everything
// was killed or after a reboot, or a cluster of programs of another version.
func (c Cluster) Up(ctx context.Context) error {
	lock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	start := time.Now()
	if warning := host.KernelWarning(); warning != "" {
		c.Say("warning: %s", warning)
	}
	owner, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	boot, err := proc.BootID()
	if err != nil {
		return err
	}
	now := Owner{Checkout: c.Checkout, Bin: c.Bin, Boot: boot}
	if owner.Boot != "" {
		now.Boot = owner.Boot // until etcd has come up with the data of the former boot
	}
	if err := now.write(); err != nil {
		return err
	}
	started, err := c.bringUp(ctx)
	if errors.Is(err, wait.ErrGone) && ctx.Err() == nil {
		// What ran at the first look may have been about to end; one more start tells.
		c.Say("%v", err)
		c.Say("trying once more")
		started, err = c.bringUp(ctx)
	}
	if errors.Is(err, errEtcd) && now.Boot != boot && ctx.Err() == nil {
		c.Say("etcd cannot read the data from before the reboot; starting with an empty cluster")
		if err := c.wipe(ctx); err != nil {
			return err
		}
		started, err = c.bringUp(ctx)
	}
	if err != nil {
		return err
	}
	now.Boot = boot
	if err := now.write(); err != nil {
		return err
	}
	if len(started) == 0 && time.Since(start) < 2*time.Second {
		c.Say("the embedded cluster is up already and healthy")
	} else {
		c.Say("the embedded cluster is up (%s)", time.Since(start).Round(100*time.Millisecond))
	}
	return nil
}

// prepare finds out what is there and clears away what cannot be gone on with.
func (c Cluster) prepare(ctx context.Context) (Owner, error) {
	owner, err := readOwner()
	if err != nil {
		return owner, err
	}
	if err := c.settle(); err != nil {
		return owner, err
	}
	claim := c.claim(owner)
	switch {
	case claim == others:
		return owner, owner.refusal()
	case claim == abandoned:
		c.Say("taking over the embedded cluster of the checkout %s, which no longer uses it; its data goes", owner.Checkout)
		return Owner{}, c.wipe(ctx)
	case owner.Checkout == "":
		if host.ForeignKubernetes(ctx) {
			return owner, errors.New("another Kubernetes runs on this machine: its kube-proxy has put rules into iptables; set KUBECONFIG to use that cluster")
		}
		return owner, host.CheckRanges(ctx)
	case len(c.running()) == 0:
		c.Say("nothing of the embedded cluster runs; clearing away what it has left")
		return owner, c.stopAll(ctx)
	case owner.Bin != c.Bin:
		c.Say("the embedded cluster runs other versions of its programs; restarting all of it")
		return owner, c.stopAll(ctx)
	}
	return owner, nil
}

var errEtcd = errors.New("etcd did not come up")

// bringUp makes everything that is not there, and returns the names of the components it had to start.
func (c Cluster) bringUp(ctx context.Context) (started []string, err error) {
	node := c.node()
	if err := c.provide(ctx, node); err != nil {
		return nil, err
	}
	startNow := func(specs ...component.Spec) error {
		for _, spec := range specs {
			begun, err := c.ensure(ctx, spec)
			if err != nil {
				return err
			}
			if begun {
				started = append(started, spec.Name)
			}
		}
		return nil
	}
	etcd, containerd := node.Plane.Etcd(), node.Containerd()
	if err := startNow(etcd, containerd); err != nil {
		return started, err
	}
	if err := c.await(ctx, etcd); err != nil {
		return started, fmt.Errorf("%w (if its data is damaged: `make down` removes it): %w", errEtcd, err)
	}
	apiserver := node.Plane.APIServer()
	if err := startNow(apiserver); err != nil {
		return started, err
	}
	if err := c.await(ctx, containerd); err != nil {
		return started, err
	}
	if err := c.ensurePause(ctx); err != nil {
		return started, err
	}
	if err := c.await(ctx, apiserver); err != nil {
		return started, err
	}
	if err := wait.Until(ctx, "the namespace kube-system", 30*time.Second, node.Plane.SystemNamespace().Check); err != nil {
		return started, err
	}
	if err := wait.Until(ctx, "the cluster's own objects to be taken", 30*time.Second, node.Apply); err != nil {
		return started, err
	}
	rest := []component.Spec{
		node.ControllerManager(), node.Scheduler(), node.Proxy(), node.Kubelet(), node.CoreDNS(), node.Provisioner(),
	}
	if err := startNow(rest...); err != nil {
		return started, err
	}
	for _, spec := range rest {
		if err := c.await(ctx, spec); err != nil {
			return started, err
		}
	}
	// Without it no pod is let in. The controllers make it, a moment after they call themselves ready.
	return started, wait.Until(ctx, "the service account of the namespace default", 60*time.Second, node.Plane.DefaultServiceAccount().Check)
}

// provide makes what the programs find when they start: folders, certificates, configuration, kernel settings and network.
func (c Cluster) provide(ctx context.Context, node component.Node) error {
	if err := makeFolders(); err != nil {
		return err
	}
	if err := node.EnsureCredentials(time.Now()); err != nil {
		return err
	}
	if err := node.WriteConfig(); err != nil {
		return err
	}
	if err := host.EnsureNetwork(ctx); err != nil {
		return err
	}
	if err := c.sysctls().Apply(); err != nil {
		return err
	}
	if err := host.EnsureFilter(ctx, !c.sysctls().ForwardedBefore()); err != nil {
		return err
	}
	groups, err := host.FindCgroups(layout.CgroupName)
	if err != nil {
		return err
	}
	return groups.Ensure()
}

// makeFolders makes the folders. Root of a user namespace must get through those on the way to a container's root file system.
func makeFolders() error {
	for dir, mode := range map[string]os.FileMode{
		layout.State: 0o711, layout.Run: 0o711, layout.Kubelet: 0o711, layout.Volumes: 0o711,
		layout.PKI: 0o700, layout.Kubeconfs: 0o700, layout.EtcdData: 0o700, layout.Config: 0o755, layout.Logs: 0o755,
		layout.Pids: 0o755, layout.CNIState: 0o755, layout.RuncState: 0o711,
	} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
		if err := os.Chmod(dir, mode); err != nil {
			return err
		}
	}
	return nil
}

// ensure starts the component unless it runs with the settings it should have.
func (c Cluster) ensure(ctx context.Context, spec component.Spec) (started bool, err error) {
	if id := proc.Load(pidFile(spec.Name)); id.Running() {
		former, err := os.ReadFile(fingerprintFile(spec.Name))
		if err == nil && string(former) == spec.Fingerprint() {
			return false, nil
		}
		c.Say("%s: restarting it with other settings", spec.Name)
		if err := id.Stop(stopGrace); err != nil {
			return false, err
		}
	}
	return true, c.start(ctx, spec)
}

func (c Cluster) start(ctx context.Context, spec component.Spec) error {
	if err := c.awaitPorts(ctx, spec); err != nil {
		return err
	}
	if err := atomicfile.Write(fingerprintFile(spec.Name), []byte(spec.Fingerprint()), 0o644); err != nil {
		return err
	}
	groups, err := host.FindCgroups(layout.CgroupName)
	if err != nil {
		return err
	}
	_, err = proc.Start(pidFile(spec.Name), logFile(spec.Name), groups.System(), spec.Env, spec.Program, spec.Args...)
	if err != nil {
		return c.explain(spec, fmt.Errorf("starting %s: %w", spec.Name, err))
	}
	return nil
}
