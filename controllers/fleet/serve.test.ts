import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { ago, NOW } from '../testing/objects.ts';
import { planFleet } from './plan.ts';
import { aCloud, aLine, aMachineOf } from './testing/objects.ts';
import type { WaitingLine } from './world.ts';

/** Machines that are made in each pool, as `pool:count`, and then what is removed. */
function outcome(pools: BuilderPool[], waiting: WaitingLine[], builders: Builder[] = []): string {
  const { create, remove } = planFleet({ pools, builders, waiting }, NOW);
  const counts = Map.groupBy(create, ({ pool }) => pool.metadata.name);
  return [
    ...[...counts].map(([name, own]) => `${name}:${own.length}`),
    ...remove.map(({ builder, reason }) => `-${builder.metadata.name} ${reason}`),
  ].join(' ');
}

const READY = { phase: 'Ready', startedAt: ago(60) } as const;
const RELEASING = { phase: 'Releasing', startedAt: ago(60), uses: 1, assignedAt: ago(50), releasedAt: ago(1) } as const;
const REUSE = { waitSeconds: 600, maxUses: 0, maxSeconds: 0 };
const SANDBOX = { sandbox: 'demo/hello' };

function tagged(
  name: string,
  priority: number,
  more: Partial<BuilderPool['spec']> = {},
  status?: BuilderPool['status'],
) {
  return aCloud({ tags: [{ name: 'big', priority }], ...more }, status === undefined ? {} : { status }, name);
}

function onDemand(more: Partial<BuilderPool['spec']> = {}): BuilderPool {
  return aCloud({
    preallocated: 5,
    tags: [{ name: 'arch', priority: 0 }],
    onDemandTags: [{ name: 'huge', priority: 0 }],
    ...more,
  });
}

describe('a pool on demand', () => {
  it.each<[string, string, WaitingLine]>([
    ['keeps nothing ready', '', aLine()],
    ['makes a machine for each ticket that asks for what is on demand', 'cloud:3', aLine({ tags: ['huge'], told: 3 })],
    ['does so when the ticket asks for more', 'cloud:1', aLine({ tags: ['arch', 'huge'], told: 1 })],
    ['makes none for others', '', aLine({ tags: ['arch'], told: 3 })],
    ['makes none for what it does not offer', '', aLine({ tags: ['huge', 'gpu'], told: 3 })],
    ['makes none for another architecture', '', aLine({ tags: ['huge'], architecture: 's390x', told: 3 })],
    ['makes one for noarch', 'cloud:1', aLine({ tags: ['huge'], architecture: 'noarch', told: 1 })],
    ['makes none for tickets that may be served at once', '', aLine({ tags: ['huge'], fresh: 3 })],
  ])('%s', (_title, result, line) => {
    expect(outcome([onDemand()], [line])).toBe(result);
  });

  it('counts what is there and will be', () => {
    const builders = [
      aMachineOf('cloud', 1, READY),
      aMachineOf('cloud', 2),
      aMachineOf('cloud', 3, RELEASING, SANDBOX),
    ];
    const pool = onDemand({ reuse: REUSE });
    expect(outcome([pool], [aLine({ tags: ['huge'], told: 4 })], builders)).toBe('cloud:1');
    // A machine that is released in another sandbox serves no one of this.
    expect(outcome([pool], [aLine({ tags: ['huge'], told: 4, sandbox: 'x/y' })], builders)).toBe('cloud:2');
    // One that may not be used again serves nobody.
    expect(outcome([onDemand()], [aLine({ tags: ['huge'], told: 4 })], builders)).toBe('cloud:2');
  });

  it('removes machines that nobody wants, the oldest first', () => {
    const builders = [1, 2, 3].map((id) => aMachineOf('cloud', id, READY));
    expect(outcome([onDemand()], [aLine({ tags: ['huge'], told: 1 })], builders)).toBe(
      '-cloud-00000001 NotNeeded -cloud-00000002 NotNeeded',
    );
    expect(outcome([onDemand()], [aLine({ tags: ['huge'], fresh: 2 })], builders)).toBe('-cloud-00000001 NotNeeded');
  });
});

