import { aPool } from '../../testing/objects.ts';
import { SimulatedCluster } from './cluster.ts';
import type { Random } from './random.ts';
import { aMachinePool } from './worlds.ts';

/** A day on which everything happens that may: pods and machines, hosts of several slots, machines on demand, quotas. */

const OWNERS = ['anna', 'ben', '@group'];
const PROJECTS = ['main', 'next'];
const HOSTS = ['h1', 'h2'];
const SLOTS = 2;
const MAX = { pods: 2, cloud: 3, power: 2 };

export function machineDay(): SimulatedCluster {
  const cluster = new SimulatedCluster([
    aPool('pods', { max: MAX.pods, maxStarting: 1 }),
    aMachinePool('cloud', { max: MAX.cloud, tags: [{ name: 'big', priority: 1 }] }),
    aMachinePool('farm', { architectures: ['x86_64'], tags: [{ name: 'big', priority: 600 }], max: 4 }),
    aMachinePool('power', { max: MAX.power, onDemandTags: [{ name: 'power', priority: 5 }] }),
  ]);
  cluster.quotas.set('anna', { weight: 200, maxRunningPerSandbox: 3 });
  cluster.defaultQuota = {
    weight: 100,
    maxRunning: 4,
    maxRunningPerNamespace: 4,
    architectures: [{ name: 'i386', max: 2 }],
    total: { maxRunning: 8, tags: [{ name: 'big', max: 3 }] },
  };
  for (const host of HOSTS) for (let slot = 1; slot <= SLOTS; slot++) cluster.makeMachine('farm', host);
  return cluster;
}

/** What happens between two cycles, as sentences. */
export function passTime(cluster: SimulatedCluster, random: Random): string[] {
  cluster.now += 1000;
  return [...arrivals(cluster, random), ...ends(cluster, random), ...fleet(cluster, random)];
}

/** Nothing comes any more, and everything that runs ends well: what waits must be served in the end. */
export function passQuietTime(cluster: SimulatedCluster): void {
  cluster.now += 1000;
  for (const name of cluster.in('Running')) cluster.complete(name);
  for (const name of cluster.in('Starting')) cluster.start(name);
  for (const name of cluster.machinesIn('Releasing')) retire(cluster, name);
  // Machines of sandboxes that wait for nothing are in the way of those that do.
  for (const name of cluster.machinesIn('Ready')) if (sandboxOf(cluster, name) !== undefined) retire(cluster, name);
  for (const name of cluster.machinesIn('Starting')) cluster.ready(name);
  restock(cluster, 1);
}

function arrivals(cluster: SimulatedCluster, random: Random): string[] {
  const happened: string[] = [];
  while (random.next() < 0.55) {
    const [owner, project] = [random.pick(OWNERS), random.pick(PROJECTS)];
    const architecture = random.pick(['noarch', 'x86_64', 'x86_64', 'i386']);
    const tags = random.pick<string[]>([[], [], [], ['big'], ['power']]);
    const priority = (architecture === 'noarch' ? 1000 : 0) + (random.next() < 0.1 ? -100_000 : 0);
    const place = random.pick<'pod' | 'machine' | 'anything'>(['anything', 'anything', 'machine', 'pod']);
    // The pods have none of the tags: nothing would ever serve that.
    const isFree = place === 'anything' || (place === 'pod' && tags.length > 0);
    const where = isFree ? {} : { environment: place };
    const name = cluster.arrive(owner, project, { architecture, tags, priority, ...where });
    const wish = [architecture, ...tags, ...(isFree ? [] : [`in a ${place}`])];
    happened.push(`${name} of ${owner}/${project} wants ${wish.join('+')}`);
  }
  return happened;
}

function ends(cluster: SimulatedCluster, random: Random): string[] {
  const happened: string[] = [];
  for (const name of cluster.in('Running')) {
    const dice = random.next();
    if (dice < 0.2) {
      cluster.complete(name);
      happened.push(`${name} is done`);
    } else if (dice < 0.23) happened.push(`${name} is lost and becomes ${cluster.lose(name)}`);
  }
  for (const name of cluster.in('Starting')) {
    if (random.next() < 0.6) {
      cluster.start(name);
      happened.push(`${name} runs`);
    }
  }
  return happened;
}

function fleet(cluster: SimulatedCluster, random: Random): string[] {
  const happened: string[] = [];
  for (const name of cluster.machinesIn('Releasing')) {
    const dice = random.next();
    if (dice < 0.4) {
      cluster.release(name);
      happened.push(`${name} is clean`);
    } else if (dice < 0.6) happened.push(`${name} makes room${retire(cluster, name)}`);
  }
  for (const name of cluster.machinesIn('Ready')) {
    if (sandboxOf(cluster, name) === undefined || random.next() > 0.15) continue;
    happened.push(`${name} is not needed${retire(cluster, name)}`);
  }
  for (const name of cluster.machinesIn('Starting')) {
    if (random.next() > 0.5) continue;
    cluster.ready(name);
    happened.push(`${name} is ready`);
  }
  return [...happened, ...restock(cluster, random.next())];
}

/** Deletes a machine; the slot of a host comes back as a new one. */
function retire(cluster: SimulatedCluster, name: string): string {
  const { pool, machine } = cluster.builders.get(name)?.spec ?? { pool: '' };
  cluster.remove(name);
  if (machine?.host === undefined) return '';
  return `, and is back as ${cluster.makeMachine(pool, machine.host)}`;
}

function restock(cluster: SimulatedCluster, dice: number): string[] {
  const asksForPower = [...cluster.tickets.values()].some(({ spec, status }) => {
    return status?.phase !== 'Assigned' && spec.tags.includes('power');
  });
  const counts = (pool: string): number =>
    [...cluster.builders.values()].filter(({ spec }) => spec.pool === pool).length;
  if (asksForPower && counts('power') < MAX.power) return [`${cluster.makeMachine('power')} starts`];
  if (dice > 0.5 && counts('cloud') < MAX.cloud) return [`${cluster.makeMachine('cloud')} starts`];
  return [];
}

function sandboxOf(cluster: SimulatedCluster, name: string): string | undefined {
  return cluster.builders.get(name)?.spec.sandbox;
}
