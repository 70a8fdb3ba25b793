import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { Package } from '../../crds/package.ts';
import type { KubeObject } from '../../operator/resource.ts';
import { controllerOf } from '../../operator/resource.ts';
import { ObjectStore } from '../../operator/store.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { STAGES_OF_BUILD } from './archiver.ts';
import { archiveMetrics } from './metrics.ts';
import { aBuild, aProject, aRemoval, aStage } from './testing/objects.ts';
import { createVanished } from './vanished.ts';

function store<T extends KubeObject>(...objects: T[]): ObjectStore<T> {
  const made = new ObjectStore<T>(quietLog);
  for (const object of objects) made.upsert(object);
  return made;
}

function setUp(
  build: Build,
  more: { projects?: ReturnType<typeof aProject>[]; removed?: number[]; leading?: boolean } = {},
) {
  const chrootBuilds = store(aStage(build, 'fedora-43-x86_64'));
  chrootBuilds.addIndex(STAGES_OF_BUILD, (stage) => [controllerOf(stage)?.uid ?? '']);
  const stores = {
    projects: store(...(more.projects ?? [aProject()])),
    builds: store(build),
    chrootBuilds,
    packages: store<Package>(),
    removals: store(...(more.removed === undefined ? [] : [aRemoval(more.removed)])),
  };
  const registry = new Registry();
  const metrics = archiveMetrics(registry);
  const vanished = createVanished(stores, {
    log: quietLog,
    onLost: () => metrics.lost(),
    isLeading: () => more.leading ?? true,
  });
  stores.builds.remove(`alice/${build.metadata.name}`);
  const lost = async () => (await registry.getSingleMetric('kopr_history_lost_builds_total')?.get())?.values[0]?.value;
  return { vanished, lost };
}

const running = aBuild(9, { status: { id: 9, state: 'running' } });

describe('a Build that is deleted before the history has it', () => {
  it('is kept with its stages when it has ended, and lost only if nobody could record it', async () => {
    const { vanished, lost } = setUp(aBuild(7), { leading: false });
    const [entry] = vanished.pending();
    expect(entry).toMatchObject({ build: { metadata: { name: 'b-7' } }, stages: [{ kind: 'ChrootBuild' }] });
    expect(await lost()).toBe(0);
    vanished.settle(entry as NonNullable<typeof entry>, 'lost');
    expect(await lost()).toBe(1);
    expect(vanished.pending()).toEqual([]);
  });

  it('is lost when it has not ended, and counted by the process that leads', async () => {
    expect(await setUp(running).lost()).toBe(1);
    expect(await setUp(running, { leading: false }).lost()).toBe(0);
  });

  it.each([
    ['it was recorded', setUp(aBuild(7, { metadata: { annotations: { 'kopr.dev/archived': 'then' } } }))],
    ['a Removal names it', setUp(running, { removed: [9] })],
    ['its Project is gone', setUp(running, { projects: [] })],
    ['its Project is going', setUp(running, { projects: [aProject('hello', {}, { deletionTimestamp: 'now' })] })],
  ])('is of no interest when %s', async (_, { vanished, lost }) => {
    expect(vanished.pending()).toEqual([]);
    expect(await lost()).toBe(0);
  });
});
