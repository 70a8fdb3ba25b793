package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"kopr.dev/cluster/internal/component"
	"kopr.dev/cluster/internal/host"
	"kopr.dev/cluster/internal/layout"
	"kopr.dev/cluster/internal/proc"
)

// stopGrace is how long a component may take to end before it is killed.
const stopGrace = 5 * time.Second

// podGrace is how long pods' processes have. Everything in the cluster is made to be killed.
const podGrace = 2 * time.Second

// Down ends the cluster and leaves nothing of it on the machine; its data only if it is told to keep it.
func (c Cluster) Down(ctx context.Context) error {
	lock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	owner, err := readOwner()
	if err == nil && c.claim(owner) == others {
		err = owner.refusal()
	}
	if err != nil {
		lock.Release()
		return err
	}
	if owner.Checkout == "" && len(c.running()) == 0 {
		lock.Remove()
		c.Say("the embedded cluster is not up; there is nothing to do")
		return nil
	}
	start := time.Now()
	if c.Keep {
		if err := errors.Join(c.stopAll(ctx), c.sysctls().Restore()); err != nil {
			lock.Release()
			return err
		}
		owner.Kept = true
		if err := owner.write(); err != nil {
			lock.Release()
			return err
		}
		lock.Remove()
		c.Say("the embedded cluster is down; its data is kept in %s (%s)", layout.State, time.Since(start).Round(100*time.Millisecond))
		return nil
	}
	err = c.wipe(ctx)
	if err == nil {
		err = errors.Join(os.Remove(layout.Owner), removeIfEmpty(layout.State))
	}
	if err != nil {
		lock.Release()
		return err
	}
	lock.Remove()
	c.Say("the embedded cluster is down and its data removed (%s)", time.Since(start).Round(100*time.Millisecond))
	return nil
}

// wipe ends and removes everything but the owner's file. The kernel's settings go back first, because what they were is data.
func (c Cluster) wipe(ctx context.Context) error {
	if err := errors.Join(c.stopAll(ctx), c.sysctls().Restore()); err != nil {
		return err
	}
	return c.removeData(layout.Owner)
}

// stopAll ends all processes and clears the machine of everything but the data. It works on any remainder of a cluster.
func (c Cluster) stopAll(ctx context.Context) error {
	// Cleaning up is not to be stopped half-way by the signal that ended the work.
	ctx = context.WithoutCancel(ctx)
	groups, err := host.FindCgroups(layout.CgroupName)
	if err != nil {
		return err
	}
	if err := c.stopComponents(); err != nil {
		return err
	}
	if err := groups.Empty(podGrace); err != nil {
		return err
	}
	failed := errors.Join(
		host.UnmountBelow(layout.Run, layout.State),
		host.RemoveFilters(ctx),
		host.RemoveNetwork(ctx),
		groups.Remove(),
	)
	return errors.Join(failed, removeResidue(), removeTree(layout.Run), os.RemoveAll(layout.CNIState))
}

// stopComponents ends the kubelet first, because it would start again what is ended after it, and the rest at once.
func (c Cluster) stopComponents() error {
	if err := proc.Load(pidFile(component.Kubelet)).Stop(stopGrace); err != nil {
		return err
	}
	specs := c.node().Specs()
	slices.Reverse(specs)
	// kube-apiserver waits for its watchers, so it goes after them; etcd goes last.
	for _, spec := range specs {
		if err := proc.Load(pidFile(spec.Name)).Signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	var failed error
	for _, spec := range specs {
		failed = errors.Join(failed, proc.Load(pidFile(spec.Name)).Stop(stopGrace))
	}
	return failed
}

// removeData removes the data but for one file.
func (c Cluster) removeData(except string) error {
	entries, err := os.ReadDir(layout.State)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var failed error
	for _, entry := range entries {
		if path := filepath.Join(layout.State, entry.Name()); path != except {
			failed = errors.Join(failed, removeTree(path))
		}
	}
	return failed
}

// removeTree removes a tree in which nothing is mounted any more.
func removeTree(path string) error {
	// Another look, because removing through a forgotten mount would remove what is mounted.
	if err := host.UnmountBelow(path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

func removeIfEmpty(dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EBUSY) {
		return err
	}
	return nil
}
