import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { ago, aTicket, NOW } from '../testing/objects.ts';
import { createSchedulerMetrics } from './metrics.ts';

describe('the metrics of the scheduler', () => {
  it('count waiting stages by architecture and reason, and forget those that wait no longer', async () => {
    const registry = new Registry();
    const metrics = createSchedulerMetrics(registry, new FakeClock(NOW));
    const pending = [
      { architecture: 'x86_64', reason: 'PoolFull', count: 2 },
      { architecture: 'i386', reason: 'NoPool', count: 1 },
    ];
    metrics.outlook(3, pending);
    expect(await registry.metrics()).toContain('kopr_builds_pending{arch="x86_64",reason="PoolFull"} 2');
    expect(await registry.metrics()).toContain('kopr_builds_pending{arch="i386",reason="NoPool"} 1');
    metrics.outlook(4, pending.slice(0, 1));
    expect(await registry.metrics()).toContain('kopr_builds_pending{arch="x86_64",reason="PoolFull"} 2');
    expect(await registry.metrics()).toContain('kopr_dispatch_outlook_seconds_sum 0.007');
    expect(await registry.metrics()).not.toContain('i386');
  });

  it('measure decisions and waits in seconds', async () => {
    const registry = new Registry();
    const metrics = createSchedulerMetrics(registry, new FakeClock(NOW));
    metrics.decided(3);
    metrics.assigned(aTicket('t', {}, undefined, { creationTimestamp: ago(7) }));
    expect(await registry.metrics()).toContain('kopr_dispatch_cycle_seconds_sum 0.003');
    expect(await registry.metrics()).toContain('kopr_builder_allocation_seconds_sum 7');
  });
});
