import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Project } from '../../crds/project.ts';
import { projectSpec } from '../../crds/project.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { Namespace } from '../../operator/core.ts';
import { ObjectStore } from '../../operator/store.ts';
import { quietLog } from '../../operator/testing/harness.ts';
import { FreshStore } from './fresh-store.ts';
import { projectLookups } from './projects.ts';
import type { ProjectLookups } from './world.ts';

const spec = projectSpec.parse({ chroots: ['fedora-43-x86_64'] });
let version = 0;

function project(namespace: string, name: string, id: number | undefined, coprName?: string): Project {
  version += 1;
  const metadata = {
    name,
    namespace,
    uid: `${namespace}/${name}`,
    resourceVersion: String(version),
    ...(id === undefined ? {} : { labels: { 'kopr.dev/id': String(id) } }),
  };
  const named = coprName === undefined ? spec : { ...spec, name: coprName };
  return { apiVersion: 'kopr.dev/v1alpha1', kind: 'Project', metadata, spec: named };
}

function namespaceObject(name: string, owner?: string): Namespace {
  version += 1;
  const annotations = owner === undefined ? {} : { annotations: { 'kopr.dev/owner': owner } };
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, uid: name, resourceVersion: String(version), ...annotations },
  };
}

function rig() {
  const projects = new ObjectStore<Project>(quietLog);
  const namespaces = new ObjectStore<Namespace>(quietLog);
  return { projects, namespaces, lookups: anew(projects, namespaces) };
}

/** Everything that can be asked. */
function seen(lookups: ProjectLookups): unknown {
  const owners = ['a', 'b', 'c', '@g'];
  return {
    all: lookups.projects().map(({ fullName, id, project: { metadata } }) => [fullName, id, metadata.resourceVersion]),
    byOwner: owners.map((owner) => lookups.projectsOf(owner).map(({ id, name }) => [id, name])),
    byName: owners.flatMap((owner) => ['p', 'q', 'r', 'X'].map((name) => lookups.project(owner, name)?.id)),
    namespaces: owners.map((owner) => lookups.namespaceOf(owner)),
  };
}

describe('look-ups of projects', () => {
  it('are after any changes what they would be if made anew', () => {
    const namespace = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({
        namespace,
        name: fc.constantFrom('p', 'q', 'r'),
        id: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
        coprName: fc.constantFrom(undefined, undefined, undefined, 'X'),
      }),
      fc.record({ removed: fc.tuple(namespace, fc.constantFrom('p', 'q', 'r')) }),
      fc.record({ changed: namespace, owner: fc.constantFrom(undefined, undefined, '@g', 'a') }),
      fc.record({ gone: namespace }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const { projects, namespaces, lookups } = rig();
        for (const name of ['a', 'b', 'c']) namespaces.upsert(namespaceObject(name));
        for (const one of steps) {
          if ('removed' in one) projects.remove(one.removed.join('/'));
          else if ('gone' in one) namespaces.remove(one.gone);
          else if ('changed' in one) namespaces.upsert(namespaceObject(one.changed, one.owner));
          else projects.upsert(project(one.namespace, one.name, one.id, one.coprName));
          // A view of its own that has seen nothing but the last state; asked every other time, so that changes pile up.
          if (version % 2 === 0) expect(seen(lookups)).toEqual(seen(anew(projects, namespaces)));
        }
        expect(seen(lookups)).toEqual(seen(anew(projects, namespaces)));
      }),
      { numRuns: 300 },
    );
  });

  it('keep the views of projects that did not change, and the list that was handed out', () => {
    const { projects, namespaces, lookups } = rig();
    namespaces.upsert(namespaceObject('a'));
    projects.upsert(project('a', 'p', 1));
    projects.upsert(project('a', 'q', 2));
    const list = lookups.projects();
    const [first, second] = list;
    projects.upsert(project('a', 'q', 2));
    expect(lookups.projects()[0]).toBe(first);
    expect(lookups.projects()[1]).not.toBe(second);
    expect(list[1]).toBe(second);
    expect(lookups.projects()).toBe(lookups.projects());
  });
});

function anew(projects: ObjectStore<Project>, namespaces: ObjectStore<Namespace>): ProjectLookups {
  const clock = new FakeClock();
  return projectLookups(new FreshStore(projects, clock), new FreshStore(namespaces, clock));
}