describe('tickets that no machine will serve', () => {
  it('have machines made in a pool that keeps none ready', () => {
    expect(outcome([aCloud({ preallocated: 0 })], [aLine({ told: 2 })])).toBe('cloud:2');
  });

  it('have more made than a pool keeps ready', () => {
    expect(outcome([aCloud({ preallocated: 2 })], [aLine({ told: 1 })])).toBe('cloud:2');
    expect(outcome([aCloud({ preallocated: 2 })], [aLine({ told: 5 })])).toBe('cloud:5');
  });

  it('have no more made than the pool may', () => {
    expect(outcome([aCloud({ max: 3 })], [aLine({ told: 5 })])).toBe('cloud:3');
    expect(outcome([aCloud({ maxStarting: 2 })], [aLine({ told: 5 })])).toBe('cloud:2');
    expect(outcome([aCloud({ suspend: true })], [aLine({ told: 5 })])).toBe('');
  });

  it('have none made while they are being given one: the machine is claimed before its ticket hears of it', () => {
    const claim = { ...SANDBOX, ticket: { namespace: 'demo', name: 'one', uid: 'uid-of-one' } };
    const claimed = aMachineOf('cloud', 1, READY, claim);
    expect(outcome([aCloud()], [aLine({ told: 1 })], [claimed])).toBe('');
    expect(outcome([aCloud()], [aLine({ told: 2 })], [claimed])).toBe('cloud:1');
    expect(outcome([aCloud()], [aLine({ told: 1, sandbox: 'x/y' })], [claimed])).toBe('cloud:1');
    const running = aMachineOf('cloud', 1, { ...READY, phase: 'Running' }, claim);
    expect(outcome([aCloud()], [aLine({ told: 1 })], [running])).toBe('cloud:1');
  });

  it('of builds have none made in a pool that only clients of Resalloc can use', () => {
    const lent = aCloud();
    delete lent.spec.ssh;
    expect(outcome([lent], [aLine({ told: 1 })])).toBe('');
    expect(outcome([lent], [aLine({ told: 1, isStage: false })])).toBe('cloud:1');
  });

  it('go to the pool with the highest priority, and the rest to the next', () => {
    const pools = [tagged('a', 1), tagged('b', 50, { max: 2 }), tagged('c', 10, { max: 1 })];
    expect(outcome(pools, [aLine({ tags: ['big'], told: 5 })])).toBe('a:2 b:2 c:1');
  });

  it('go to the pool that works, when the better one has failed too often', () => {
    const failing = tagged('b', 250, {}, { consecutiveStartFailures: 2, pausedUntil: ago(1) });
    expect(outcome([tagged('a', 0), failing], [aLine({ tags: ['big'], told: 1 })])).toBe('b:1');
    const worse = tagged('b', 250, {}, { consecutiveStartFailures: 3, pausedUntil: ago(1) });
    expect(outcome([tagged('a', 0), worse], [aLine({ tags: ['big'], told: 1 })])).toBe('a:1');
  });

  it('go to another pool while the best one pauses', () => {
    const paused = tagged('b', 900, {}, { consecutiveStartFailures: 1, pausedUntil: ago(-5) });
    expect(outcome([tagged('a', 0), paused], [aLine({ tags: ['big'], told: 2 })])).toBe('a:2');
  });

  it('leave machines that few can use to those few', () => {
    const pools = [aCloud({ preallocated: 1 }, {}, 'plain'), tagged('special', 0)];
    const builders = [aMachineOf('plain', 1, READY), aMachineOf('special', 1, READY)];
    expect(outcome(pools, [aLine({ told: 1 }), aLine({ tags: ['big'], told: 1 })], builders)).toBe('');
  });
});

describe('a full pool', () => {
  const RESERVED = { ...RELEASING, phase: 'Ready' } as const;
  const kept = (id: number, sandbox: string, secondsAgo = 1): Builder =>
    aMachineOf('cloud', id, { ...RESERVED, releasedAt: ago(secondsAgo) }, { sandbox });
  const full = (more: Partial<BuilderPool['spec']> = {}, status?: BuilderPool['status']): BuilderPool =>
    aCloud({ max: 2, maxStarting: 2, preallocated: 0, reuse: REUSE, ...more }, status === undefined ? {} : { status });
  const others = aLine({ sandbox: 'x/y', told: 1 });

  it.each<[string, string, BuilderPool, WaitingLine[], Builder[]]>([
    [
      'deletes for others the machine that its sandbox has left unused for longest',
      '-cloud-00000002 GivesWay',
      full(),
      [others],
      [kept(1, 'a/b', 5), kept(2, 'c/d', 9)],
    ],
    [
      'leaves a sandbox the machine that it asks for',
      '-cloud-00000001 GivesWay',
      full(),
      [others, aLine({ sandbox: 'c/d', told: 1 })],
      [kept(1, 'a/b', 5), kept(2, 'c/d', 9)],
    ],
    [
      'leaves sandboxes their machines while it has room',
      'cloud:1',
      full({ max: 3 }),
      [others],
      [kept(1, 'a/b'), kept(2, 'c/d')],
    ],
    [
      'deletes none for tickets that may be served at once',
      '',
      full(),
      [aLine({ sandbox: 'x/y', fresh: 2 })],
      [kept(1, 'a/b'), kept(2, 'c/d')],
    ],
    [
      'deletes no second one while the first leaves',
      '',
      full(),
      [others],
      [kept(1, 'a/b'), { ...kept(2, 'c/d'), metadata: { ...kept(2, 'c/d').metadata, deletionTimestamp: ago(1) } }],
    ],
    [
      'deletes no more than it may start at once',
      '-cloud-00000001 GivesWay',
      full({ maxStarting: 1 }),
      [aLine({ sandbox: 'x/y', told: 2 })],
      [kept(1, 'a/b'), kept(2, 'c/d')],
    ],
    [
      'deletes none while it pauses, since it could make no other',
      '',
      full({}, { consecutiveStartFailures: 1, pausedUntil: ago(-60) }),
      [others],
      [kept(1, 'a/b'), kept(2, 'c/d')],
    ],
    [
      'deletes none for tickets that it makes no machines for',
      '',
      full({ onDemandTags: [{ name: 'huge', priority: 0 }] }),
      [others],
      [kept(1, 'a/b'), kept(2, 'c/d')],
    ],
  ])('%s', (_title, result, pool, waiting, builders) => {
    expect(outcome([pool], waiting, builders)).toBe(result);
  });
});
