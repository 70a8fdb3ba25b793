import { describe, expect, it } from 'vitest';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { BuildQuota } from '../../crds/buildquota.ts';
import { API_VERSION } from '../../crds/kind.ts';
import type { Project } from '../../crds/project.ts';
import type { Namespace } from '../../operator/core.ts';
import type { KubeObject } from '../../operator/resource.ts';
import { ObjectStore } from '../../operator/store.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { aBuilder, ago, aPool, aProject, aTicket } from '../testing/objects.ts';
import { createObserver, SUSPENDED } from './observe.ts';

const NAMESPACES = { buildsNamespace: 'kopr-builds', releaseNamespace: 'kopr-system' };

function storeOf<T extends KubeObject>(...objects: T[]): ObjectStore<T> {
  const store = new ObjectStore<T>(quietLog);
  for (const object of objects) store.upsert(object);
  return store;
}

function aQuota(namespace: string, maxRunning: number): BuildQuota {
  const metadata = { name: 'default', namespace };
  return { apiVersion: API_VERSION, kind: 'BuildQuota', metadata, spec: { maxRunning, weight: 100 } };
}

function aNamespace(name: string, owner?: string): Namespace {
  const annotations = owner === undefined ? {} : { annotations: { 'kopr.dev/owner': owner } };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...annotations } };
}

interface Caches {
  tickets?: BuilderTicket[];
  store?: ObjectStore<BuilderTicket>;
  quotas?: BuildQuota[];
  projects?: Project[];
}

function observe(more: Caches) {
  const tickets = more.store ?? storeOf(...(more.tickets ?? []));
  const projects = storeOf(...(more.projects ?? []));
  projects.addIndex(SUSPENDED, (project) => [String(project.spec.suspend)]);
  return createObserver(
    {
      tickets,
      projects,
      builders: storeOf(aBuilder(aTicket('t'))),
      pools: storeOf(aPool('default')),
      quotas: storeOf(...(more.quotas ?? [])),
      namespaces: storeOf(aNamespace('demo'), aNamespace('team', '@group'), aNamespace('broken', 'a/b')),
    },
    NAMESPACES,
  )();
}

describe('the snapshot of a scheduling cycle', () => {
  it('has the tickets that are open and not being deleted', () => {
    const tickets = [
      aTicket('open'),
      aTicket('closing', { closed: true }),
      aTicket('closed', { closed: true }, { phase: 'Closed' }),
      aTicket('doomed', {}, undefined, { deletionTimestamp: ago(1) }),
    ];
    const lines = [...observe({ tickets }).tickets.lines()];
    expect(lines.flatMap((line) => line.tickets.map(({ metadata }) => metadata.name))).toEqual(['open']);
  });

  it('has the tickets of the moment, and those that come later', () => {
    const tickets = storeOf(aTicket('first'));
    const world = observe({ store: tickets });
    tickets.upsert(aTicket('second'));
    expect(world.tickets.size).toBe(2);
    tickets.remove('demo/first');
    expect(world.tickets.size).toBe(1);
  });

  it('has builders and pools of the builds namespace', () => {
    const world = observe({});
    expect([world.builders.length, world.pools.length]).toEqual([1, 1]);
  });

  it('has quotas by owner, and the default one of the installation', () => {
    const quotas = [
      aQuota('demo', 1),
      aQuota('team', 2),
      aQuota('kopr-system', 3),
      aQuota('broken', 4),
      aQuota('gone', 5),
    ];
    const world = observe({ quotas });
    expect([...world.quotas].map(([owner, { maxRunning }]) => [owner, maxRunning])).toEqual([
      ['demo', 1],
      ['@group', 2],
    ]);
    expect([...world.namespaceQuotas.keys()]).toEqual(['demo', 'team', 'broken', 'gone']);
    expect(world.defaultQuota?.maxRunning).toBe(3);
  });

  it('has the projects that are suspended', () => {
    const other = aProject();
    const projects = [aProject({ suspend: true }), { ...other, metadata: { ...other.metadata, name: 'going' } }];
    expect([...observe({ projects }).suspended]).toEqual(['demo/hello']);
  });
});
