import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import { ago, aTicket, NOW } from '../testing/objects.ts';
import { createSchedulerMetrics } from './metrics.ts';
import type { Schedule } from './world.ts';

const NOTHING: Schedule = { assign: [], next: [], rest: [], pending: [], wakeAt: undefined };

describe('the metrics of the scheduler', () => {
  it('count waiting stages by architecture and reason, and forget those that wait no longer', async () => {
    const registry = new Registry();
    const metrics = createSchedulerMetrics(registry, new FakeClock(NOW));
    const full = { architecture: 'x86_64', reason: 'PoolFull' };
    const pending = [
      { ...full, count: 1 },
      { ...full, count: 1 },
      { architecture: 'i386', reason: 'NoPool', count: 1 },
    ];
    metrics.cycle(3, { ...NOTHING, pending });
    expect(await registry.metrics()).toContain('kopr_builds_pending{arch="x86_64",reason="PoolFull"} 2');
    expect(await registry.metrics()).toContain('kopr_builds_pending{arch="i386",reason="NoPool"} 1');
    metrics.cycle(3, { ...NOTHING, pending: pending.slice(0, 1) });
    expect(await registry.metrics()).toContain('kopr_builds_pending{arch="x86_64",reason="PoolFull"} 1');
    expect(await registry.metrics()).not.toContain('i386');
  });

  it('measure cycles and waits in seconds', async () => {
    const registry = new Registry();
    const metrics = createSchedulerMetrics(registry, new FakeClock(NOW));
    metrics.cycle(3, NOTHING);
    metrics.assigned(aTicket('t', {}, undefined, { creationTimestamp: ago(7) }));
    expect(await registry.metrics()).toContain('kopr_dispatch_cycle_seconds_sum 0.003');
    expect(await registry.metrics()).toContain('kopr_build_queue_wait_seconds_sum 7');
  });
});
