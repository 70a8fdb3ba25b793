import { describe, expect, it } from 'vitest';
import { ALL_KINDS } from './index.ts';
import type { Json, TestApi } from './testing/api.ts';
import { eventually, MERGE } from './testing/api.ts';
import { collection, create, useInstalledApi, variant } from './testing/installed.ts';

let api: TestApi;

useInstalledApi((fresh) => {
  api = fresh;
});

async function namesOf(path: string, fieldSelector: string): Promise<string[]> {
  // A new kind answers 429 until its cache is filled; programs that use a Kubernetes client do not see that.
  const { body } = await eventually(
    `the list ${path} by ${fieldSelector}`,
    () => api.call('GET', `${path}?${new URLSearchParams({ fieldSelector }).toString()}`),
    ({ status }) => status === 200,
  );
  const { items } = body as { items: { metadata: { name: string } }[] };
  return items.map(({ metadata }) => metadata.name);
}

describe('a field selector', () => {
  it.each<[string, string, Json, Json | undefined, string]>([
    ['Build', 'hello-2', { project: 'bye' }, { state: 'running' }, 'spec.project=bye,status.state=running'],
    ['Project', 'waiting', { suspend: true }, { ready: 'False' }, 'status.ready=False,spec.suspend=true'],
    [
      'Chroot',
      'old-1-riscv64',
      { name: 'old-1-riscv64', distribution: 'old-1', architecture: 'riscv64', state: 'EndOfLife' },
      undefined,
      'spec.state=EndOfLife,spec.architecture=riscv64,spec.distribution=old-1',
    ],
    ['BuilderPool', 'paused', { suspend: true }, undefined, 'spec.suspend=true'],
    [
      'BuilderTicket',
      'served',
      { owner: 'ours', architecture: 'aarch64' },
      { phase: 'Assigned', pool: 'arm' },
      'status.pool=arm,status.phase=Assigned,spec.owner=ours,spec.architecture=aarch64',
    ],
  ])('finds the one %s that it fits', async (kind, name, spec, status, selector) => {
    for (const manifest of [variant(kind, {}), variant(kind, spec, name)]) {
      const made = await create(api, manifest);
      expect(made.body.message).toBeUndefined();
    }
    const path = collection(kind, variant(kind, {}).metadata.namespace);
    if (status) await api.ok('PATCH', `${path}/${name}/status`, { status }, MERGE);
    expect(await namesOf(path, selector)).toEqual([name]);
    // Every term counts: none fits the other object.
    for (const term of selector.split(',')) expect(await namesOf(path, term)).toEqual([name]);
  });

  it('finds objects by the defaults that they leave out', async () => {
    expect(await namesOf(collection('BuilderPool', 'kopr-builds'), 'spec.suspend=false')).toEqual(['default']);
    expect(await namesOf(collection('Chroot'), 'spec.state=Active')).toEqual(['fedora-43-x86-64']);
  });

  it.each(ALL_KINDS.flatMap((kind) => kind.selectableFields.map((path) => [kind.kind, path] as const)))(
    'of %s understands %s',
    async (kind, path) => {
      expect(await namesOf(collection(kind), `${path.slice(1)}=nothing-has-this-value`)).toEqual([]);
    },
  );
});
