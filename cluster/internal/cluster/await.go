package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kopr.dev/cluster/internal/component"
	"kopr.dev/cluster/internal/proc"
	"kopr.dev/cluster/internal/wait"
)

func (c Cluster) startAndAwait(ctx context.Context, spec component.Spec) error {
	if err := c.start(spec); err != nil {
		return err
	}
	return c.await(ctx, spec)
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
