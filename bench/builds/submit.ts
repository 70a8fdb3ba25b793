import type { Build } from '../../crds/build.ts';
import { Builds } from '../../crds/build.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Manager } from '../../operator/manager.ts';
import { eventually } from '../../operator/testing/harness.ts';
import { ownerNo } from './site.ts';

/** Creations under way at once. */
const CREATORS = 8;
/** No machine should need longer to take one in. */
const FILL_MS_EACH = 200;

/** Creates so many Builds, those of all owners in turn. */
export async function submit(client: ApiClient, count: number, prefix: string, owners = ownerNo): Promise<void> {
  let next = 0;
  const creator = async (): Promise<void> => {
    while (next < count) await submitOne(client, prefix, next++, owners);
  };
  await Promise.all(Array.from({ length: CREATORS }, creator));
}

/** @param owners the owner of the Build with that index */
export async function submitOne(client: ApiClient, prefix: string, index: number, owners = ownerNo): Promise<void> {
  const spec = { project: 'hello', source: { link: { url: 'http://files.example/hello-2.12-1.src.rpm' } } };
  const metadata = { name: `${prefix}-${index}`, namespace: owners(index) };
  await client.create(Builds, { metadata, spec: spec as Build['spec'] });
}

/** Tickets that wait or are served, as `world` sees them. */
export function openTickets(world: Manager): number {
  return world
    .store(BuilderTickets)
    .list()
    .filter(({ spec }) => !spec.closed).length;
}

/** Resolves when so many tickets are open. */
export async function untilQueued(world: Manager, queued: number): Promise<void> {
  const missing = queued - openTickets(world);
  await eventually(`a queue of ${queued}`, () => openTickets(world) >= queued, missing * FILL_MS_EACH + 30_000);
}
