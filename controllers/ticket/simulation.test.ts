import { describe, expect, it } from 'vitest';
import { toTimestamp } from '../../lib/clock.ts';
import { aPool } from '../testing/objects.ts';
import { SimulatedCluster } from './testing/cluster.ts';
import { machineDay, passTime } from './testing/machineDay.ts';
import type { Plan } from './testing/plan.ts';
import type { Random } from './testing/random.ts';
import { createRandom } from './testing/random.ts';

/**
 * Golden simulations: a stream of arrivals, ends and losses that a seed determines, and the log of all decisions.
 * A change of the log is a change of behaviour: look at it, then accept it with `vitest run -u`.
 */
describe('a simulated day', () => {
  it.each([{ seed: 1 }, { seed: 20261124 }])('with seed $seed decides as before', async ({ seed }) => {
    const log = simulate(seed, 120);
    await expect(log).toMatchFileSnapshot(`testdata/simulation-${seed}.txt`);
  });

  it.each([{ seed: 5 }, { seed: 20261129 }])('with machines and seed $seed decides as before', async ({ seed }) => {
    await expect(simulateMachines(seed, 100)).toMatchFileSnapshot(`testdata/machines-${seed}.txt`);
  });

  it('is the same twice', () => {
    expect(simulate(7, 60)).toBe(simulate(7, 60));
    expect(simulateMachines(7, 40)).toBe(simulateMachines(7, 40));
  });
});

function simulateMachines(seed: number, ticks: number): string {
  const random = createRandom(seed);
  const cluster = machineDay();
  const lines: string[] = [];
  for (let tick = 1; tick <= ticks; tick++) {
    const happened = passTime(cluster, random);
    lines.push(
      `tick ${tick}${happened.length > 0 ? `: ${happened.join(', ')}` : ''}`,
      ...describePlan(cluster.cycle()),
    );
  }
  return `${lines.join('\n')}\n`;
}

const OWNERS = ['anna', 'ben', '@group'];
const PROJECTS = ['main', 'next'];
const ARCHITECTURES = ['noarch', 'noarch', 'x86_64', 'x86_64', 'x86_64', 'x86_64', 'i386', 'i386'];

function simulate(seed: number, ticks: number): string {
  const random = createRandom(seed);
  const cluster = new SimulatedCluster([
    aPool('default', { max: 5, maxStarting: 2, tags: [{ name: 'big', priority: 1 }] }),
    aPool('large', { max: 2, maxStarting: 2, architectures: ['x86_64'], tags: [{ name: 'big', priority: 9 }] }),
  ]);
  cluster.quotas.set('anna', { weight: 200, maxRunningPerSandbox: 2 });
  cluster.defaultQuota = { weight: 100, maxRunning: 4, architectures: [{ name: 'i386', max: 1 }] };
  const lines: string[] = [];
  for (let tick = 1; tick <= ticks; tick++) {
    cluster.now += 1000;
    const happened = [...arrivals(cluster, random), ...ends(cluster, random), ...administration(cluster, random)];
    lines.push(
      `tick ${tick}${happened.length > 0 ? `: ${happened.join(', ')}` : ''}`,
      ...describePlan(cluster.cycle()),
    );
  }
  return `${lines.join('\n')}\n`;
}

function arrivals(cluster: SimulatedCluster, random: Random): string[] {
  const happened: string[] = [];
  while (random.next() < 0.55) {
    const [owner, project] = [random.pick(OWNERS), random.pick(PROJECTS)];
    const architecture = random.next() < 0.02 ? 's390x' : random.pick(ARCHITECTURES);
    const tags = architecture !== 'i386' && random.next() < 0.15 ? ['big'] : [];
    const priority = (architecture === 'noarch' ? 1000 : 0) + (random.next() < 0.1 ? -100_000 : 0);
    const name = cluster.arrive(owner, project, { architecture, tags, priority });
    happened.push(`${name} of ${owner}/${project} wants ${[architecture, ...tags].join('+')} at ${priority}`);
  }
  return happened;
}

function ends(cluster: SimulatedCluster, random: Random): string[] {
  const happened: string[] = [];
  for (const name of cluster.in('Running')) {
    const dice = random.next();
    if (dice < 0.12) {
      cluster.complete(name);
      happened.push(`${name} is done`);
    } else if (dice < 0.15) happened.push(`${name} is lost and becomes ${cluster.lose(name)}`);
  }
  for (const name of cluster.in('Starting')) {
    const dice = random.next();
    if (dice < 0.5) {
      cluster.start(name);
      happened.push(`${name} runs`);
    } else if (dice < 0.55) happened.push(`${name} does not start and becomes ${cluster.lose(name)}`);
  }
  return happened;
}

function administration(cluster: SimulatedCluster, random: Random): string[] {
  const happened: string[] = [];
  for (const project of cluster.suspended) {
    if (random.next() < 0.85) continue;
    cluster.suspended.delete(project);
    happened.push(`${project} is resumed`);
  }
  if (random.next() < 0.04) {
    const project = `${random.pick(OWNERS)}/${random.pick(PROJECTS)}`;
    cluster.suspended.add(project);
    happened.push(`${project} is suspended`);
  }
  if (random.next() < 0.04) {
    const pausedUntil = toTimestamp(cluster.now + 5000);
    cluster.pools = cluster.pools.map((pool) =>
      pool.metadata.name === 'large' ? { ...pool, status: { ...pool.status, pausedUntil } } : pool,
    );
    happened.push('large pauses for 5 s');
  }
  return happened;
}

function describePlan(plan: Plan): string[] {
  const lines = plan.assign.map(({ ticket, pool, machine }) => {
    return `  ${ticket.metadata.name} -> ${machine?.metadata.name ?? pool}`;
  });
  const counts = new Map<string, number>();
  for (const { reason } of plan.waiting) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const next = plan.waiting.filter(({ position }) => position !== undefined && position < 3);
  const names = next.map(({ ticket }) => ticket.metadata.name);
  if (counts.size > 0) {
    const waiting = [...counts].sort().map(([reason, count]) => `${count} ${reason}`);
    lines.push(`  wait: ${waiting.join(', ')}${names.length > 0 ? `; next ${names.join(' ')}` : ''}`);
  }
  return lines;
}
