import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { Pod, PodStatus } from '../../operator/core.ts';
import { pauseAfter } from '../shared/pause.ts';
import { aChroot, ago, aPool, INSTALLATION, NOW } from '../testing/objects.ts';
import type { PlaceholderWorld, Setbacks } from './plan.ts';
import { planPlaceholders, withSetback } from './plan.ts';
import { imagesOf, placeholderPod } from './pod.ts';

const OPTIONS = { installation: INSTALLATION, priorityClassName: 'kopr-placeholder' };
const DISK = { workspace: { medium: 'Disk', sizeLimit: '20Gi' } } as const;

function aWarmPool(warm: number, more: Partial<BuilderPool['spec']> = {}): BuilderPool {
  return aPool('default', { pod: { ...DISK, warm }, ...more });
}

function podOf(pool: BuilderPool, slot: number, status: PodStatus = { phase: 'Running' }, images: string[] = []): Pod {
  const pod = placeholderPod(pool, images, slot, OPTIONS);
  return { ...pod, metadata: { ...pod.metadata, uid: `uid-${slot}`, creationTimestamp: ago(60) }, status };
}

function planOf(pool: BuilderPool, pods: Pod[], setbacks: [number, Setbacks][] = []) {
  const wanted: PlaceholderWorld['wanted'] = (slot) => placeholderPod(pool, [], slot, OPTIONS);
  const { create, remove, wakeAt } = planPlaceholders({ pool, pods, wanted, setbacks: new Map(setbacks) }, NOW);
  const slots = (list: Pod[]): string[] => list.map(({ metadata }) => metadata.labels?.['kopr.dev/slot'] ?? '');
  return { create: slots(create), remove: slots(remove), ...(wakeAt === undefined ? {} : { wakeAt }) };
}

describe('placeholders', () => {
  it('are made, one for each slot', () => {
    expect(planOf(aWarmPool(2), [])).toEqual({ create: ['0', '1'], remove: [] });
    expect(planOf(aWarmPool(2), [podOf(aWarmPool(2), 1)])).toEqual({ create: ['0'], remove: [] });
  });

  it.each<[string, BuilderPool]>([
    ['are fewer than before', aWarmPool(1)],
    ['are more than the pool may have builders', aWarmPool(3, { max: 1 })],
  ])('go when they %s', (_title, pool) => {
    expect(
      planOf(
        pool,
        [0, 1, 2].map((slot) => podOf(pool, slot)),
      ),
    ).toEqual({ create: [], remove: ['1', '2'] });
  });

  it('go when their pool is suspended or deleted', () => {
    const pool = aWarmPool(1, { suspend: true });
    expect(planOf(pool, [podOf(pool, 0)])).toEqual({ create: [], remove: ['0'] });
    const deleted = aWarmPool(1);
    deleted.metadata.deletionTimestamp = ago(1);
    expect(planOf(deleted, [podOf(deleted, 0)])).toEqual({ create: [], remove: ['0'] });
  });

  it('go when they have ended, and are made again when they are gone', () => {
    const pool = aWarmPool(1);
    const evicted = podOf(pool, 0, { phase: 'Failed', reason: 'Evicted' });
    expect(planOf(pool, [evicted])).toEqual({ create: [], remove: ['0'] });
    const going = { ...evicted, metadata: { ...evicted.metadata, deletionTimestamp: ago(1) } };
    expect(planOf(pool, [going])).toEqual({ create: [], remove: [] });
  });

  it('that were pushed aside are made again after a pause', () => {
    const setbacks: [number, Setbacks][] = [[0, { count: 2, last: NOW - 15_000 }]];
    expect(planOf(aWarmPool(2), [], setbacks)).toEqual({ create: ['1'], remove: [], wakeAt: NOW + 5_000 });
    expect(planOf(aWarmPool(2), [], [[0, { count: 1, last: NOW - 15_000 }]]).create).toEqual(['0', '1']);
  });

  it('are replaced one by one', () => {
    const pool = aWarmPool(3);
    const old = [0, 1, 2].map((slot) => podOf(pool, slot, { phase: 'Running' }, ['old']));
    expect(planOf(pool, old)).toEqual({ create: [], remove: ['0'] });
    expect(planOf(pool, old.slice(1))).toEqual({ create: ['0'], remove: [] });
    const pending = podOf(pool, 0, { phase: 'Pending' });
    expect(planOf(pool, [pending, ...old.slice(1)])).toEqual({ create: [], remove: [], wakeAt: NOW + 540_000 });
    expect(planOf(pool, [podOf(pool, 0), ...old.slice(1)])).toEqual({ create: [], remove: ['1'] });
    const stuck = { ...pending, metadata: { ...pending.metadata, creationTimestamp: ago(600) } };
    expect(planOf(pool, [stuck, ...old.slice(1)])).toEqual({ create: [], remove: ['1'] });
  });

  it('of a slot that has a new one go', () => {
    const pool = aWarmPool(1);
    expect(planOf(pool, [podOf(pool, 0, { phase: 'Running' }, ['old']), podOf(pool, 0)])).toEqual({
      create: [],
      remove: ['0'],
    });
  });
});

