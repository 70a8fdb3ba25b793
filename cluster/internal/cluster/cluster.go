// Package cluster brings the embedded cluster of this machine up and down.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"kopr.dev/cluster/internal/component"
	"kopr.dev/cluster/internal/flock"
	"kopr.dev/cluster/internal/host"
	"kopr.dev/cluster/internal/layout"
	"kopr.dev/cluster/internal/proc"
)

// lockLimit is how long another call of this tool may take: an up on a slow machine does.
const lockLimit = 10 * time.Minute

// Cluster is the embedded cluster as one checkout sees it.
type Cluster struct {
	Bin      string                           // directory of the programs this checkout wants to run
	Checkout string                           // the checkout's directory, by its real path
	Keep     bool                             // whether down leaves the data
	Say      func(format string, args ...any) // tells the user something
}

// ErrDown says that there is no cluster to talk to.
var ErrDown = errors.New("the embedded cluster is not up; `make up` starts it")

// lock takes the machine's one lock, which everything that changes the cluster holds.
func (c Cluster) lock(ctx context.Context) (*flock.Lock, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("the embedded cluster runs containers and needs root; become root, or set KUBECONFIG to use another cluster")
	}
	return flock.Acquire(ctx, layout.Lock, "of "+c.Checkout, lockLimit, func(holder string) {
		c.Say("the embedded cluster is being changed by %s; waiting for it to end", holder)
	})
}

func (c Cluster) node() component.Node { return component.NewNode(c.Bin) }

func (c Cluster) sysctls() host.Sysctls {
	return host.Sysctls{Root: "/proc/sys", File: layout.Sysctls}
}

func pidFile(name string) string { return filepath.Join(layout.Pids, name+".json") }

func fingerprintFile(name string) string { return filepath.Join(layout.Pids, name+".settings") }

func logFile(name string) string { return filepath.Join(layout.Logs, name+".log") }

// running are the names of the components that run.
func (c Cluster) running() []string {
	var names []string
	for _, spec := range c.node().Specs() {
		if proc.Load(pidFile(spec.Name)).Running() {
			names = append(names, spec.Name)
		}
	}
	return names
}

// State is what a component is doing.
type State struct {
	Name    string
	PID     int
	Log     string
	Trouble error // nil when it runs and is ready
}

// asRuns is the cluster with the programs it runs, which may be of another version than this checkout's are now.
func (c Cluster) asRuns() Cluster {
	if owner, err := readOwner(); err == nil && owner.Bin != "" {
		c.Bin = owner.Bin
	}
	return c
}

// Status asks every component.
func (c Cluster) Status(ctx context.Context) []State {
	c = c.asRuns()
	specs := c.node().Specs()
	states := make([]State, len(specs))
	done := make(chan struct{})
	for i, spec := range specs {
		go func() {
			states[i] = c.look(ctx, spec)
			done <- struct{}{}
		}()
	}
	for range specs {
		<-done
	}
	return states
}

func (c Cluster) look(ctx context.Context, spec component.Spec) State {
	state := State{Name: spec.Name, Log: logFile(spec.Name)}
	id := proc.Load(pidFile(spec.Name))
	if !id.Running() {
		state.Trouble = errors.New("it does not run")
		return state
	}
	state.PID = id.PID
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	state.Trouble = spec.Ready(ctx)
	return state
}

// Kubeconfig is the path of the administrator's kubeconfig.
func (c Cluster) Kubeconfig() (string, error) {
	owner, err := readOwner()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(layout.Kubeconfig); err != nil || len(c.running()) == 0 {
		return "", ErrDown
	}
	if owner.Checkout != c.Checkout {
		return "", owner.refusal()
	}
	return layout.Kubeconfig, nil
}

// Restart stops one component, or kills it without warning, and starts it again.
func (c Cluster) Restart(ctx context.Context, name string, kill bool) error {
	lock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := c.mayTouch(); err != nil {
		return err
	}
	if len(c.running()) == 0 {
		return ErrDown
	}
	c = c.asRuns()
	for _, spec := range c.node().Specs() {
		if spec.Name != name {
			continue
		}
		id := proc.Load(pidFile(name))
		if kill {
			if err := id.Signal(syscall.SIGKILL); err != nil {
				return err
			}
		}
		if err := id.Stop(stopGrace); err != nil {
			return err
		}
		return c.startAndAwait(ctx, spec)
	}
	return fmt.Errorf("the embedded cluster has no component %q; `cluster/cluster.sh status` lists them", name)
}
