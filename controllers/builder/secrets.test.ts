import { describe, expect, it } from 'vitest';
import { aBinaryStage, aBuilder, aClaim, aPool, aTicket, NOW } from '../testing/objects.ts';
import { planBuilder } from './plan.ts';
import { sourceTokenSeconds } from './secrets.ts';
import type { BuilderWorld } from './world.ts';

describe('the token for the sources', () => {
  it.each([
    { title: 'of a pool with a limit', pool: aPool('default', { startTimeoutSeconds: 60 }), seconds: 360 },
    { title: 'of a pool that is gone', pool: undefined, seconds: 900 },
  ])('$title ends five minutes after the pod would be given up', ({ pool, seconds }) => {
    expect(sourceTokenSeconds({ pool })).toBe(seconds);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'default-t', namespace: 'kopr-builds' } } as const;
    const world: BuilderWorld = {
      builder: aBuilder(aTicket('t'), { phase: 'Starting' }),
      claim: aClaim(aTicket('t')),
      ticket: aTicket('t'),
      chrootBuild: aBinaryStage('pebble-13-x86_64'),
      project: undefined,
      chroot: undefined,
      pod: { ...pod, spec: { containers: [] }, status: { phase: 'Pending' } },
      pool,
    };
    const plan = planBuilder(world, NOW + (seconds - 300) * 1000);
    expect(plan).toMatchObject({ deletePod: true, status: { reason: 'StartTimeout' } });
  });
});
