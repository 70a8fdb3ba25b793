package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kopr.dev/cluster/internal/component"
	"kopr.dev/cluster/internal/host"
	"kopr.dev/cluster/internal/proc"
	"kopr.dev/cluster/internal/wait"
)

// starts bounds how often one call starts a component that ends by itself before it is ready.
const starts = 3

// startAndAwait starts the component, again if it ends by itself, and waits until it is ready.
func (c Cluster) startAndAwait(ctx context.Context, spec component.Spec) error {
	for count := 1; ; count++ {
		err := c.start(ctx, spec)
		if err == nil {
			err = c.await(ctx, spec)
		}
		if !errors.Is(err, wait.ErrGone) || count == starts || ctx.Err() != nil {
			return err
		}
		c.Say("%v", err)
		c.Say("starting it once more (%d of %d)", count+1, starts)
	}
}

// portLimit is how long the addresses a component listens at may stay taken: those of a killed one are given back when the
// kernel has ended all of it.
const portLimit = 15 * time.Second

// awaitPorts waits until nobody has the addresses the component is about to listen at.
func (c Cluster) awaitPorts(ctx context.Context, spec component.Spec) error {
	for _, address := range spec.Listens {
		thing := fmt.Sprintf("the address of %s to be free", spec.Name)
		if err := wait.Until(ctx, thing, portLimit, func(context.Context) error { return host.CanListen(address) }); err != nil {
			return err
		}
	}
	return nil
}

// endLimit is how long a process that was killed may take to end.
const endLimit = 20 * time.Second

// settle waits for the components that were killed a moment ago: what is running is known only when they are gone.
func (c Cluster) settle() error {
	for _, spec := range c.node().Specs() {
		id := proc.Load(pidFile(spec.Name))
		if id.Ending() && !id.AwaitEnd(endLimit) {
			return fmt.Errorf("%s (process %d) was killed and does not end within %s", spec.Name, id.PID, endLimit)
		}
	}
	return nil
}

// await waits until the component is ready, and says how long that took when it was not so at once.
func (c Cluster) await(ctx context.Context, spec component.Spec) error {
	begin := time.Now()
	said := begin
	err := wait.Until(ctx, spec.Name, spec.Limit, func(ctx context.Context) error {
		err := spec.Ready(ctx)
		id := proc.Load(pidFile(spec.Name))
		if !id.Running() {
			return fmt.Errorf("its process does not run: %w", wait.ErrGone)
		}
		if err != nil && time.Since(said) > 5*time.Second {
			said = time.Now()
			c.Say("%s: not ready after %s: %v", spec.Name, time.Since(begin).Round(time.Second), err)
		}
		return err
	})
	if err != nil {
		return c.explain(spec, err)
	}
	if took := time.Since(begin); took > wait.Interval {
		c.Say("%s: ready (%s)", spec.Name, took.Round(100*time.Millisecond))
	}
	return nil
}

// explain adds the end of the component's log to an error about it.
func (c Cluster) explain(spec component.Spec, err error) error {
	log := logFile(spec.Name)
	lines, tailErr := proc.Tail(log, 20)
	if tailErr != nil {
		return err
	}
	return fmt.Errorf("%w\nthe end of its log, %s:\n%s", err, log, strings.TrimRight(string(lines), "\n"))
}
