import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { aMachine } from '../hook/testing/objects.ts';
import { ago, aPool } from '../testing/objects.ts';
import { createPoolMetrics } from './metrics.ts';

function aPoolThat(name: string, status: 'True' | 'False', reason: string): BuilderPool {
  const condition = { type: 'Ready', status, reason, message: '', lastTransitionTime: ago(10) };
  return { ...aPool(name), status: { conditions: [condition] } };
}

describe('the metrics of pools', () => {
  it('tell which pools take work, and why the others do not', async () => {
    const registry = new Registry();
    const all = [aPoolThat('x86', 'True', 'Ready'), aPoolThat('arm', 'False', 'BuildersDoNotStart')];
    createPoolMetrics(registry, { builders: () => [], pools: () => [...all, { ...aPool('new'), status: {} }] });
    const text = await registry.metrics();
    expect(text.match(/^kopr_builder_pool_ready\{.*$/gm)).toEqual([
      'kopr_builder_pool_ready{pool="x86",reason="Ready"} 1',
      'kopr_builder_pool_ready{pool="arm",reason="BuildersDoNotStart"} 0',
    ]);
    all.pop();
    expect(await registry.metrics()).not.toContain('"arm"');
  });

  it('count the machines that cannot be deleted, until they are', async () => {
    const registry = new Registry();
    const stuck = aMachine({ status: { phase: 'Deleting', deleteAttempts: 2 } });
    const all = [aMachine(), aMachine({ status: { phase: 'Deleting', deleteAttempts: 0 } }), stuck, stuck];
    createPoolMetrics(registry, { builders: () => all, pools: () => [] });
    expect(await registry.metrics()).toContain('kopr_builder_deletions_failing{pool="cloud"} 2');
    all.splice(2);
    expect(await registry.metrics()).not.toContain('kopr_builder_deletions_failing{');
  });
});
