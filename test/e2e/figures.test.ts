import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { outcomeOf } from '../../demo/outcome.ts';
import { apply, build, cluster, freshNamespace, kubectl, link, project, RELEASE_NAMESPACE } from './harness.ts';

const NS = 'e2e-figures';
const MIB = 1024 * 1024;

const summary = z.object({
  pods: z.array(
    z.object({
      podRef: z.object({ name: z.string(), namespace: z.string() }),
      memory: z.object({ workingSetBytes: z.number() }).optional(),
    }),
  ),
});

/** What the kubelets say of the pods of the release: MiB that cannot be given back, by pod. */
async function memoryOfPods(): Promise<Map<string, number>> {
  const nodes = (await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
  const memory = new Map<string, number>();
  for (const node of nodes) {
    const { pods } = summary.parse(
      JSON.parse(await kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`)),
    );
    for (const { podRef, memory: used } of pods) {
      if (podRef.namespace !== RELEASE_NAMESPACE || used === undefined) continue;
      memory.set(podRef.name, Math.round(used.workingSetBytes / MIB));
    }
  }
  return memory;
}

describe('on a small machine', () => {
  beforeAll(() => freshNamespace(NS), 330_000);
  afterAll(() => kubectl('delete', 'namespace', NS, '--wait=false'));

  it('a package is in its repository at most ten seconds after what dnf and rpmbuild themselves take', async () => {
    await apply(project(NS, 'p'), build(NS, 'hello', 'p', link('hello-2.12-1.src.rpm')));
    await kubectl('-n', NS, 'wait', '--for=condition=Complete', 'build/hello', '--timeout=300s');
    const { failures, seconds, toolSeconds } = await outcomeOf(await cluster(), NS, ['hello']);
    console.info(`kubectl apply to installable: ${seconds} s, dnf and rpmbuild ${toolSeconds} s`);
    expect(failures).toEqual([]);
    expect(toolSeconds).toBeGreaterThan(0);
    expect(seconds - toolSeconds).toBeLessThanOrEqual(10);
  });

  it('all pods of kopr together take at most 700 MiB', async () => {
    const memory = await memoryOfPods();
    const sum = [...memory.values()].reduce((total, one) => total + one, 0);
    console.info(`memory of pods in MiB: ${JSON.stringify(Object.fromEntries(memory))}, together ${sum}`);
    expect(memory.size).toBeGreaterThanOrEqual(5);
    expect(sum).toBeLessThanOrEqual(700);
  });
});