describe('setbacks', () => {
  it.each([
    [1, 10_000],
    [2, 20_000],
    [6, 300_000],
    [99, 300_000],
  ])('%i in a row: a pause of %i ms', (count, pause) => {
    expect(pauseAfter(count)).toBe(pause);
  });

  it('count in a row only when the placeholders did not live for long', () => {
    expect(withSetback({ count: 3, last: 0 }, NOW - 60_000, NOW)).toEqual({ count: 4, last: NOW });
    expect(withSetback({ count: 3, last: 0 }, NOW - 600_000, NOW)).toEqual({ count: 1, last: NOW });
  });
});

describe('the pod of a placeholder', () => {
  const pool = aPool('default', {
    pod: {
      ...DISK,
      warm: 2,
      resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { memory: '8Gi' } },
      nodeSelector: { 'kopr.dev/builders': 'true' },
      tolerations: [{ key: 'builders', operator: 'Exists' }],
      runtimeClassName: 'kata',
      priorityClassName: 'builders',
    },
    tags: [{ name: 'big', priority: 0 }],
  });
  const chroots = [
    aChroot('pebble-13-x86_64', { container: { image: 'localhost/pebble:13' } }),
    aChroot('pebble-12-i386', { container: { image: 'localhost/pebble:12' }, tags: ['big'] }),
    aChroot('same-13-x86_64', { container: { image: 'localhost/pebble:13' } }),
    aChroot('old-1-x86_64', { state: 'EndOfLife' }),
    aChroot('arm-1-aarch64'),
    aChroot('huge-1-x86_64', { tags: ['huge'] }),
  ];
  const { container: _container, ...spec } = aChroot('mock-1-x86_64').spec;
  const images = imagesOf(pool, [...chroots, { ...aChroot('mock-1-x86_64'), spec }]);

  it('has the images of the chroots that its pool builds in', () => {
    expect(images).toEqual(['localhost/pebble:12', 'localhost/pebble:13']);
  });

  it('has the place of a builder, and nothing else', async () => {
    await expect(stringify(placeholderPod(pool, images, 0, OPTIONS))).toMatchFileSnapshot('testdata/placeholder.yaml');
  });

  it('has another name when anything in it is another', () => {
    const names = [
      placeholderPod(pool, images, 0, OPTIONS),
      placeholderPod(pool, images, 1, OPTIONS),
      placeholderPod(pool, [], 0, OPTIONS),
      placeholderPod({ ...pool, metadata: { ...pool.metadata, uid: 'another' } }, images, 0, OPTIONS),
      placeholderPod({ ...pool, spec: { ...pool.spec, pod: { ...DISK, warm: 2 } } }, images, 0, OPTIONS),
    ].map(({ metadata }) => metadata.name);
    expect(new Set(names).size).toBe(5);
    expect(placeholderPod(pool, images, 0, OPTIONS).metadata.name).toBe(names[0]);
  });

  it('has the same name however many of them there are', () => {
    const more = { ...pool, spec: { ...pool.spec, pod: { ...DISK, ...pool.spec.pod, warm: 9 } } };
    expect(placeholderPod(more, images, 0, OPTIONS).metadata.name).toBe(
      placeholderPod(pool, images, 0, OPTIONS).metadata.name,
    );
  });
});
