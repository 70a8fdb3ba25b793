import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuilderPools } from '../../crds/builderpool.ts';
import { COMMAND, SSH } from '../hook/testing/objects.ts';
import { machineState } from '../shared/machines.ts';
import { Blade } from '../testing/blade.ts';
import type { Site } from './testing/site.ts';
import { startSite } from './testing/site.ts';

/** More writes than a pool needs that makes three machines, is scaled to one, and is deleted. */
const MOST_WRITES = 60;

let site: Site;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

/** The life of a pool. */
async function live(name: string): Promise<void> {
  const free = (count: number) => (): boolean =>
    site.machinesOf(name).filter((machine) => machineState(machine) === 'Free').length === count;
  const spec = { command: COMMAND, ssh: SSH, architectures: ['x86_64'], preallocated: 3, max: 3, maxStarting: 2 };
  await site.createPool(name, spec);
  await site.until('three machines', free(3));
  await site.patchPool(name, { max: 1 });
  await site.until('one machine', () => site.machinesOf(name).length === 1 && free(1)());
  await site.client.delete(BuilderPools, `${site.builds}/${name}`);
  await site.until('the end of the pool', () => site.pool(name) === undefined);
}

/** False when the operator lived to the end. */
async function crash(writes: number): Promise<boolean> {
  const name = `crash-${writes}`;
  const doomed = new Blade(writes);
  const stops = [await site.startOperator(doomed)];
  const replacement = doomed.died.then(async () => {
    await stops[0]?.();
    stops.push(await site.startOperator());
  });
  await live(name);
  if (doomed.dead) await replacement;
  const when = `after a crash upon write ${writes} (${doomed.log.at(-1)})`;
  const made = [...site.machines.seen].filter((machine) => machine.startsWith(`${name}-`)).sort();
  expect(made, when).toEqual([1, 2, 3].map((id) => `${name}-0000000${id}`));
  expect([...site.machines.cloud], when).toEqual([]);
  await Promise.all(stops.map((stop) => stop()));
  return doomed.dead;
}

describe('an operator that dies upon any write', { timeout: 600_000 }, () => {
  it('leaves to the next one what it can finish: no machine twice, none left behind', async () => {
    let writes = 1;
    while (writes <= MOST_WRITES && (await crash(writes))) writes++;
    // Finalizer, three machines, their number, two removals, the finalizer again; and the status between them.
    expect(writes).toBeGreaterThan(8);
    expect(writes).toBeLessThan(MOST_WRITES);
  });
});
